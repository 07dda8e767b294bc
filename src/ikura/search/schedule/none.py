"""No schedule: every trial trains to the end."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import ClassVar

from ikura.errors import UsageError
from ikura.search.schedule._base import Schedule

__all__ = ["NoSchedule"]


class NoSchedule(Schedule):
    """Let every trial train to the end.

    Example:
        >>> NoSchedule().rungs(100)
        [100]
        >>> NoSchedule().survivors([0.5, float("nan"), 0.7], rung=0)
        [0, 2]
    """

    name: ClassVar[str] = "none"

    def rungs(self, epochs: int) -> list[int]:
        if epochs < 1:
            raise UsageError(f"epochs must be at least 1, but got {epochs}")
        return [epochs]

    def survivors(self, scores: Sequence[float], rung: int) -> list[int]:
        return [position for position, score in enumerate(scores) if isfinite(score)]
