"""What a report asks of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

__all__ = ["Best", "MetricLike", "Next", "StudyLike", "Tested"]


class MetricLike(Protocol):
    """Name and direction of a metric; `ikura.metric.Metric` is one."""

    @property
    def name(self) -> str: ...
    @property
    def greater_is_better(self) -> bool: ...


class Next(Protocol):
    """The chosen trial against the next best configuration, in a sentence."""

    @property
    def sentence(self) -> str: ...


class Best(Protocol):
    """The chosen trial: its number, its hyperparameters, its dev score, plain and corrected, and their intervals."""

    @property
    def number(self) -> int: ...
    @property
    def hyperparameters(self) -> Mapping[str, Any]: ...
    @property
    def dev(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float] | None: ...
    @property
    def dev_corrected(self) -> float | None: ...
    @property
    def corrected_interval(self) -> tuple[float, float] | None: ...
    @property
    def next(self) -> Next | None: ...
    @property
    def note(self) -> str | None: ...


class Tested(Protocol):
    """The one measurement on the test set."""

    @property
    def metric(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float] | None: ...


class StudyLike(Protocol):
    """A study as the report sees it; `ikura.study.Study` is one.

    Scores are in the metric's own direction, also in `trials`, where a finalist's column `parent` names the trial
    of the search that it repeats. `predictions` gives classes as places in `classes`, or a regression's values.
    """

    @property
    def run(self) -> Path: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def summary(self) -> Mapping[str, Any]: ...
    @property
    def task(self) -> str: ...
    @property
    def metric(self) -> MetricLike: ...
    @property
    def space(self) -> Mapping[str, Any]: ...
    @property
    def space_note(self) -> str: ...
    @property
    def trials(self) -> pd.DataFrame: ...
    @property
    def best(self) -> Best | None: ...
    @property
    def test(self) -> Tested | None: ...
    @property
    def regions(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def seconds(self) -> Mapping[str, float]: ...
    @property
    def diverged(self) -> int: ...
    @property
    def predictions(self) -> Mapping[str, Any] | None: ...
    @property
    def pictures(self) -> Mapping[str, Any] | None: ...

    def curves(self, numbers: Sequence[int] | None = None) -> pd.DataFrame:
        """Rows of number, epoch, train_loss, dev_loss, dev_score."""
        ...
