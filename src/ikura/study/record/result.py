"""What a study found: the chosen trial, how it stands against the next, and the one test score."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ikura.schema import Count, Name, Short, Whole
from ikura.space._base import Configuration
from ikura.wording import figure, span

__all__ = ["Best", "Corrected", "RunnerUp", "TargetScore", "Test"]

MOST_TIMES = 100
"""Times as many rows and seeds beyond which nothing is promised."""


@dataclass(frozen=True)
class Corrected:
    """A dev score corrected for having been picked.

    Attributes:
        value: what a winner of such a choice scores on examples that did not choose it.
        interval: the uncorrected score's interval, moved along.
        candidates: trials among which each resample chose.
        resamples: resamples drawn.
    """

    value: float
    interval: tuple[float, float]
    candidates: Count
    resamples: Count


@dataclass(frozen=True)
class RunnerUp:
    """The chosen trial against the next best configuration, paired over dev examples and seeds.

    Attributes:
        number: the next one's trial of the search.
        difference: dev score of the chosen one minus that of the next.
        interval: its 95 % interval.
        p: two-sided p-value of no difference.
        seeds: seeds that both were trained with; with one the interval is over dev examples only.
        weights: number of weights of the chosen network and of the next.
    """

    number: Whole
    difference: float
    interval: tuple[float, float]
    p: float
    seeds: Count
    weights: tuple[Whole, Whole]

    @property
    def sentence(self) -> str:
        """Whether the two can be told apart, and which to prefer if not."""
        low, high = self.interval
        over = f"over {self.seeds} seeds" if self.seeds > 1 else "one seed: dev examples only"
        found = (
            f"difference {figure(self.difference, 3)}, 95 % interval {span((low, high), 3)}, p = {self.p:.2g}, {over}"
        )
        if self.p < 0.05:
            return f"Better than the next, trial {self.number}, beyond chance ({found})."
        mine, its = self.weights
        words = f"Not to be told apart from the next, trial {self.number} ({found}){self._settled_by}"
        return f"{words}; prefer that one if size counts: {its:,} weights, not {mine:,}." if its < mine else f"{words}."

    @property
    def _settled_by(self) -> str:
        """What would tell the two apart if the difference stays what it is; nothing where there is none."""
        half = (self.interval[1] - self.interval[0]) / 2
        if not (abs(self.difference) > 0 and math.isfinite(half)):
            return ""
        # A half width goes with the root of their number.
        times = math.ceil((half / self.difference) ** 2)
        more = "dev rows and seeds" if self.seeds > 1 else "dev rows"
        if times > MOST_TIMES:
            return f"; more than {MOST_TIMES} times as many {more} would be needed to tell: take either"
        return f"; about {times} times as many {more} would tell, if the difference stays"


@dataclass(frozen=True)
class Best:
    """The chosen trial.

    Attributes:
        number: the trial of the search.
        hyperparameters: what it tried.
        dev: its dev score; with finalists, the mean over the replicates.
        interval: 95 % interval of that score, over dev examples and, with finalists, over seeds.
        dev_corrected: the dev score corrected for having been picked as the best of many, by bootstrap bias correction
            (docs/honesty.md); None where there is nothing to go by.
        corrected_interval: its interval.
        next: how much better than the next best configuration it is; None if there is no other.
        note: a sentence where the choice was not the usual one, as when the time limit cut the finalists short.
        changed: whether a hand gave it other values while it trained; its hyperparameters are those it began with.
    """

    number: int
    hyperparameters: Configuration
    dev: float
    interval: tuple[float, float]
    dev_corrected: float | None = None
    corrected_interval: tuple[float, float] | None = None
    next: RunnerUp | None = None
    note: str | None = None
    changed: bool = False


@dataclass(frozen=True)
class TargetScore:
    """The score of one of several targets; that of the study is the mean over them.

    Attributes:
        name: of the target.
        dev: on the dev set, of the same model, which was chosen by it.
        value: on the test set; NaN where it says nothing.
        interval: its 95 % interval, over test examples.
    """

    name: Short
    dev: float
    value: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        """Say it in a line.

        Example:
            >>> print(TargetScore("rent", 0.8, 0.75, (0.7, 0.81)))
            0.75 (95 % interval 0.7 to 0.81), dev 0.8
        """
        if math.isnan(self.value):
            return f"-, dev {figure(self.dev)}"
        low, high = self.interval
        return f"{figure(self.value)} (95 % interval {span((low, high))}), dev {figure(self.dev)}"


@dataclass(frozen=True)
class Test:
    """The one measurement on the test set.

    Attributes:
        metric: name of the metric.
        value: test score of the model.
        interval: its 95 % interval, over test examples.
        note: why there is no score (its value is NaN); None otherwise.
        targets: of several target columns each one's score; none where there is one.
    """

    __test__ = False

    metric: Name
    value: float
    interval: tuple[float, float]
    note: Short | None = None
    targets: list[TargetScore] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a line.

        Example:
            >>> print(Test("accuracy", 0.955, (0.9123, 0.98)))
            test accuracy 0.955 (95 % interval 0.9123 to 0.98)
        """
        if self.note is not None:
            return f"test {self.metric}: {self.note}"
        low, high = self.interval
        return f"test {self.metric} {figure(self.value)} (95 % interval {span((low, high))})"
