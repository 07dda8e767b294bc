"""The verdict on a large batch, from an interval and a margin alone, and what would settle an open one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from ikura.study.selection_bias import Difference

__all__ = ["MOST_SEEDS", "Verdict", "Wanted", "verdict_of", "wanted"]

FEW_SEEDS, MOST_SEEDS = 20, 200
"""Seeds that are asked for beside more dev examples, where so many do; and the most that are worth asking for."""

MOST_TIMES = 100
"""How many times the dev examples there are may be asked for."""


class Verdict(StrEnum):
    """What the 95 % interval of the gain over the small batch says of a loss of more than the margin."""

    HOLDS = "holds"
    LOSES = "loses"
    CANT_TELL = "can't tell yet"


@dataclass(frozen=True)
class Wanted:
    """What would settle a verdict, were the estimate and the spreads to stay as they are.

    Attributes:
        seeds: networks of each column, in all; None if no number that is worth asking for would do.
        examples: dev examples, in all, where it takes more of them, too; None otherwise.
    """

    seeds: int | None = None
    examples: int | None = None


def verdict_of(interval: tuple[float, float], margin: float) -> Verdict:
    """Judge an interval of the gain over the small batch (below 0 is a loss).

    Args:
        interval: both ends; NaN says nothing.
        margin: the loss that is allowed, at least 0.

    Returns:
        HOLDS if the whole interval lies at or above minus the margin, LOSES if it lies below, CANT_TELL otherwise.

    Example:
        >>> [str(verdict_of(one, 0.003)) for one in ((-0.002, 0.01), (-0.02, -0.004), (-0.0229, 0.0136))]
        ['holds', 'loses', "can't tell yet"]
    """
    low, high = interval
    if low >= -margin:
        return Verdict.HOLDS
    return Verdict.LOSES if high < -margin else Verdict.CANT_TELL


def wanted(told: Difference, gain: float, margin: float) -> Wanted:
    """Say what would settle a verdict that is open: more seeds where their spread decides, more dev examples otherwise.

    The interval has the half-width t √(s²/R + v n/n'), with s² from seed to seed, v over the n examples. It settles the
    verdict once it is less than |gain + margin|, the distance of the estimate from the loss that is allowed.

    Args:
        told: the difference that was measured.
        gain: its value, above 0 where the large batch is better.
        margin: the loss that is allowed.

    Returns:
        The least that would do; nothing where the estimate lies too near the margin for any sensible number.
    """
    distance = abs(gain + margin)

    def settles(seeds: int, examples: int) -> bool:
        return told.half_width(seeds, examples) < distance

    if not distance > 0:
        return Wanted()
    for seeds in _up_to(told.seeds + 1, MOST_SEEDS):
        if settles(seeds, told.examples):
            return Wanted(seeds)
    for seeds in (max(told.seeds, FEW_SEEDS), MOST_SEEDS):
        for times in _up_to(2, MOST_TIMES):
            if settles(seeds, times * told.examples):
                return Wanted(seeds, times * told.examples)
    return Wanted()


def _up_to(least: int, most: int) -> list[int]:
    """Whole numbers, each at most 5 % above the one before."""
    found = [least]
    while found[-1] < most:
        found.append(min(most, ceil(found[-1] * 1.05)))
    return found
