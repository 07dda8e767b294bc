"""What the caller says about data: how they are read, typed and divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ikura.data.notation import Hints
from ikura.errors import DataError

__all__ = ["DataOptions"]

COPIES = ("together", "apart")


@dataclass(frozen=True)
class DataOptions:
    """How data are read, typed and divided.

    Args:
        target: name of the target column, or of several (a list, or names with commas between them); the only one named
            target, label, class or y when not given. Of (x, y) it names y, or its columns.
        task: auto, binary, multiclass, multilabel, regression or classification.
        group: column whose groups must not be in two parts; it is no feature.
        time: column by which the oldest rows train and the newest test; it is a feature only if `kinds` names it.
        kinds: column -> numeric, category, boolean, datetime or ignore, where its kind is to be another.
        image_size: side of the square that the images of a folder are brought to; needed where their sizes differ.
        broken: "refuse" or "skip" image files that cannot be read.
        channels: "first" or "last", where arrays of four dimensions have their channels; bytes show it by their shape.
        dev, test: a dev and a test set of their own, in any form in which data are given.
        copies: "together" keeps rows of a table that are alike in all columns in one part, where 5 % of the rows or
            more are copies of others; "apart" deals them out like all rows.
        test_set: whether rows are kept for a test set; without one a network is chosen on the dev set and never tested.
        positive: of two classes the positive one, or `Positive.RARER`; it comes second in `Task.classes`.
        missing: words that stand for a missing value, also in the target; by default those of `MISSING`, and in a
            target of words none. An empty field always does.
        decimal: "." or ",", the decimal mark where two readings are possible, as in a column of 1,234 and 5,678.
        sample_weight: weights of the examples in the loss: name of a column, or an array with one for each row.
        dates: "dayfirst" or "monthfirst", where both are possible, as in a column of 02/03/2024.

    Raises:
        DataError: decimal or dates are none of what is possible, missing holds no words, or a test set is given and
            none is wanted.

    Example:
        >>> DataOptions("price", kinds={"year": "ignore"}).ignored
        ['year']
    """

    target: str | Sequence[str] | None = None
    task: str = "auto"
    group: str | None = None
    time: str | None = None
    kinds: Mapping[str, str] | None = None
    image_size: int | None = None
    broken: str = "refuse"
    channels: str | None = None
    dev: Any = None
    test: Any = None
    positive: Any = None
    missing: Sequence[str] | None = None
    decimal: str | None = None
    dates: str | None = None
    sample_weight: Any = None
    test_set: bool = True
    copies: str = "together"

    def __post_init__(self) -> None:
        """Refuse what says nothing of how values are written."""
        Hints.of(self.missing, self.decimal, self.dates)
        if self.copies not in COPIES:
            raise DataError(f"copies are 'together' or 'apart', but are {self.copies!r}")
        if self.test is not None and not self.test_set:
            raise DataError("a test set is given, and test_set=False (--no-test-set) wants none; leave one of them out")

    @property
    def ignored(self) -> list[str]:
        """The columns that are left out as told."""
        return [name for name, kind in (self.kinds or {}).items() if kind == "ignore"]

    @property
    def hints(self) -> Hints:
        """What was said about how values are written."""
        return Hints.of(self.missing, self.decimal, self.dates)
