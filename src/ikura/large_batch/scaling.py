"""What `ikura.scale` found: table, verdict, settings, model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ikura.large_batch.comparison import KEEPS, NOT_TOLD_APART, Row
from ikura.large_batch.largest import Sizes
from ikura.large_batch.settings import LARGE

if TYPE_CHECKING:
    from ikura.study.model import Model

__all__ = ["Scaling"]


@dataclass(frozen=True)
class Scaling:
    """A run's winner, scaled to a large batch.

    Attributes:
        run: the run folder.
        folder: where table, model and report are.
        small: examples in a mini-batch of the run.
        batch_size: examples in the large one.
        metric: name of the metric.
        sign: 1 if a greater score is better, -1 otherwise.
        margin: how much of the dev score may be lost.
        device: where it was trained and timed.
        rule: of the learning rate.
        chosen: name of the column that is recommended: the first that keeps the score.
        hyperparameters, epochs: its settings.
        rows: the columns, measured; the small batch first.
        skipped: a sentence for each measure that does not apply.
        sizes: all batch sizes that were tried; None unless that was asked for.
        curves: name of the column to each network's (train loss, dev loss, dev score) after each epoch.
        command: what goes on with it on the command line.
        predict_command: what uses its model there.
    """

    run: Path
    folder: Path
    small: int
    batch_size: int
    metric: str
    sign: float
    margin: float
    device: str
    rule: str
    chosen: str
    hyperparameters: dict[str, Any]
    epochs: int
    rows: Sequence[Row]
    skipped: Sequence[str]
    sizes: Sizes | None = None
    curves: Mapping[str, Sequence[Sequence[Sequence[float]]]] = field(default_factory=dict, repr=False)
    command: str = field(default="", repr=False)
    predict_command: str = field(default="", repr=False)

    @property
    def best(self) -> Row:
        """The column that is recommended."""
        return next(row for row in self.rows if row.name == self.chosen)

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "scale.html"

    @property
    def ratio(self) -> float:
        """Large batch / small batch."""
        return self.batch_size / self.small

    @property
    def faster(self) -> float:
        """How many times sooner than the small batch the large one reaches its dev score, less the margin.

        0 if it never does, NaN if neither does.
        """
        return self.rows[0].seconds_to_score / self.best.seconds_to_score

    @property
    def table(self) -> pd.DataFrame:
        """One row a column: settings, dev score, difference from the small batch, its interval, verdict, seconds."""
        records = []
        for row in self.rows:
            low, high = row.interval
            records.append(
                {
                    "name": row.name,
                    "batch_size": row.batch_size,
                    "learning_rate": row.learning_rate,
                    "epochs": row.epochs,
                    "updates": row.updates,
                    "dev": row.dev,
                    "spread": row.spread,
                    "difference": row.difference,
                    "low": low,
                    "high": high,
                    "p": row.p,
                    "verdict": row.verdict,
                    "diverged": row.diverged,
                    "seconds_per_epoch": row.seconds_per_epoch,
                    "seconds_to_score": row.seconds_to_score,
                }
            )
        return pd.DataFrame(records)

    @property
    def model(self) -> Model:
        """The large batch's network with its preprocessing.

        Raises:
            RunError: every network of the column diverged.
        """
        from ikura.study.model import load_model

        return load_model(self.folder)

    @property
    def measures(self) -> list[str]:
        """The measures of the recommended column."""
        return self._measures(self.chosen)

    @property
    def needed(self) -> list[str]:
        """The measures of the recommended column that gain something beyond chance, each added to those before it.

        Where none does by itself, they are needed together.
        """
        gained = [row.name.removeprefix("+ ") for row in self.rows if row.gain_interval[0] > 0]
        return [name for name in self.measures if name in gained] or self.measures

    def _measures(self, until: str) -> list[str]:
        names = [row.name for row in self.rows]
        return [name.removeprefix("+ ") for name in names[names.index(LARGE) + 1 : names.index(until) + 1]]

    @property
    def sentences(self) -> list[str]:
        """What was found, in a few sentences."""
        found = [self._verdict()]
        if self.best.acceptable:
            found.append(self._why())
        found.append(self._time())
        if self.sizes is not None:
            found += self._sizes(self.sizes)
        return found

    def _verdict(self) -> str:
        best, what = self.best, f"A batch of {self.batch_size:,}, {self.ratio:.3g} times the run's {self.small:,}"
        words = {
            KEEPS: f"keeps the dev {self.metric}",
            NOT_TOLD_APART: f"is not to be told apart by dev {self.metric}",
        }.get(best.verdict, f"loses dev {self.metric} with every measure, least with “{best.name}”")
        return f"{what}, {words}: {self._told(best)}; a loss of {self.margin:.3g} is allowed."

    def _why(self) -> str:
        """Which measures were needed."""
        large = next(row for row in self.rows if row.name == LARGE)
        without = f"Without any measure: {self._told(large)}"
        if not self.measures:
            return "No measure is needed to come out level."
        if large.acceptable:
            shown = f"that no more than the margin is lost is shown with {_listed(self.measures)}"
            return f"{without}, not to be told apart either; {shown}."
        gains = {row.name.removeprefix("+ "): row for row in self.rows}
        said = [f"{name} ({self._gain(gains[name])})" for name in self.needed]
        rest = [name for name in self.measures if name not in self.needed]
        more = f"; {_listed(rest)} gained nothing beyond chance, each added to those before it" if rest else ""
        return f"{without}. Needed: {_listed(said)}{more}."

    @staticmethod
    def _gain(row: Row) -> str:
        low, high = row.gain_interval
        return f"gain {row.gain:+.4f}, {low:+.4f} to {high:+.4f}" if isfinite(low) else "after others had diverged"

    def _told(self, row: Row) -> str:
        if row.diverged:
            return f"{row.diverged} of {row.seeds} networks diverged"
        low, high = row.interval
        return f"{row.difference:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}, over {row.seeds} seeds"

    def _time(self) -> str:
        small, best = self.rows[0], self.best
        where = "one thread of the cpu" if self.device == "cpu" else self.device
        epoch = f"An epoch takes {_seconds(best.seconds_per_epoch)}, where it took {_seconds(small.seconds_per_epoch)}"
        if not isfinite(best.seconds_to_score):
            return f"{epoch} ({where}); the small batch's dev score, less the margin, is not reached."
        return (
            f"{epoch} ({where}); the small batch's dev score, less the margin, is reached after "
            f"{_seconds(best.seconds_to_score)}, where it took {_seconds(small.seconds_to_score)}: "
            f"{self.faster:.2g} times as fast."
        )

    def _sizes(self, sizes: Sizes) -> list[str]:
        if sizes.largest == self.small:
            longer = " without longer training" if self.best.acceptable else ""
            return [f"No larger batch than the run's {self.small:,} was found that keeps the score{longer}."]
        soonest = next(one.row for one in sizes.tried if one.batch_size == sizes.soonest)
        also = " (the run's own)" if sizes.soonest == self.small else ""
        return [
            f"The largest batch that loses nothing is {sizes.largest:,}, of {len(sizes.tried) - 1} that were tried.",
            f"Soonest as good as the small batch is a batch of {sizes.soonest:,}{also}, after "
            f"{_seconds(soonest.seconds_to_score)}.",
        ]

    def to_json(self) -> dict[str, Any]:
        """Return everything but the curves as plain values."""
        return {
            "run": str(self.run),
            "folder": str(self.folder),
            "batch_size": self.batch_size,
            "small_batch_size": self.small,
            "metric": self.metric,
            "margin": self.margin,
            "device": self.device,
            "rule": self.rule,
            "chosen": self.chosen,
            "verdict": self.best.verdict,
            "needed": self.needed,
            "measures": self.measures,
            "hyperparameters": dict(self.hyperparameters),
            "epochs": self.epochs,
            "times_as_fast": self.faster,
            "sentences": self.sentences,
            "table": [row.to_json() for row in self.rows],
            "not_applied": list(self.skipped),
            "sizes": None if self.sizes is None else self.sizes.to_json(),
            "report": str(self.report),
            "model": str(self.folder / "model"),
        }


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g} s"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))
