"""Columns that would be numbers or dates but for a few values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ikura.data.notation._base import Doubt, Hints, as_mask
from ikura.data.notation.date_time import iso
from ikura.data.notation.find_number import find_number
from ikura.data.notation.number import NumberNotation, plainly_spaced

__all__ = ["Majority", "find_majority", "find_mixture"]

SAMPLE = 100
LIKELY = 0.5
MOST = 0.9
ORDERS = ("year", "day", "month", "clock")


@dataclass(frozen=True)
class Majority:
    """What most values of a column are.

    Args:
        what: "numbers" or "dates".
        fits: which values are, shape (distinct values,).
        notation: how they are written, where they are numbers.
    """

    what: str
    fits: npt.NDArray[np.bool_]
    notation: NumberNotation | None = None


def find_majority(cells: pa.Array, hints: Hints) -> Majority | None:
    """Find what at least half of the values are, where some are not.

    Args:
        cells: distinct values, trimmed text, none missing.
        hints: what the caller says.

    Example:
        >>> find_majority(pa.array(["1.5", "2", "oops"], pa.large_string()), Hints()).fits
        array([ True,  True, False])
    """
    sample = cells.take(pa.array(np.unique(np.linspace(0, len(cells) - 1, min(SAMPLE, len(cells))).astype(int))))
    plain = plainly_spaced(cells)
    best: Majority | None = None
    for notation in _notations(sample, hints):
        fits = as_mask(notation.fits(plain, strict=True))
        if best is None or fits.sum() > best.fits.sum():
            best = Majority("numbers", fits, notation)
    texts = sample.to_pylist()
    for order in ORDERS:
        if sum(iso(text, order) is not None for text in texts) >= LIKELY * len(texts):
            fits = np.array([iso(text, order) is not None for text in cells.to_pylist()])
            if best is None or fits.sum() > best.fits.sum():
                best = Majority("dates", fits)
    return best if best is not None and best.fits.mean() >= LIKELY else None


def find_mixture(cells: pa.Array, hints: Hints) -> tuple[str, int, int] | None:
    """Find values that are numbers, or dates, each by itself, but written in ways that do not go together.

    Args:
        cells: distinct values, trimmed text, none missing, of no common notation.
        hints: what the caller says.

    Returns:
        "numbers" or "dates", and the places of two values that are written differently; None where most are neither.

    Example:
        >>> find_mixture(pa.array(["1.5 kg", "200 g", "2 kg"], pa.large_string()), Hints())
        ('numbers', 0, 1)
    """
    places = np.unique(np.linspace(0, len(cells) - 1, min(SAMPLE, len(cells))).astype(int))
    texts = cells.take(pa.array(places)).to_pylist()
    orders = [frozenset(order for order in ORDERS if iso(text, order) is not None) for text in texts]
    dates = [place for place, one in enumerate(orders) if one]
    if len(dates) >= MOST * len(texts):
        apart = ((a, b) for a in dates for b in dates if not orders[a] & orders[b])
        pair = next(apart, None)
        return None if pair is None else ("dates", int(places[pair[0]]), int(places[pair[1]]))
    found: list[tuple[int, NumberNotation]] = []
    for place, text in enumerate(texts):
        if place - len(found) > (1 - MOST) * len(texts):
            return None
        number = find_number(pa.array([text], cells.type), hints)
        reading = next(iter(number.readings.values()), None) if isinstance(number, Doubt) else number
        if isinstance(reading, NumberNotation):
            found.append((place, reading))
    if len(found) < MOST * len(texts):
        return None
    start, first = found[0]
    marks = (first.before, first.after, first.decimal)
    other = next((place for place, one in found if (one.before, one.after, one.decimal) != marks), None)
    return None if other is None else ("numbers", int(places[start]), int(places[other]))


def _notations(sample: pa.Array, hints: Hints) -> list[NumberNotation]:
    """The notations of single values."""
    found: dict[NumberNotation, int] = {}
    for place in range(len(sample)):
        one = find_number(sample.slice(place, 1), hints)
        for notation in one.readings.values() if isinstance(one, Doubt) else [one]:
            if isinstance(notation, NumberNotation):
                found[notation] = found.get(notation, 0) + 1
    return sorted(found, key=lambda notation: -found[notation])[:4]
