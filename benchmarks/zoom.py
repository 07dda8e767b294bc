"""What a search is worth against random search, both given the same number of epochs.

`python -m benchmarks.zoom` searches the six tasks of `benchmarks.search` with `coarse-to-fine` (or others) and with
`random`, each trial training at most a third of the task's epochs. Both have the same space, networks and data; random
search trains every trial to the end and gets as many trials as make the same number of member epochs. What is compared
is the lowest dev loss found, in pairs of the same seed, as the ratio of the losses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.output import command, give, say, table
from benchmarks.tasks import TASKS
from ikura.data import Dataset, prepare
from ikura.engine import engine_for
from ikura.metric import default_metric
from ikura.population.examples import Examples
from ikura.population.job import Job
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.process_state import one_thread_each
from ikura.search import Observation, Proposer, proposer
from ikura.space import Space

RIVAL = "random"
TILE = 8


def make_setup(data: Dataset) -> TrainingSetup:
    """Make a training setup with a data set's training and dev examples."""
    kind = data.task.name
    train, dev = (Examples.of(part, "float32").flat() for part in (data.train, data.dev))
    judge = Scorer(kind, default_metric(kind), data.target_mean, data.target_std)
    outputs = len(data.task.classes or []) if kind == "multiclass" else 1
    return TrainingSetup(train, dev, judge, outputs, tuple(data.encoder.cardinalities))


def run(
    search: Proposer, trials: int, epochs: int, setup: TrainingSetup, jobs: int, seed: int
) -> tuple[float, int, int]:
    """Search without a store.

    Returns:
        The lowest dev loss found, the epochs trained in all, and how many ranges were widened.
    """
    history: list[Observation] = []
    trained = wider = 0
    with one_thread_each(), engine_for(setup, jobs) as engine:
        for stage in search.stages(trials, epochs):
            wider += len(search.widenings(stage, history))
            asked = search.ask(stage, stage.trials, history)
            members = [Member(len(history) + i, one.configuration, seed) for i, one in enumerate(asked)]
            tiles = [Job(i, tuple(tile), stage.epochs) for i, tile in enumerate(pack(setup, members, TILE))]
            outcomes = sorted(
                (o for some in engine.run(tiles, lambda told: None) for o in some), key=lambda o: o.number
            )
            for member, outcome in zip(members, outcomes, strict=True):
                score = math.nan if outcome.state == "diverged" else -outcome.dev_loss
                history.append(Observation(member.number, stage.index, dict(member.hyperparameters), score, -score))
            trained += stage.trials * stage.epochs
    usable = [one.loss for one in history if one.usable]
    return min(usable, default=math.inf), trained, wider


def compare(
    names: Sequence[str], space: Space, setup: TrainingSetup, trials: int, epochs: int, seeds: range, jobs: int
) -> dict[str, Any]:
    """Run searches and their rival on one task.

    Returns:
        For each search the losses, the rival's, and the epochs of each.
    """
    found: dict[str, Any] = {}
    for name in names:
        mine, its, cost, wider = [], [], 0, 0
        for seed in seeds:
            loss, cost, widened = run(proposer(name, space, seed), trials, epochs, setup, jobs, seed)
            rival = proposer(RIVAL, space, 1000 + seed)
            mine.append(loss)
            wider += widened
            its.append(run(rival, max(1, round(cost / epochs)), epochs, setup, jobs, seed)[0])
        found[name] = {"losses": mine, RIVAL: its, "epochs": cost, "widened": wider}
    return found


def ratios(mine: Sequence[float], its: Sequence[float], seed: int = 0) -> dict[str, Any]:
    """Describe the ratios of paired losses: their median with a 95 % bootstrap interval, and how many lie below 1."""
    ratio = np.array(mine) / np.array(its)
    luck = np.random.default_rng(seed)
    medians = np.median(ratio[luck.integers(len(ratio), size=(4000, len(ratio)))], axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return {"median": float(np.median(ratio)), "interval": [float(low), float(high)], "won": int((ratio < 1).sum())}


def _row(told: dict[str, Any], studies: int) -> list[Any]:
    return [told["median"], *told["interval"], f"{told['won']}/{studies}"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = command("zoom", __doc__.split("\n\n")[0], "", "--seeds 20", "--searches tpe cma-es --tasks digits")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--searches", nargs="+", default=["coarse-to-fine"])
    parser.add_argument("--seeds", type=int, default=10, help="how many studies of each search and task")
    parser.add_argument("--trials", type=int, default=128, help="of a study; 128 is what `ikura tune` takes")
    parser.add_argument("--epochs", type=int, help="of a trial at most (a third of the task's)")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    rows: list[list[Any]] = []
    figures: dict[str, Any] = {}
    everything: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in given.searches}
    for task in given.tasks:
        setup, space = make_setup(prepare(*TASKS[task].data(), seed=0)), TASKS[task].workload.space()
        epochs = given.epochs or TASKS[task].epochs // 3
        found = compare(given.searches, space, setup, given.trials, epochs, range(given.seeds), given.jobs)
        figures[task] = found
        for name, one in found.items():
            told = one["ratio"] = ratios(one["losses"], one[RIVAL])
            everything[name][0].extend(one["losses"])
            everything[name][1].extend(one[RIVAL])
            medians = [float(np.median(one[which])) for which in ("losses", RIVAL)]
            rows.append([f"{task}, {name}", *medians, *_row(told, given.seeds), one["widened"]])
            say(f"{task}, {name}: ratio {told['median']:.3f}, won {told['won']} of {given.seeds}")
    for name, all_of in everything.items():
        told = ratios(*all_of)
        figures.setdefault("all", {})[name] = told
        rows.append([f"all, {name}", None, None, *_row(told, len(all_of[0])), None])
    header = ["task, search", "median loss", RIVAL, "ratio", "low", "high", "won", "widened"]
    give(figures, table(header, rows), given.json)


if __name__ == "__main__":
    main()
