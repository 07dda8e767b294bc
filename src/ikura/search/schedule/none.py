"""No schedule: every trial trains to the end."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import ClassVar

from ikura.search.schedule._base import Schedule, whole_course

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
        return whole_course(epochs)

    def survivors(self, scores: Sequence[float], rung: int) -> list[int]:
        return [position for position, score in enumerate(scores) if isfinite(score)]
