"""Ending a study: the choice on the dev set, the one test, the model."""

from __future__ import annotations

from typing import Any

from torch import nn

from ikura.data import Dataset
from ikura.metric import interval, metric
from ikura.population.member import Member
from ikura.population.workshop import Workshop
from ikura.study.finalists import choose, keep_weights, load_network, predictions, ranked, train_finalists, weights_file
from ikura.study.floor import examples_of, replay
from ikura.study.model import Model
from ikura.study.preference import preferred
from ikura.study.pretrained import Pretrained
from ikura.study.search import Floor
from ikura.study.setting import Setting
from ikura.study.study import Study

__all__ = ["finish"]


def finish(floor: Floor, setting: Setting, dataset: Dataset, patience: int | None) -> None:
    """Choose on the dev set, open the test set once, save the model."""
    store, run, workshop = floor.store, floor.run, floor.workshop
    measure = metric(setting.metric, setting.task)
    if store.fact("best") is None:
        with store.timed("finalists"):
            if setting.finalists:
                train_finalists(floor, setting.finalists, setting.replicates, setting.epochs, patience)
            best = choose(floor, measure) if setting.finalists else None
            if best is None:
                best = _winner(floor, setting)
                if best is not None and setting.finalists:
                    floor.progress.say("every finalist diverged with other seeds; the best trial of the search is kept")
        if best is None:
            floor.progress.say("no trial could be trained to its end; try smaller learning rates")
            return
        store.set_fact("best", best)
    best = store.fact("best")
    row = next(row for row in store.trials() if row["number"] == best["model"])
    module = load_network(workshop, run, floor.member(row))
    if store.fact("test") is None:
        with store.timed("test"):
            examples = examples_of(dataset.test, setting.dtype, workshop.network)
            outputs, target = predictions(workshop, module, examples), workshop.judge.target(examples.y)
            low, high = interval(measure, [outputs], target, seed=setting.seed)
            shown = slice(0, 10_000)
            answer = outputs.argmax(1) if setting.task == "multiclass" else outputs
            answer = (outputs > 0.5).long() if setting.task == "binary" else answer
            store.set_fact(
                "predictions",
                {
                    "target": target[shown].tolist(),
                    "prediction": answer[shown].tolist(),
                    "classes": dataset.task.classes,
                },
            )
            value = float(measure(outputs, target))
            store.set_fact("test", {"metric": measure.name, "value": value, "interval": [low, high]})
    _model(setting, dataset, workshop, module, floor.member(row)).save(run / "model")


def _winner(floor: Floor, setting: Setting) -> dict[str, Any] | None:
    """The best trial of the search, trained again for its weights if they were not kept."""
    rows = ranked(floor, "search")
    if not rows:
        return None
    row, choice = rows[0], None
    low, high = _interval(floor, setting, row)
    if floor.aims.prefer is not None:
        groups = {one["number"]: [one] for one in rows if one["state"] == row["state"]}
        number, choice = preferred(floor, groups, row["number"], (low, high))
        if number != row["number"]:
            [row] = groups[number]
            low, high = _interval(floor, setting, row)
    return {
        "number": row["number"],
        "model": row["number"],
        "hyperparameters": row["hyperparameters"],
        "dev": row["dev_score"],
        "interval": [low, high],
        "choice": choice,
    }


def _interval(floor: Floor, setting: Setting, row: dict[str, Any]) -> tuple[float, float]:
    """Interval of a trial's dev score; it is trained again for its weights if they were not kept."""
    if not weights_file(floor.run, row["number"]).exists():
        keep_weights(floor.run, [replay(Study(floor.run, floor.workshop.network), floor.store, row)])
    dev = floor.workshop.dev
    outputs = predictions(floor.workshop, load_network(floor.workshop, floor.run, floor.member(row)), dev)
    measure = metric(setting.metric, setting.task)
    return interval(measure, [outputs], floor.workshop.judge.target(dev.y), seed=setting.seed)


def _model(setting: Setting, dataset: Dataset, workshop: Workshop, module: nn.Module, member: Member) -> Model:
    built_in: dict[str, Any] | str | None = None if setting.custom else setting.network
    if isinstance(workshop.network, Pretrained):
        module, built_in = workshop.network.whole(module), setting.pretrained
    if workshop.network is None:
        built_in = workshop.layout(member).arguments(member)
    description = {
        "task": setting.task,
        "target": setting.target,
        "classes": dataset.task.classes,
        "target_mean": dataset.target_mean,
        "target_std": dataset.target_std,
        "network": built_in,
        "hyperparameters": workshop.hyperparameters(member),
    }
    return Model(module, dataset.encoder, description)
