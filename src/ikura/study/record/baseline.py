"""What another learner reached on the test rows, beside the study's network."""

from __future__ import annotations

from dataclasses import dataclass

from ikura.schema import Count, Name

__all__ = ["Baseline"]


@dataclass(frozen=True)
class Baseline:
    """A learner that nobody tuned, on the rows that the study's network was tested on.

    Attributes:
        name: of the learner.
        value: its score.
        interval: 95 % interval of it.
        gain: by how much the study's network is better; below 0 where it is worse.
        gain_interval: its 95 % interval, over test rows in pairs.
        rows: rows that it was fitted on.
    """

    name: Name
    value: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    rows: Count

    @property
    def sentence(self) -> str:
        """Who is better, if anybody is beyond chance."""
        low, high = self.gain_interval
        by = f"{abs(self.gain):.3g}, 95 % interval of the difference {low:.3g} to {high:.3g}"
        told = f"{self.name} as it comes reaches {self.value:.4g} on the same test rows"
        if low > 0:
            return f"{told}: the network is better by {by}"
        if high < 0:
            return f"{told}: it is better than the network by {by}"
        return f"{told}, not to be told apart from the network (difference {self.gain:.3g}, {low:.3g} to {high:.3g})"
