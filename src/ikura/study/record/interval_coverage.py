"""How often prediction intervals held the values of the test rows, as it is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from ikura.schema import Count
from ikura.wording import figure

__all__ = ["IntervalCoverage"]


@dataclass(frozen=True)
class IntervalCoverage:
    """Prediction intervals of one level, measured on the test rows.

    Attributes:
        level: share of rows whose value was to lie within.
        share: of the test rows whose value did.
        interval: its 95 % interval (Wilson).
        width: median of the intervals' widths, in the target's unit.
        held_out: rows whose errors the intervals are made of.
        rows: test rows.
    """

    level: float
    share: float
    interval: tuple[float, float]
    width: float
    held_out: Count
    rows: Count

    @property
    def sentence(self) -> str:
        """How often they held, and how wide they are.

        Example:
            >>> IntervalCoverage(0.9, 0.88, (0.81, 0.93), 2.5, 200, 100).sentence
            '90 % intervals hold 88 % of the 100 test rows (95 % interval 81 % to 93 %); half of them are
            narrower than 2.5'
        """
        low, high = self.interval
        told = (
            f"{100 * self.level:g} % intervals hold {100 * self.share:.3g} % of the {self.rows:,} test rows (95 % "
            f"interval {100 * low:.3g} % to {100 * high:.3g} %); half of them are narrower than {figure(self.width)}"
        )
        if high < self.level:
            return f"{told}. That is too seldom: are the test rows of another kind?"
        return told
