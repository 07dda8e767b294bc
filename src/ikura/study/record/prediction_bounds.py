"""Between which values a study's model predicts, as it is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from ikura.schema import Count, Finite, Whole

__all__ = ["PredictionBounds"]


@dataclass(frozen=True)
class PredictionBounds:
    """The least and the greatest value of training and dev rows, between which predictions are kept.

    Attributes:
        low, high: these values.
        beyond: test rows whose prediction lay beyond them.
        rows: test rows.
    """

    low: Finite
    high: Finite
    beyond: Whole
    rows: Count

    @property
    def sentence(self) -> str | None:
        """What the bounds did; None where no prediction lay beyond them.

        Example:
            >>> PredictionBounds(0.5, 8.0, 3, 100).sentence
            '3 of 100 test rows are predicted as 0.5 or 8, the least and the greatest value given;
            the network went beyond'
        """
        if not self.beyond:
            return None
        verb = "is" if self.beyond == 1 else "are"
        return (
            f"{self.beyond:,} of {self.rows:,} test rows {verb} predicted as {self.low:.6g} or {self.high:.6g}, the "
            "least and the greatest value given; the network went beyond"
        )
