"""What another learner reached on the test rows, beside the study's model."""

from __future__ import annotations

from dataclasses import dataclass

from ikura.schema import Count, Name
from ikura.wording import figure, span

__all__ = ["Baseline"]


@dataclass(frozen=True)
class Baseline:
    """A learner that nobody tuned, or the best constant answer, on the rows that the study's model was tested on.

    Attributes:
        name: of the learner.
        value: its score.
        interval: 95 % interval of it.
        gain: by how much the study's model is better; below 0 where it is worse.
        gain_interval: its 95 % interval, over test rows in pairs.
        rows: rows that it was fitted on.
        constant: whether it gives the same answer for all rows.
    """

    name: Name
    value: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    rows: Count
    constant: bool = False

    @property
    def verdict(self) -> str:
        """Its score, and who is better, if anybody is beyond chance."""
        low, high = self.gain_interval
        told = f"{figure(self.value)}{'' if self.constant else ' as it comes'}, on the same rows"
        if low > 0:
            return f"{told}: worse than the model by {figure(self.gain, 3)}, 95 % interval {span((low, high), 3)}"
        if high < 0:
            return f"{told}: better than the model by {figure(-self.gain, 3)}, 95 % interval {span((-high, -low), 3)}"
        return (
            f"{told}: not to be told apart from the model (difference {figure(self.gain, 3)}, {span((low, high), 3)})"
        )

    @property
    def better(self) -> bool:
        """Whether it is better than the model beyond chance."""
        return self.gain_interval[1] < 0

    @property
    def worse(self) -> bool:
        """Whether it is worse than the model beyond chance."""
        return self.gain_interval[0] > 0
