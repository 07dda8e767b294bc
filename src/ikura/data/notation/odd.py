"""Columns that would be numbers or dates but for a few values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ikura.data.notation._base import Doubt, Hints, as_mask
from ikura.data.notation.find_number import find_number
from ikura.data.notation.moment import iso
from ikura.data.notation.number import NumberNotation, plainly_spaced

__all__ = ["Odd", "find_odd"]

SAMPLE = 100
LIKELY = 0.5
ORDERS = ("year", "day", "month", "clock")


@dataclass(frozen=True)
class Odd:
    """What most values of a column are.

    Args:
        what: "numbers" or "dates".
        fits: which values are, shape (distinct values,).
        notation: how they are written, where they are numbers.
    """

    what: str
    fits: npt.NDArray[np.bool_]
    notation: NumberNotation | None = None


def find_odd(cells: pa.Array, hints: Hints) -> Odd | None:
    """Find what at least half of the values are, where some are not.

    Args:
        cells: distinct values, trimmed text, none missing.
        hints: what the caller says.

    Example:
        >>> find_odd(pa.array(["1.5", "2", "oops"], pa.large_string()), Hints()).fits
        array([ True,  True, False])
    """
    sample = cells.take(pa.array(np.unique(np.linspace(0, len(cells) - 1, min(SAMPLE, len(cells))).astype(int))))
    plain = plainly_spaced(cells)
    best: Odd | None = None
    for notation in _notations(sample, hints):
        fits = as_mask(notation.fits(plain, strict=True))
        if best is None or fits.sum() > best.fits.sum():
            best = Odd("numbers", fits, notation)
    texts = sample.to_pylist()
    for order in ORDERS:
        if sum(iso(text, order) is not None for text in texts) >= LIKELY * len(texts):
            fits = np.array([iso(text, order) is not None for text in cells.to_pylist()])
            if best is None or fits.sum() > best.fits.sum():
                best = Odd("dates", fits)
    return best if best is not None and best.fits.mean() >= LIKELY else None


def _notations(sample: pa.Array, hints: Hints) -> list[NumberNotation]:
    """The notations of single values."""
    found: dict[NumberNotation, int] = {}
    for place in range(len(sample)):
        one = find_number(sample.slice(place, 1), hints)
        for notation in one.readings.values() if isinstance(one, Doubt) else [one]:
            if isinstance(notation, NumberNotation):
                found[notation] = found.get(notation, 0) + 1
    return sorted(found, key=lambda notation: -found[notation])[:4]
