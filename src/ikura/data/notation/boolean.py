"""Truths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ikura.data.missing import MISSING
from ikura.data.notation._base import Notation, as_mask, cells_of, is_text, refuse, uncategorised

__all__ = ["BOOLEANS", "BooleanNotation", "are_booleans"]

BOOLEANS = {
    "true": True,
    "yes": True,
    "t": True,
    "y": True,
    "1": True,
    "1.0": True,
    "false": False,
    "no": False,
    "f": False,
    "n": False,
    "0": False,
    "0.0": False,
}
"""Words for true and false, in small letters."""


@dataclass(frozen=True)
class BooleanNotation(Notation):
    """True and false as words, numbers or truths.

    Example:
        >>> BooleanNotation().read(pd.Series(["yes", "False", None])).tolist()
        [True, False, <NA>]
    """

    form: ClassVar[str] = "truth"

    def read(self, series: pd.Series, missing: tuple[str, ...] = MISSING) -> pd.Series:
        """Read a column of truths, 0 and 1, or words such as yes and no as truths."""
        series = uncategorised(series)
        if pd.api.types.is_bool_dtype(series):
            return series.astype("boolean")
        if is_text(series):
            words = pc.utf8_lower(cells_of(series, missing))
            true, false = (
                as_mask(pc.is_in(words, value_set=pa.array([word for word, is_ in BOOLEANS.items() if is_ == truth])))
                for truth in (True, False)
            )
            given = as_mask(pc.is_valid(words))
        else:
            given = series.notna().to_numpy(dtype=bool)
            true, false = ((given & series.isin([value]).to_numpy(dtype=bool)) for value in (1, 0))
        refuse(series, given & ~true & ~false, "is neither true nor false")
        values = pd.array(true, dtype="boolean")
        values[~given] = pd.NA
        return pd.Series(values, index=series.index, name=series.name)


def are_booleans(cells: pa.Array) -> bool:
    """Whether all values are the words true and false."""
    return bool(as_mask(pc.is_in(pc.utf8_lower(cells), value_set=pa.array(["true", "false"], cells.type))).all())
