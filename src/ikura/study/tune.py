"""Tune: from data to a chosen, tested, saved network."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ikura.data import Dataset, prepare
from ikura.engine import engine_for
from ikura.errors import RunError, UsageError
from ikura.metric import default_metric, interval, metric
from ikura.population.examples import Examples
from ikura.population.member import Hyperparameters, Member
from ikura.population.tile_size import COMPILED_TILE, measure_tile_size
from ikura.population.warmup import warm_up
from ikura.population.workshop import Workshop
from ikura.search import proposer, schedule
from ikura.space import HYPERPARAMETERS, Space, default_space, fixed
from ikura.study.finalists import choose, keep_weights, load_network, predictions, ranked, train_finalists
from ikura.study.floor import one_thread_each, replay, workshop_of
from ikura.study.model import Model
from ikura.study.progress import Progress
from ikura.study.search import Floor, search
from ikura.study.setting import Setting, remember_data
from ikura.study.store import Store
from ikura.study.study import Study

__all__ = ["resume", "tune"]

REPLICATES = 3
SHARE_OF_SEARCH = 0.75
ARCHITECTURE = ("layers", "units", "dropout", "activation", "initialisation")


def tune(
    data: Any,
    target: str | None = None,
    *,
    task: str = "auto",
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    space: Space | Mapping[str, Any] | None = None,
    trials: int = 128,
    epochs: int = 100,
    time_limit: float | None = None,
    search: str = "coarse-to-fine",
    schedule: str = "early-stopping",
    finalists: int = 4,
    metric: str | None = None,
    seed: int = 0,
    jobs: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    out: str | Path | None = None,
    group: str | None = None,
    time: str | None = None,
    kinds: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Study:
    """Search hyperparameters with populations of networks, choose the best on the dev set, test it once, and save it.

    Args:
        data: path of a table (CSV, TSV, Parquet), name of a bundled data set, pandas frame, or (x, y) arrays of shapes
            (rows, ...) and (rows,).
        target: the column to predict; not needed when one is called target, label, class or y.
        task: "auto", "binary", "multiclass" or "regression".
        network: factory of a network from its hyperparameters (`hp.units`, also `hp.inputs` and `hp.outputs`); None
            for the built-in fully connected network. The module maps (rows, inputs) to (rows, outputs): one logit for
            binary classes, one logit a class, or one value.
        space: what to search; by default chosen by the number of trials.
        trials: configurations to try.
        epochs: passes over the training set of a trial at most.
        time_limit: seconds; three quarters of them go to the search, then the finalists are trained.
        search: "coarse-to-fine" or "random".
        schedule: "early-stopping", "none" (every trial trains all its epochs) or "successive-halving".
        finalists: configurations that are trained again in full, with three other seeds each; 0 for none.
        metric: what trials are compared by; accuracy for classes and r2 for regression by default.
        seed: the same seed gives the same study.
        jobs: tiles that train at once; by default one for each core.
        device: "auto", "cpu" or "cuda"; auto is a GPU for networks of your own if there is one, the CPU otherwise.
        dtype: "float32" or "float64".
        out: the run folder; by default a new one under runs/.
        group: column whose groups stay together in one part of the split.
        time: column by which the oldest rows train and the newest test.
        kinds: column -> numeric, category, boolean, datetime or ignore, where its kind is to be another.
        progress: who is told how it goes.

    Returns:
        The finished study.

    Raises:
        UsageError: the data, the space or an argument cannot be used; the message says what would be right.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> study = tune("iris", trials=4, epochs=5, finalists=0, out=folder + "/iris")
        >>> len(study.trials), study.best.number in range(4)
        (4, True)
    """
    began = _clock()
    progress = progress or Progress()
    _check_arguments(trials=trials, epochs=epochs, finalists=(finalists, 0), seed=(seed, 0), jobs=jobs)
    if time_limit is not None and not time_limit > 0:
        raise UsageError(f"time_limit must be above 0 seconds, but is {time_limit}")
    _known(search, schedule, dtype)
    device = _device(device, network is not None)
    run = _run_folder(data, out)
    dataset = prepare(data, target, task=task, group=group, time=time, kinds=kinds, seed=seed)
    chosen = _metric(metric, dataset.task.name)
    opened, note = _space(space, network is not None, trials, dataset)
    for line in _findings(dataset, note):
        progress.say(line)
    _make(run)
    remembered = remember_data(data, run)
    setting = Setting(
        data=remembered,
        target=dataset.task.target if remembered["kind"] != "arrays" else target,
        task=dataset.task.name,
        trials=trials,
        epochs=epochs,
        search=search,
        schedule=schedule,
        finalists=finalists,
        replicates=REPLICATES,
        metric=chosen,
        seed=seed,
        jobs=jobs or _cores(),
        device=device,
        dtype=dtype,
        custom=network is not None,
        space=opened.as_dict(),
        space_note=note,
        time_limit=time_limit,
        group=group,
        time=time,
        kinds=dict(kinds or {}),
    )
    store = Store(run / "study.db", create=True)
    store.set_fact("summary", dataset.summary)
    store.set_fact("seconds", {"read": _clock() - began})
    setting.save(run)
    progress.opened(run)
    return _run(run, setting, store, dataset, network, progress)


def resume(
    run: str | Path,
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    progress: Progress | None = None,
) -> Study:
    """Go on with a run that was stopped or killed, to the result it would have had.

    Args:
        run: the run folder.
        network: the factory, if the networks are the caller's own.
        progress: who is told how it goes.

    Returns:
        The finished study; at once if it had been finished.

    Raises:
        RunError: the folder holds no run, or its data are gone or have changed.
    """
    run = Path(run)
    setting = Setting.load(run)
    store = Store(run / "study.db")
    for stray in run.glob("**/.*.tmp"):
        stray.unlink()
    if store.fact("done"):
        store.close()
        return Study(run, network)
    (progress or Progress()).opened(run)
    dataset = setting.prepare(run)
    return _run(run, setting, store, dataset, network, progress or Progress())


_clock = time.perf_counter


def _run(
    run: Path,
    setting: Setting,
    store: Store,
    dataset: Dataset,
    network: Callable[[Hyperparameters], nn.Module] | None,
    progress: Progress,
) -> Study:
    try:
        workshop = workshop_of(setting, dataset, network)
        space = Space.from_dict(setting.space)
        with one_thread_each():
            if workshop.compiled:
                with store.timed("compile"):
                    warm_up(setting.dtype, progress.say)
            tile_size = store.fact("tile_size")
            if tile_size is None:
                with store.timed("prepare"):
                    tile_size = _tile_size(workshop, space, setting)
                store.set_fact("tile_size", tile_size)
            with engine_for(workshop, setting.jobs) as engine:
                sign = 1.0 if workshop_metric(setting).greater_is_better else -1.0
                floor = Floor(run, store, workshop, engine, progress, sign, setting.seed, tile_size)
                floor.deadline = _deadline(setting, store)
                plan = schedule(setting.schedule)
                search(
                    floor,
                    proposer(setting.search, space, setting.seed),
                    plan,
                    setting.trials,
                    setting.epochs,
                    plan.patience(setting.epochs),
                )
                waiting = [row["number"] for row in store.trials() if row["state"] == "waiting"]
                if floor.late:
                    store.set_states(waiting, "skipped")
                floor.deadline = None
                _finish(floor, setting, dataset, plan.patience(setting.epochs))
    finally:
        store.close()
    study = Study(run, network)
    with study._store.timed("report"):
        study.report()
    study._store.set_fact("done", True)
    return study


def workshop_metric(setting: Setting) -> Any:
    """The metric of a setting."""
    return metric(setting.metric, setting.task)


def _tile_size(workshop: Workshop, space: Space, setting: Setting) -> int:
    if workshop.compiled:
        return max(4, min(COMPILED_TILE, setting.trials // 12))
    middle = space.from_unit(dict.fromkeys(space.dimensions, 0.5))
    return measure_tile_size(workshop, [Member(0, middle, setting.seed)] * setting.trials)


def _deadline(setting: Setting, store: Store) -> float | None:
    if setting.time_limit is None:
        return None
    return time.time() + SHARE_OF_SEARCH * setting.time_limit - sum(store.fact("seconds", {}).values())


def _finish(floor: Floor, setting: Setting, dataset: Dataset, patience: int | None) -> None:
    """Choose on the dev set, open the test set once, save the model."""
    store, run, workshop = floor.store, floor.run, floor.workshop
    measure = workshop_metric(setting)
    if store.fact("best") is None:
        with store.timed("finalists"):
            if setting.finalists:
                train_finalists(floor, setting.finalists, setting.replicates, setting.epochs, patience)
            best = choose(floor, measure) if setting.finalists else _winner(floor, setting)
        if best is None:
            floor.progress.say("no trial could be trained to its end; try smaller learning rates")
            return
        store.set_fact("best", best)
    best = store.fact("best")
    row = next(row for row in store.trials() if row["number"] == best["model"])
    module = load_network(workshop, run, floor.member(row))
    if store.fact("test") is None:
        with store.timed("test"):
            examples = Examples.of(dataset.test, setting.dtype)
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
    """Without finalists: the best trial of the search, trained again for its weights."""
    rows = ranked(floor, "search")
    if not rows:
        return None
    row = rows[0]
    replayed = replay(Study(floor.run, floor.workshop.network), floor.store, row)
    keep_weights(floor.run, [replayed])
    dev = floor.workshop.dev
    outputs = predictions(floor.workshop, load_network(floor.workshop, floor.run, floor.member(row)), dev)
    low, high = interval(workshop_metric(setting), [outputs], floor.workshop.judge.target(dev.y), seed=setting.seed)
    return {
        "number": row["number"],
        "model": row["number"],
        "hyperparameters": row["hyperparameters"],
        "dev": row["dev_score"],
        "interval": [low, high],
    }


def _model(setting: Setting, dataset: Dataset, workshop: Workshop, module: nn.Module, member: Member) -> Model:
    built_in = None
    if workshop.network is None:
        layout = workshop.layout(member)
        built_in = {
            "inputs": layout.inputs,
            "outputs": layout.outputs,
            "units": list(layout.units),
            "activation": member.values.activation,
            "dropout": member.values.dropout,
            "cardinalities": list(layout.cardinalities),
        }
    description = {
        "task": setting.task,
        "target": setting.target,
        "classes": dataset.task.classes,
        "target_mean": dataset.target_mean,
        "target_std": dataset.target_std,
        "network": built_in,
        "hyperparameters": dict(member.hyperparameters)
        | {"inputs": int(workshop.train.x[0].size), "outputs": workshop.outputs},
    }
    return Model(module, dataset.encoder, description)


def _check_arguments(**arguments: Any) -> None:
    for name, value in arguments.items():
        value, least = value if isinstance(value, tuple) else (value, 1)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise UsageError(f"{name} must be a whole number of at least {least}, but is {value!r}")


def _known(search: str, plan: str, dtype: str) -> None:
    proposer(search, Space(learning_rate=fixed(0.1)), 0)
    schedule(plan)
    if dtype not in ("float32", "float64"):
        raise UsageError(f"dtype must be float32 or float64, but is {dtype!r}")


def _metric(name: str | None, task: str) -> str:
    return default_metric(task).name if name is None else metric(name, task).name


def _device(device: str, custom: bool) -> str:
    if device == "auto":
        return "cuda" if custom and torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used here: {str(error).splitlines()[0]}") from None
    return device


def _space(space: Space | Mapping[str, Any] | None, custom: bool, trials: int, dataset: Dataset) -> tuple[Space, str]:
    if space is not None:
        opened = Space.coerce(space)
        if not custom:
            opened.validate(HYPERPARAMETERS)
        return opened, "the space was given"
    rows = len(dataset.train) + len(dataset.dev) + len(dataset.test)
    chosen = default_space(trials, rows, int(dataset.train.x[0].size))
    if not custom:
        return chosen.space, chosen.explanation
    conditions = chosen.space.as_dict()
    kept = {name: form for name, form in conditions.items() if name not in ARCHITECTURE}
    return Space.from_dict(kept), chosen.explanation + " (the network is your own: only its training is searched)"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_folder(data: Any, out: str | Path | None) -> Path:
    if out is None:
        name = Path(data).name.split(".")[0] if isinstance(data, str | os.PathLike) else "study"
        stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        run, again = Path("runs") / stem, 1
        while run.exists():
            again += 1
            run = Path("runs") / f"{stem}-{again}"
        return run
    run = Path(out)
    if run.exists() and not run.is_dir():
        raise RunError(f"{run}: the output folder is a file; name a folder")
    if (run / "config.toml").exists() or (run / "study.db").exists():
        raise RunError(f"{run}: holds another run; go on with it (ikura resume {run}) or name another folder")
    return run


def _make(run: Path) -> None:
    try:
        (run / "snapshots").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{run}: the output folder cannot be made: {error.strerror}") from error


def _findings(dataset: Dataset, note: str) -> list[str]:
    """What was understood of the data, in a few sentences."""
    summary = dataset.summary
    used = [column for column in summary["columns"] if column["kind"] not in ("ignore", "constant", "identifier")]
    kinds: dict[str, int] = {}
    for column in used:
        kinds[column["kind"]] = kinds.get(column["kind"], 0) + 1
    what = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    parts = summary["parts"]
    lines = [
        f"{summary['rows']} rows, {sum(kinds.values())} features ({what or 'an array'}); {dataset.task.name} target "
        f"{dataset.task.target!r}; training {parts['train']}, dev {parts['dev']}, test {parts['test']}"
    ]
    return [*lines, *summary.get("notes", []), note]
