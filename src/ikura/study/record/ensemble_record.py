"""What a study records of its ensemble: which networks, what they gain, and what one network did on the test set."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ikura.schema import Count, Name, Positive, Short, Whole
from ikura.wording import figure, span

__all__ = ["AgainstOne", "Ensemble", "EnsembleMember", "OutOfFold"]


@dataclass(frozen=True)
class EnsembleMember:
    """A network of an ensemble.

    Attributes:
        trial: number of the trial whose configuration and seed it has.
        times: how often the selection took it; its share is this part of all.
        repeat: of folds, which repeat its networks are of.
    """

    trial: Whole
    times: Count
    repeat: Whole = 0


@dataclass(frozen=True)
class OutOfFold:
    """How a configuration does on rows that its networks were not trained on.

    Attributes:
        trial: number of the configuration's trial.
        score: out of fold, of single networks; the mean over repeats.
        difference: how much better than the study's choice it is, on the same rows.
        interval: 95 % interval of the difference.
    """

    trial: Whole
    score: float
    difference: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Ensemble:
    """The ensemble of a study.

    Attributes:
        used: whether it is the study's model, and not one network.
        note: why there is none, or why it is not used; None where it is.
        members: its networks, those that count most first; empty where there is none.
        candidates: networks among which it was selected.
        dev: dev score of its networks before they were trained again; NaN where there is none.
        corrected: that score corrected for the selection and for what the choice inherits; None where it is not known.
        gain: corrected dev score of the ensemble less that of one network; positive where the ensemble is better.
        interval: 95 % interval of the gain, over dev examples.
        resamples: those that repeated the selection.
        folds: folds of which its networks are; 0 for networks of the finalists. A member is then one network for each.
        out_of_fold: of folds, how each configuration does.
    """

    used: bool
    note: Short | None = None
    members: list[EnsembleMember] = field(default_factory=list)
    candidates: Whole = 0
    dev: float = float("nan")
    corrected: float | None = None
    gain: float = float("nan")
    interval: tuple[float, float] = (float("nan"), float("nan"))
    resamples: Whole = 0
    folds: Whole = 0
    out_of_fold: list[OutOfFold] = field(default_factory=list)

    @property
    def networks(self) -> int:
        """How many networks it has."""
        return len(self.members) * max(self.folds, 1)

    @property
    def shares(self) -> list[float]:
        """How much each of its networks counts, which adds up to 1."""
        every = sum(one.times for one in self.members)
        return [one.times / every for one in self.members]

    def sentence(self, metric: str, rows: int, refitted: int) -> str:
        """Say what it is and what it gains, or why there is none.

        Args:
            metric: name of the metric.
            rows: of training and dev set together.
            refitted: how many of its networks were trained on them.

        Example:
            >>> found = Ensemble(True, None, [EnsembleMember(7, 2), EnsembleMember(9, 1)], 12, 0.98, 0.97, 0.01)
            >>> found.sentence("accuracy", 275, 2)
            '2 of 12 networks, trained again on all 275 rows of training and dev set; corrected dev accuracy 0.97, 0.01
            better than that of one (95 % interval nan to nan)'
        """
        if not self.used:
            return f"none: {self.note}"
        better = f"{figure(abs(self.gain), 3)} {'better' if self.gain > 0 else 'worse'} than"
        gain = f"{better if self.gain else 'as good as'} that of one (95 % interval {span(self.interval, 3)})"
        corrected = math.nan if self.corrected is None else self.corrected
        if self.folds:
            return (
                f"{self.networks} networks on {self.folds} folds of all {rows:,} rows of training and dev set; "
                f"corrected {metric} out of fold {figure(corrected)}, {gain}"
            )
        count = len(self.members)
        again = "trained again on" if refitted == count else f"{refitted} of them trained again on"
        trained = f"{again} all {rows:,} rows of training and dev set" if refitted else "as they were trained"
        score = f"dev {metric} {figure(self.dev)}"
        if self.corrected is not None:
            score = f"corrected dev {metric} {figure(corrected)}"
        return f"{count} of {self.candidates} networks, {trained}; {score}, {gain}"


@dataclass(frozen=True)
class AgainstOne:
    """One network beside the ensemble, measured on the same opening of the test set.

    Attributes:
        metric: name of the metric.
        value: test score of the one network.
        interval: its 95 % interval.
        difference: test score of the ensemble less that of the one network, positive where the ensemble is better.
        of_difference: 95 % interval of the difference, over test examples.
        weights: number of weights of the ensemble, and of the one network.
        seconds: that each takes to predict 1,000 rows.
    """

    metric: Name
    value: float
    interval: tuple[float, float]
    difference: float
    of_difference: tuple[float, float]
    weights: tuple[Whole, Whole]
    seconds: tuple[Positive, Positive]

    @property
    def sentence(self) -> str:
        """Say what one network scored, what the ensemble gains and what it costs."""
        (low, high), (least, most) = self.interval, self.of_difference
        better = "better" if self.difference >= 0 else "worse"
        by = f"{figure(abs(self.difference), 3)} {better}" if self.difference else "as good"
        score = f"{figure(self.value)} (95 % interval {span((low, high))})"
        return f"{score}; the ensemble is {by} (95 % interval {span((least, most), 3)})"
