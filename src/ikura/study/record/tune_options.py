"""What the caller says about a study's search and training, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ikura.errors import UsageError
from ikura.json_values import JsonObject
from ikura.metric.estimate import known_error
from ikura.schema import Count, Share
from ikura.search import proposer
from ikura.search import schedule as schedule_of
from ikura.space import Space, fixed
from ikura.study.record.address import check_name, parse_url
from ikura.study.record.example_weights import check_class_weight
from ikura.study.record.objectives import Objectives
from ikura.study.record.own_functions import loss_of
from ikura.wording import one_line

__all__ = ["DEFAULT_TRIALS", "AutopilotOptions", "SearchOptions", "TrainingOptions", "check_counts", "check_ensemble"]

DEFAULT_TRIALS = 128
CALIBRATIONS = ("auto", "none")

FIRST_TRIALS, FEWEST_TRIALS = 64, 8
"""Trials of an autopilot's first search, by default and at least."""

FIRST_SHARE = 0.4
"""Share of the time limit at which an autopilot's first search ends."""

MOST = {
    "trials": 10_000_000,
    "epochs": 10**9,
    "finalists": 100_000,
    "jobs": 10_000,
    "seed": 10**18,
    "ensemble": 1000,
    "folds": 100,
    "repeats": 100,
}
MOST_OF_OTHERS = 10_000_000
"""The greatest numbers that a study takes."""


def check_counts(**arguments: Any) -> None:
    """Refuse counts that are no whole numbers, below 1 (or below the second of a pair), or beyond `MOST`."""
    for name, value in arguments.items():
        value, least = value if isinstance(value, tuple) else (value, 1)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise UsageError(f"{name} must be a whole number of at least {least}, but is {one_line(repr(value), 60)}")
        if value is not None and value > MOST.get(name, MOST_OF_OTHERS):
            raise UsageError(f"{name} must be at most {MOST.get(name, MOST_OF_OTHERS):,}, but is larger")


def check_ensemble(ensemble: Any) -> None:
    """Refuse what says nothing of an ensemble.

    Raises:
        UsageError: it is neither "auto" nor "none" nor a number of networks.

    Example:
        >>> check_ensemble("five")
        Traceback (most recent call last):
        ikura.errors.UsageError: ensemble must be 'auto', 'none' or a number of networks, at least 1, but is 'five'
    """
    number = isinstance(ensemble, int) and not isinstance(ensemble, bool)
    if not (ensemble in ("auto", "none") or (number and ensemble >= 1)):
        shown = one_line(repr(ensemble), 60)
        raise UsageError(f"ensemble must be 'auto', 'none' or a number of networks, at least 1, but is {shown}")
    if number:
        check_counts(ensemble=ensemble)


@dataclass(frozen=True)
class AutopilotOptions:
    """How an autopilot goes on from the first search.

    Args:
        first: trials of the first search.
        until: share of the time limit at which it ends.
        unbounded: whether time alone is the budget.
        ask: whether somebody is asked before each further search.
        bayes_error, human_error: the least error that can be achieved, or a person's.
    """

    first: Count
    until: Share
    unbounded: bool = False
    ask: bool = False
    bayes_error: Share | None = None
    human_error: Share | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> AutopilotOptions | None:
        """Check arguments of `ikura.tune`: half of the trials belong to the first search; None without an autopilot.

        Raises:
            UsageError: something was said to an autopilot that is not wanted, or an error is none.
        """
        trials, ask = arguments["trials"], arguments["ask"] is not None
        errors = {name: arguments[name] for name in ("bayes_error", "human_error")}
        known_error(**errors)
        given = {name: float(error) for name, error in errors.items() if error is not None}
        if not arguments["auto"]:
            for name in (*given, *(["ask"] if ask else [])):
                raise UsageError(f"{name} is for the autopilot; give auto=True too")
            return None
        every = FIRST_TRIALS * 2 if trials is None else trials
        first = max(every // 2, min(every, FEWEST_TRIALS))
        return cls(first, FIRST_SHARE, trials is None and arguments["time_limit"] is not None, ask, **given)

    def as_dict(self) -> JsonObject:
        """Write it as a setting keeps it; errors that were not given are left out."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class SearchOptions:
    """How a study searches and chooses.

    Args:
        trials: configurations to try.
        epochs: of a trial at most; None for what is usual with the network.
        time_limit: seconds; None for as long as it takes.
        search: name of the proposer.
        schedule: name of the schedule.
        finalists: configurations that are trained again in full; None for what is usual with the network.
        ensemble: "auto", "none", or networks of an ensemble at most.
        folds: folds on which the finalists' configurations are trained for the ensemble; None for none.
        repeats: times that the rows are divided into folds.
        calibration: "auto", or "none" for probabilities and answers as the network gives them.
        baselines: whether untuned learners are measured beside the network; None for studies of some length.
        metric: name of what trials are compared by; None for the task's usual one.
        metrics: names of what else is measured of them.
        stop_on: name of the metric by which epochs are kept and trials stop; None for the dev loss.
        seed: key of everything that is drawn.
        objectives: what is wanted besides a good dev score.
        autopilot: how searches go on after the first; None for one search.
    """

    trials: int = DEFAULT_TRIALS
    epochs: int | None = None
    time_limit: float | None = None
    search: str = "coarse-to-fine"
    schedule: str = "early-stopping"
    finalists: int | None = None
    ensemble: int | str = "auto"
    folds: int | None = None
    repeats: int = 1
    calibration: str = "auto"
    baselines: bool | None = None
    metric: str | None = None
    metrics: tuple[str, ...] | None = None
    stop_on: str | None = None
    seed: int = 0
    objectives: Objectives = field(default_factory=Objectives)
    autopilot: AutopilotOptions | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> SearchOptions:
        """Check arguments of `ikura.tune`.

        Raises:
            UsageError: a number or a name is none of what is possible.
        """
        named = (
            "epochs",
            "search",
            "schedule",
            "finalists",
            "ensemble",
            "folds",
            "repeats",
            "calibration",
            "baselines",
            "metric",
            "metrics",
            "stop_on",
            "seed",
        )
        given = {name: arguments[name] for name in named}
        trials, limit = arguments["trials"], arguments["time_limit"]
        check_counts(trials=trials, epochs=given["epochs"], finalists=(given["finalists"], 0), seed=(given["seed"], 0))
        if limit is not None and not limit > 0:
            raise UsageError(f"time_limit must be above 0 seconds, but is {limit}")
        check_ensemble(given["ensemble"])
        check_counts(folds=(given["folds"], 2), repeats=given["repeats"])
        if given["folds"] is None and given["repeats"] != 1:
            raise UsageError("repeats are of folds; give folds too")
        if given["folds"] is not None and given["ensemble"] == "none":
            raise UsageError("the networks of folds make an ensemble; leave ensemble='none' or folds out")
        if given["baselines"] not in (None, True, False):
            raise UsageError(f"baselines must be True, False or None, but is {one_line(repr(given['baselines']), 60)}")
        if given["calibration"] not in CALIBRATIONS:
            raise UsageError(f"calibration must be 'auto' or 'none', but is {one_line(repr(given['calibration']), 60)}")
        proposer(given["search"], Space(learning_rate=fixed(0.1)), 0)
        schedule_of(given["schedule"])
        autopilot = AutopilotOptions.of(arguments)
        wanted = (arguments[name] for name in ("prefer", "within", "max_parameters"))
        return cls(
            trials=DEFAULT_TRIALS if trials is None else trials,
            time_limit=None if limit is None else float(limit),
            objectives=Objectives.of(arguments["objectives"] or (), *wanted),
            autopilot=autopilot,
            **given,
        )

    @property
    def first_trials(self) -> int:
        """Trials of the first search."""
        return self.trials if self.autopilot is None else self.autopilot.first


@dataclass(frozen=True)
class TrainingOptions:
    """What networks are trained to make small, where, and in which precision.

    Args:
        loss: name of the loss, perhaps with parameters; None for the task's usual one.
        class_weight: class to the weight of its examples in the loss, or "balanced"; None for 1 each.
        callbacks: names of functions that are told of every epoch of a trial, and may stop it.
        training_step: name of what computes the loss of a mini-batch in training; None for the loss of the outputs.
        optimizer: name of what makes optimizers in place of ikura's update rules; None for those.
        jobs: tiles that train at once; None for one for each core.
        device: auto, or the name of a device.
        dtype: float32 or float64.
        store: URL of a PostgreSQL database that the study is recorded in; None for the run folder.
        name: the study's name there; None for that of the run folder.

    Raises:
        UsageError: the number, the precision, the URL or the name is none.
    """

    loss: str | None = None
    class_weight: Mapping[Any, float] | str | None = None
    callbacks: tuple[str, ...] | None = None
    training_step: str | None = None
    optimizer: str | None = None
    jobs: int | None = None
    device: str = "auto"
    dtype: str = "float32"
    store: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_counts(jobs=self.jobs)
        if self.dtype not in ("float32", "float64"):
            raise UsageError(f"dtype must be float32 or float64, but is {self.dtype!r}")
        loss_of(self.loss)
        check_class_weight(self.class_weight)
        if self.store is not None:
            object.__setattr__(self, "store", parse_url(self.store))
        if self.name is not None:
            check_name(self.name)
            if self.store is None:
                raise UsageError("name is what a study is called on a server; give its URL as store too")
