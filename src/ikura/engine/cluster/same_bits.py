"""Whether two trainings of one tile gave the same, to the bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from ikura.population.outcome import Outcome
from ikura.trial_state import State

__all__ = ["difference_of_bits"]

TIMES = ("seconds",)
"""What is measured anew in each training."""


def difference_of_bits(first: Sequence[Outcome], second: Sequence[Outcome]) -> str:
    """Name what differs between two trainings of the same tile; empty where nothing does.

    Times are not compared, nor are members that a time limit cut short or a hand let stand still.

    Example:
        >>> one = Outcome(7, 0, 0, State.COMPLETE, np.zeros((2, 3)), 1, 0.5, 0.9, 0.4, 0.9, 1.0)
        >>> from dataclasses import replace
        >>> difference_of_bits([one], [replace(one, seconds=2.0)])
        ''
        >>> difference_of_bits([one], [replace(one, curve=one.curve + 1e-16)])
        'trial 7: curve'
    """
    if [one.number for one in first] != [one.number for one in second]:
        return "its trials"
    found = []
    for one, other in zip(first, second, strict=True):
        if any(each.paused or each.state is State.STOPPED for each in (one, other)):
            continue
        parts = [
            held.name
            for held in fields(Outcome)
            if held.name not in TIMES and not _same(getattr(one, held.name), getattr(other, held.name))
        ]
        if parts:
            found.append(f"trial {one.number}: {', '.join(parts)}")
    return "; ".join(found)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[n], other[n]) for n in one if n not in TIMES)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, float) and isinstance(other, float):
        return np.float64(one).tobytes() == np.float64(other).tobytes()
    return bool(type(one) is type(other) and one == other)
