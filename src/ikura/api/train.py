"""Train: one network, under your hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from ikura.api.live_run import LiveRun
from ikura.api.run import write_plan
from ikura.api.study_plan import Network, StudyPlan, planned
from ikura.errors import UsageError
from ikura.space import DEFAULTS
from ikura.space.argument_names import refuses_unknown
from ikura.study.buildable import unbuildable
from ikura.study.record.progress import Logged, Progress
from ikura.study.record.trial import Purpose, Trial
from ikura.study.run_folder import alone, clear_run, new_folder, run_folder

__all__ = ["train"]

OF_ONE = {
    "trials": 1, "search": "random", "schedule": "none", "finalists": 0, "ensemble": "none", "folds": None,
    "repeats": 1, "calibration": "none", "baselines": False, "time_limit": None, "objectives": None, "prefer": None,
    "within": None, "max_parameters": None, "jobs": 1, "prior": None, "auto": False, "ask": None, "bayes_error": None,
    "human_error": None, "report_script": "inline",
}  # fmt: skip
"""Arguments of `ikura.tune` for a study of one network that trains to its end."""


@refuses_unknown
def train(
    data: Any,
    target: str | Sequence[str] | None = None,
    *,
    hyperparameters: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    network: Network = None,
    task: str = "auto",
    loss: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
    sample_weight: Any = None,
    metric: Any = None,
    metrics: Sequence[Any] | None = None,
    stop_on: Any = "dev_loss",
    callbacks: Sequence[Any] | None = None,
    training_step: Any = None,
    optimizer: Any = None,
    seed: int = 0,
    device: str = "auto",
    dtype: str = "float32",
    out: str | Path | None = None,
    overwrite: bool = False,
    group: str | None = None,
    time: str | None = None,
    kinds: Mapping[str, str] | None = None,
    image_size: int | None = None,
    broken: str = "refuse",
    channels: str | None = None,
    dev: Any = None,
    test: Any = None,
    test_set: bool = True,
    positive: Any = None,
    standardise: bool | None = None,
    missing: Sequence[str] | None = None,
    decimal: str | None = None,
    dates: str | None = None,
    copies: str = "together",
    checks: bool = True,
    progress: Progress | None = None,
) -> LiveRun:
    """Make one network ready to be trained by hand: watched, changed on the way, and kept.

    What you change is on record and can be repeated (docs/steering.md). The run is a study of one trial: it can be
    reported, predicted with, resumed and steered from other processes like any other.

    Args:
        data, target: as for `ikura.tune`.
        hyperparameters: its values, such as {"learning_rate": 0.01}; what is left out has its default.
        epochs: how many it trains; by default what is usual with the network.
        network, task, loss, class_weight, sample_weight: as for `ikura.tune`.
        metric, metrics, stop_on, callbacks, training_step, optimizer: as for `ikura.tune`.
        seed, device, dtype, out, overwrite: as for `ikura.tune`.
        group, time, kinds, image_size, broken, channels, dev, test, test_set, positive: as for `ikura.tune`.
        standardise, missing, decimal, dates, copies, checks: as for `ikura.tune`.
        progress: who is told how it goes, in the thread that trains.

    Returns:
        The run, which trains when it is told to `start`.

    Raises:
        UsageError: the data or an argument cannot be used; the message says what would be right.

    Example:
        >>> import tempfile
        >>> run = train("iris", hyperparameters={"learning_rate": 0.03}, epochs=5, out=tempfile.mkdtemp() + "/iris")
        >>> study = run.start().wait()
        >>> len(study.curve(0)), study.best.hyperparameters["learning_rate"]
        (5, 0.03)
    """
    given, began = locals(), perf_counter()
    if not isinstance(hyperparameters, Mapping | None):
        raise UsageError(f"hyperparameters must be a dictionary of names and values, but is {hyperparameters!r}")
    place = None if out is None else run_folder(data, out, overwrite).absolute()
    told = Logged(progress)
    values = dict(hyperparameters or {}) or {"batch_size": DEFAULTS["batch_size"]}
    plan = _with_norms(planned({**given, **OF_ONE, "space": values}, told))
    trial = _trial(plan)
    run = new_folder(data) if place is None else place
    with alone(run, made=place is None):
        run_folder(data, run, overwrite)
        clear_run(run)
        with closing(write_plan(run, plan, None, told, began)) as store:
            store.add_trials([trial])
    return LiveRun(run, plan, told)


def _with_norms(plan: StudyPlan) -> StudyPlan:
    """The plan of a study that records how far each epoch moves the weights, beside their size."""
    return replace(plan, setting=replace(plan.setting, norms=True), setup=replace(plan.setup, norms=True))


def _trial(plan: StudyPlan) -> Trial:
    """The study's one trial, whose network can be made."""
    if plan.space.dimensions:
        name = next(iter(plan.space.dimensions))
        raise UsageError(f"{name} has a range, and one network has one value of it; give a number, or use ikura.tune")
    trial = Trial(0, Purpose.SEARCH, 0, plan.setting.seed, plan.space.from_unit({}))
    for error in unbuildable(plan.setup, [trial.member]).values():
        raise error
    return trial
