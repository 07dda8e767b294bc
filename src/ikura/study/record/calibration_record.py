"""The temperature and the threshold of a study's network, as they are recorded."""

from __future__ import annotations

from dataclasses import dataclass

from ikura.metric.calibration import Temperature
from ikura.metric.decisions import Threshold

__all__ = ["Calibration"]


@dataclass(frozen=True)
class Calibration:
    """What the dev examples say of probabilities and answers.

    Attributes:
        temperature: at which the probabilities fit best.
        threshold: of two classes, the probability from which on the metric wants the positive one answered; None
            where the metric has none.
    """

    temperature: Temperature
    threshold: Threshold | None = None

    @property
    def temperature_used(self) -> float:
        """The temperature of the model: 1 where the dev examples do not ask for another."""
        return self.temperature.value if self.temperature.matters else 1.0

    @property
    def threshold_used(self) -> float | None:
        """The threshold of the model; None for one half."""
        return self.threshold.value if self.threshold is not None and self.threshold.matters else None

    @property
    def sentences(self) -> list[str]:
        """What was changed, and why."""
        told, heat, border = [], self.temperature, self.threshold
        if heat.matters:
            way = "too sure" if heat.value > 1 else "too unsure"
            told.append(
                f"The probabilities were {way}: they are taken at temperature {heat.value:.3g} (95 % interval "
                f"{heat.low:.3g} to {heat.high:.3g}), where the log loss of the dev rows is {heat.after:.4g}, not "
                f"{heat.before:.4g}."
            )
        if border is not None and border.matters:
            told.append(
                f"The positive class is answered from a probability of {border.value:.3g} on, not one half: on dev "
                f"rows that did not choose it, that gains {border.gain:.3g} (at least {border.least:.3g} with 95 % "
                "confidence)."
            )
        return told
