"""Early stopping: a trial ends when its dev loss no longer improves."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import ClassVar

from ikura.search.schedule._base import Schedule, whole_course

__all__ = ["EarlyStopping"]


class EarlyStopping(Schedule):
    """Let every trial go on until its dev loss has not improved for a fifth of the epochs, at least five.

    The best weights are kept, so what is traded for the saved epochs is a late recovery of the dev loss; the goals of
    fitting the training set and of not overfitting it are no longer pursued one at a time.

    Example:
        >>> EarlyStopping().patience(100), EarlyStopping().patience(8)
        (20, 5)
    """

    name: ClassVar[str] = "early-stopping"

    def rungs(self, epochs: int) -> list[int]:
        return whole_course(epochs)

    def survivors(self, scores: Sequence[float], rung: int) -> list[int]:
        return [position for position, score in enumerate(scores) if isfinite(score)]

    def patience(self, epochs: int) -> int | None:
        return max(5, epochs // 5)
