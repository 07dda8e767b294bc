"""Where ikura's time goes: a study with a watch on its parts, and the kernel with its parts switched off in turn."""

from __future__ import annotations

import functools
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

import ikura
from benchmarks.cost import sample, steps, widths
from benchmarks.machine import cores, header
from benchmarks.output import command, give, table
from benchmarks.peak import Shape, dot_steps
from benchmarks.workload import WORKLOADS, Workload

__all__ = ["Watch", "main"]

REPEATS, SECONDS = 3, 3.0
"""How often, and how long altogether, the parts of the kernel are timed at least."""

ROWS = 8_192
"""Training rows on which the kernel's step is timed, at most."""

SLOW = 1e-4
"""Learning rate at which no member diverges while it is timed."""


class Watch(ikura.Progress):
    """Adds up the time that methods take during the search, less that of watched methods they call.

    Attributes:
        seconds: label -> own time in worker threads.
        beside: label -> own time in the main thread, which records results while workers train on.
        running: whether the search is on.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.beside: dict[str, float] = {}
        self.running = False
        self._inner = threading.local()

    def start(self, stage: str, total: int) -> None:
        """The search is on."""
        self.running = True

    def finish(self) -> None:
        """The search is over."""
        self.running = False

    @contextmanager
    def on(self, owner: Any, name: str, label: str) -> Iterator[None]:
        """Watch one method of a class, or function of a module."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def watched(*arguments: Any, **options: Any) -> Any:
            outer = getattr(self._inner, "spent", 0.0)
            self._inner.spent = 0.0
            begun = time.perf_counter()
            try:
                return original(*arguments, **options)
            finally:
                took = time.perf_counter() - begun
                if self.running:
                    main = threading.current_thread() is threading.main_thread()
                    spent = self.beside if main else self.seconds
                    spent[label] = spent.get(label, 0.0) + took - self._inner.spent
                self._inner.spent = outer + took

        setattr(owner, name, watched)
        try:
            yield
        finally:
            setattr(owner, name, original)


def _watched() -> list[tuple[Any, str, str]]:
    from ikura.population.compiled import CompiledTile
    from ikura.population.examples import Examples
    from ikura.population.scoring import Scorer
    from ikura.population.setup import TrainingSetup
    from ikura.population.training import TrainingRun
    from ikura.study.record.store import Store

    return [
        (CompiledTile, "train_epoch", "training kernel"),
        (CompiledTile, "outputs", "forward passes on the dev set"),
        (Examples, "ordered", "order of the examples"),
        (Scorer, "__call__", "dev loss and score"),
        (CompiledTile, "keep", "copies of the best weights"),
        (TrainingRun, "advance", "Python between epochs"),
        (TrainingSetup, "tile", "initial weights"),
        (TrainingRun, "train_scores", "scores on the training set"),
        (Store, "record", "store: results"),
        (Store, "add_trials", "store: new trials"),
    ]


def parts_of_study(workload: Workload, data: Any, trials: int) -> dict[str, Any]:
    """Watch a study of one thread, then time one and all threads unwatched."""
    watch = Watch()
    seconds: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {
            "search": "random", "schedule": "none", "finalists": 0, "space": workload.space(),
            "trials": trials, "epochs": workload.epochs,
        }  # fmt: skip
        ikura.tune(data, **(options | {"trials": 2, "epochs": 1}), out=Path(folder) / "first")
        for jobs in (1, cores()):
            study = ikura.tune(data, **options, jobs=jobs, out=Path(folder) / f"of-{jobs}")
            seconds[jobs] = study.seconds["random"]
        with ExitStack() as stack:
            for owner, name, label in _watched():
                stack.enter_context(watch.on(owner, name, label))
            begun = time.perf_counter()
            study = ikura.tune(data, **options, jobs=1, out=Path(folder) / "watched", progress=watch)
            whole = time.perf_counter() - begun
            stages = dict(study.seconds)
    return {
        "trials": trials,
        "parts": watch.seconds,
        "beside": watch.beside,
        "stages": stages | {"outside of stages": whole - sum(stages.values())},
        "search_by_jobs": seconds,
        "gain_of_jobs": seconds[1] / seconds[max(seconds)],
    }


def parts_of_kernel(workload: Workload, data: Any, count: int) -> list[tuple[str, float]]:
    """Time the kernel's step on one core, its parts switched off one after another.

    Returns:
        What is left on, and microseconds per model and step in the mean over all steps.
    """
    from ikura.data import prepare
    from ikura.metric import metric
    from ikura.population.examples import Examples
    from ikura.population.member import Member
    from ikura.population.scoring import Scorer
    from ikura.population.setup import TrainingSetup

    dataset = prepare(data)
    train = Examples.of(dataset.train).head(ROWS)
    outputs = len(dataset.task.classes or [])
    outputs = outputs if dataset.task.name == "multiclass" else 1
    judge = Scorer(dataset.task.name, metric("accuracy", dataset.task.name))
    setup = TrainingSetup(train, Examples.of(dataset.dev), judge, outputs)
    inputs = train.x.shape[1]
    chosen = [
        dict(one) | {"learning_rate": SLOW}
        for one in sample(workload.draws(workload.trials, 0), count, inputs, outputs)
    ]
    all_steps = sum(steps(one, len(train)) for one in chosen)
    off: list[tuple[str, Mapping[str, Any]]] = [
        ("everything", {}),
        ("without dropout", {"dropout": 0.0}),
        ("and with ReLU only", {"activation": "relu"}),
        ("and with plain SGD", {"optimizer": "sgd"}),
    ]
    changed: dict[str, Any] = {}
    runs: list[tuple[str, Callable[[], object]]] = []
    for label, change in off:
        changed |= change
        tile = setup.tile([Member(i, one | changed, 0) for i, one in enumerate(chosen)])
        runs.append((label, functools.partial(tile.train_epoch, train, 0)))
    dots = dot_steps(np.ascontiguousarray(train.x))
    alone = [
        (dots(Shape(tuple(widths(one, inputs, outputs)), min(int(one["batch_size"]), len(train)), 1)), one)
        for one in chosen
    ]

    def products() -> None:
        for run, one in alone:
            run(steps(one, len(train)))

    runs.append(("matrix products alone (np.dot)", products))
    with threadpool_limits(1, user_api="blas"):
        return [(label, 1e6 * spent / all_steps) for label, spent in _best_of(runs)]


def _best_of(runs: list[tuple[str, Callable[[], object]]]) -> list[tuple[str, float]]:
    """Time functions in turn, several times over; the shortest time of each."""
    best = {label: float("inf") for label, _ in runs}
    begun = time.perf_counter()
    for repeat in itertools.count():
        if repeat > REPEATS and time.perf_counter() - begun > SECONDS:
            return list(best.items())
        for label, run in runs:
            started = time.perf_counter()
            run()
            if repeat > 0:
                best[label] = min(best[label], time.perf_counter() - started)
    raise AssertionError("the count has no end")


def text(name: str, figures: dict[str, Any]) -> str:
    """Lay the figures out."""
    study, kernel = figures["study"], figures["kernel"]
    whole = kernel[0][1]
    lines = [f"{name}: where the time goes ({header()})", "", "the kernel's step, one core, parts switched off in turn"]
    previous = None
    rows = []
    for label, cost in kernel:
        rows.append((label, cost, None if previous is None else previous - cost, cost / whole))
        previous = cost
    lines += [table(("left on", "µs per model and step", "saved", "of the whole"), rows), ""]
    total = study["stages"]["random"]
    known = sum(study["parts"].values())
    parts = [(label, spent, spent / total) for label, spent in sorted(study["parts"].items(), key=lambda p: -p[1])]
    parts.append(("the rest (proposing, starting, waiting)", total - known, (total - known) / total))
    parts += [(f"meanwhile, main thread: {label}", spent, None) for label, spent in study["beside"].items()]
    lines += [f"the search of {study['trials']} trials in one thread", table(("part", "s", "of the search"), parts), ""]
    lines += ["the stages of that study", table(("stage", "s"), list(study["stages"].items())), ""]
    jobs = max(study["search_by_jobs"])
    lines.append(f"{jobs} threads search {study['gain_of_jobs']:.2f} times as fast as one")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Print where the time goes."""
    parser = command("anatomy", __doc__ or "", "small", "tiny --trials 64 --members 16 --json")
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("--trials", type=int, help="trials of the watched study (96, or half of the workload's)")
    parser.add_argument("--members", type=int, default=24, help="sampled trials whose kernel step is timed (24)")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    workload = WORKLOADS[given.workload]
    data = workload.data()
    trials = given.trials or min(96, workload.trials // 2)
    figures = {
        "study": parts_of_study(workload, data, trials),
        "kernel": parts_of_kernel(workload, data, given.members),
    }
    give(figures, text(workload.name, figures), given.json)


if __name__ == "__main__":
    main()
