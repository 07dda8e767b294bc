"""What `ikura.scale` found: table, verdict, settings, model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ikura.json_values import JsonObject
from ikura.large_batch.comparison import Row
from ikura.large_batch.largest import Sizes
from ikura.large_batch.scaling_columns import LARGE
from ikura.large_batch.timing import short_duration
from ikura.large_batch.verdict import Verdict
from ikura.space._base import Configuration

if TYPE_CHECKING:
    from ikura.study.record.model import Model

__all__ = ["Scaling"]


ROW = (
    "name", "batch_size", "learning_rate", "epochs", "updates", "dev", "spread", "difference", "p", "diverged",
    "seconds_per_epoch", "seconds_to_score",
)  # fmt: skip
TABLE = [*ROW[:8], "low", "high", "p", "verdict", *ROW[9:]]
"""Columns of the table: those that are a `Row`'s, and all."""


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
        chosen: name of the column that is recommended: the first that holds the score.
        hyperparameters, epochs: its settings.
        rows: the columns, measured; the small batch first.
        skipped: a sentence for each measure that does not apply.
        sizes: all batch sizes that were tried; None unless that was asked for.
        curves: name of the column to each network's (train loss, dev loss, dev score) after each epoch.
        command: what goes on with it on the command line.
        next_commands: what may go further, the likeliest first; none where the large batch holds.
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
    hyperparameters: Configuration
    epochs: int
    rows: Sequence[Row]
    skipped: Sequence[str]
    sizes: Sizes | None = None
    curves: Mapping[str, Sequence[Sequence[Sequence[float]]]] = field(default_factory=dict, repr=False)
    command: str = field(default="", repr=False)
    next_commands: Sequence[str] = ()
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
        """One row a column: settings, dev score, difference from the small batch, its interval, verdict, seconds.

        The verdict is that of the interval and the margin, empty for the small batch.
        """
        records = [
            {name: getattr(row, name) for name in ROW}
            | {"low": row.interval[0], "high": row.interval[1], "verdict": str(row.verdict or "")}
            for row in self.rows
        ]
        return pd.DataFrame(records, columns=TABLE)

    @property
    def model(self) -> Model:
        """The large batch's network with its preprocessing.

        Raises:
            RunError: every network of the column diverged.
        """
        from ikura.study.record.load_model import load_model

        return load_model(self.folder)

    @property
    def measures(self) -> list[str]:
        """The measures of the recommended column."""
        return [row.name.removeprefix("+ ") for row in self._added]

    @property
    def needed(self) -> list[str]:
        """The measures of the recommended column that gain something beyond chance, each added to those before it."""
        return [row.name.removeprefix("+ ") for row in self._added if row.gains]

    @property
    def _added(self) -> list[Row]:
        """The columns that add the measures of the recommended one."""
        names = [row.name for row in self.rows]
        return list(self.rows[names.index(LARGE) + 1 : names.index(self.chosen) + 1])

    @property
    def sentences(self) -> list[str]:
        """What was found, in a few sentences."""
        found = [self._verdict(), self._why()]
        if controls := [row for row in self.rows if row.control]:
            told = "; ".join(f"{row.name.removeprefix('control: ')} {self._gain(row)}" for row in controls)
            found.append(f"Controls, each added to the large batch alone: {told}.")
        found.append(self._time())
        if self.sizes is not None:
            found += self._sizes(self.sizes)
        return found

    def _verdict(self) -> str:
        best, what = self.best, f"A batch of {self.batch_size:,}, {self.ratio:.3g} times the run's {self.small:,}"
        allowed = f"a loss of {self.margin:.3g} is allowed"
        if best.verdict is Verdict.HOLDS:
            return f"{what}, holds the dev {self.metric}: {self._told(best)}; {allowed}."
        if best.verdict is Verdict.LOSES:
            words = f"loses dev {self.metric} with every measure, least with “{best.name}”"
            return f"{what}, {words}: {self._told(best)}; {allowed}."
        words = f"can't be told yet to hold the dev {self.metric} or to lose it"
        return f"{what}, {words}: {self._told(best)}; {allowed}. {self._more(best)}"

    def _more(self, row: Row) -> str:
        """What would settle a verdict that is open."""
        seeds, examples = (None, None) if row.wanted is None else (row.wanted.seeds, row.wanted.examples)
        if seeds is None:
            return "It lies too near the loss that is allowed to be told; another --within would be."
        if examples is None:
            return f"About {seeds - row.seeds} more seeds would tell (--seeds {seeds})."
        return f"More seeds alone would not tell: it takes about {examples:,} dev examples, and {seeds} seeds."

    def _why(self) -> str:
        """Which measures were needed."""
        large = next(row for row in self.rows if row.name == LARGE)
        if not self.measures:
            return (
                "No measure is needed to hold it." if self.best.holds else "No measure makes what may be lost smaller."
            )
        without = f"Without any measure: {self._told(large)}"
        needed = set(self.needed)
        said = [f"{name} ({self._gain(row)})" for row in self._added if (name := row.name.removeprefix("+ ")) in needed]
        rest = [name for name in self.measures if name not in needed]
        chance = "each added to those before it"
        if said:
            more = f"; {_listed(rest)} gained nothing beyond chance, {chance}" if rest else ""
            return f"{without}. Needed: {_listed(said)}{more}."
        if large.loses and self.best.holds:
            return f"{without}. {_listed(rest)}: needed together; none alone gained beyond chance, {chance}."
        return f"{without}. Whether {_listed(rest)} brings anything can't be told: no gain beyond chance, {chance}."

    @staticmethod
    def _gain(row: Row) -> str:
        low, high = row.gain_interval
        if isfinite(low):
            return f"gain {row.gain:+.4f}, {low:+.4f} to {high:+.4f}"
        return f"{row.diverged} of {row.seeds} networks diverged" if row.diverged else "without it networks diverged"

    def _told(self, row: Row) -> str:
        if row.diverged:
            return f"{row.diverged} of {row.seeds} networks diverged"
        low, high = row.interval
        return f"{row.difference:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}, over {row.seeds} seeds"

    def _time(self) -> str:
        small, best = self.rows[0], self.best
        where = "one thread of the cpu" if self.device == "cpu" else self.device
        epoch = (
            f"An epoch takes {short_duration(best.seconds_per_epoch)}, where it took "
            f"{short_duration(small.seconds_per_epoch)}"
        )
        if not isfinite(best.seconds_to_score):
            return f"{epoch} ({where}); the small batch's dev score, less the margin, is not reached."
        return (
            f"{epoch} ({where}); the small batch's dev score, less the margin, is reached after "
            f"{short_duration(best.seconds_to_score)}, where it took {short_duration(small.seconds_to_score)}: "
            f"{self.faster:.2g} times as fast."
        )

    def _sizes(self, sizes: Sizes) -> list[str]:
        if sizes.largest == self.small:
            open_ = f", nor to lose it up to {sizes.possible:,}" if sizes.possible > self.small else ""
            return [f"No larger batch than the run's {self.small:,} is shown to hold the score{open_}."]
        soonest = next(one.row for one in sizes.tried if one.batch_size == sizes.soonest)
        beyond = f"; up to {sizes.possible:,} can't be told" if sizes.possible > sizes.largest else ""
        also = " (the run's own)" if sizes.soonest == self.small else ""
        return [
            f"The largest batch that holds is {sizes.largest:,}, of {len(sizes.tried) - 1} that were tried{beyond}.",
            f"Soonest as good as the small batch is a batch of {sizes.soonest:,}{also}, after "
            f"{short_duration(soonest.seconds_to_score)}.",
        ]

    def to_json(self) -> JsonObject:
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
            "verdict": None if self.best.verdict is None else str(self.best.verdict),
            "next": list(self.next_commands),
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


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))
