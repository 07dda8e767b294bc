"""What a tuned model looks at, measured on the dev rows and kept beside the run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd

from ikura.errors import UsageError, listed, nearest
from ikura.explain.dev_rows import dev_rows
from ikura.explain.partial_dependence import PartialDependence, partial_dependence
from ikura.explain.permutation_importance import ColumnImportance, permutation_importance
from ikura.files import shown, write_atomically
from ikura.json_values import JsonObject, jsonable, typed
from ikura.schema import sealed, unsealed
from ikura.study.record.address import Address
from ikura.study.record.record import Record

__all__ = ["FILE", "Explanation", "explain", "keep", "read_explanation"]

FILE = "explanation.json"
MOST_ROWS, LEAST_ROWS = 10_000, 500
FOLLOWED_ROWS = 500
FOLLOWED = 6
REPEATS = 5
MOST_CELLS = 500_000_000
"""Cells that are encoded in all: rows x columns for each permutation of each column."""


@dataclass(frozen=True)
class Explanation:
    """What a model looks at.

    Attributes:
        trial: number of the chosen trial.
        metric: what becomes worse without a column.
        columns: importance of each column, the most important first.
        dependences: how predictions follow the most important columns.
        rows: dev rows that were looked at; of: how many there are.
        repeats: permutations of each column.
    """

    trial: int
    metric: str
    columns: list[ColumnImportance]
    dependences: list[PartialDependence] = field(default_factory=list)
    rows: int = 0
    of: int = 0
    repeats: int = REPEATS

    @property
    def note(self) -> str:
        """What the numbers are of."""
        rows = f"{self.rows} of {self.of} dev rows" if self.rows < self.of else f"{self.of} dev rows"
        often = "once" if self.repeats == 1 else f"{self.repeats} times"
        return (
            f"By how much the {self.metric} of {rows} becomes worse where a column is dealt out anew among the rows "
            f"({often}), with its 95 % interval over rows. Columns that say the same share what they are worth."
        )

    @property
    def importance(self) -> pd.DataFrame:
        """One row a column: column, loss, low, high."""
        return pd.DataFrame([asdict(one) for one in self.columns], columns=["column", "loss", "low", "high"])

    def as_dict(self) -> JsonObject:
        """The JSON form; numbers that are not finite become None."""
        return dict(jsonable({**asdict(self), "note": self.note}))


def explain(
    record: Record,
    columns: Collection[str] | None = None,
    repeats: int | None = None,
    say: Callable[[int, int], None] = lambda done, of: None,
) -> Explanation:
    """Measure what a study's model looks at, on its dev rows; the test set stays shut, and the run is not changed.

    Args:
        record: of a finished study.
        columns: columns whose dependence is followed; by default the six most important ones.
        repeats: permutations of each column; by default 5, fewer where rows and columns are many.
        say: told how many columns are done, and of how many.

    Returns:
        Importance of each column, and partial dependence.

    Raises:
        UsageError: the study is not finished, its examples are no rows of columns, a column is unknown, or repeats is
            below 1.

    Example:
        >>> import tempfile, ikura
        >>> run = tempfile.mkdtemp() + "/iris"
        >>> study = ikura.tune("iris", trials=4, epochs=20, finalists=0, out=run)
        >>> found = study.explain()
        >>> len(found.importance), found.importance.column[0].startswith("petal")
        (4, True)
    """
    if repeats is not None and repeats < 1:
        raise UsageError(f"repeats must be at least 1, but got {repeats}")
    whole = dev_rows(record)
    known = [column.name for column in whole.columns]
    for name in columns or ():
        if name not in known:
            hint = nearest(name, known) or f"; the network sees {listed(known)}"
            raise UsageError(f"the network sees no column {name!r}{hint}")
    rows = whole.some(_affordable_rows(len(known)), record.setting.seed)
    cells = len(rows.frame) * len(known) ** 2
    often = repeats or max(1, min(REPEATS, MOST_CELLS // max(cells, 1)))
    found = permutation_importance(rows, record.metric, often, record.setting.seed, say)
    followed = list(columns) if columns is not None else [one.column for one in found if one.sure][:FOLLOWED]
    some = whole.some(FOLLOWED_ROWS, record.setting.seed)
    target = str(record.summary.get("target"))
    dependences = [one for name in followed for one in partial_dependence(some, name, target)]
    assert record.best is not None
    return Explanation(
        record.best.number, record.metric.name, found, dependences, len(rows.frame), whole.all_rows, often
    )


def _affordable_rows(columns: int) -> int:
    """Rows that are looked at: fewer where there are many columns."""
    return max(LEAST_ROWS, min(MOST_ROWS, MOST_CELLS // max(columns, 1) ** 2))


def keep(record: Record, found: Explanation) -> Path:
    """Write explanation.json beside a run; return its path."""
    path = record.run / FILE
    write_atomically(path, sealed(found.as_dict(), indent=1))
    return path


def read_explanation(record: Record) -> Explanation | None:
    """Read what was kept of a study; None if nothing was here, or if it is of another choice.

    Raises:
        RunError: the file was changed, or is not whole.
    """
    if isinstance(record.place, Address):
        return None
    found: Any = unsealed(record.run / FILE, f"ikura explain {quote(shown(record.run))}")
    if found is None or record.best is None or found["trial"] != record.best.number:
        return None
    read: Explanation = typed(Explanation, {name: value for name, value in found.items() if name != "note"})
    return read
