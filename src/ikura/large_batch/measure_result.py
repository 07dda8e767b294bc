"""What `study.measure` found: noise scale, distances and their laws, α."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from ikura.json_values import JsonObject
from ikura.large_batch.distance_law import Growth
from ikura.large_batch.noise_scale import NoiseScale
from ikura.large_batch.potential import Potential
from ikura.trial_state import State

__all__ = ["Measures", "Moment"]


@dataclass(frozen=True)
class Moment:
    """The noise scale at one moment of a training.

    Attributes:
        epoch: after which it was measured; 0 is before the first.
        updates: made by then.
        scale: the noise scale.
    """

    epoch: int
    updates: int
    scale: NoiseScale


@dataclass(frozen=True)
class Measures:
    """The large-batch measures of one trial, taken while it was trained again.

    Attributes:
        run: the run folder.
        folder: where the report is.
        trial: its number.
        winner: whether its network is the run's model.
        state: how it ended, such as complete or diverged.
        batch_size: examples in its mini-batches.
        epochs: that it trained.
        rows: training examples.
        examples: training examples that noise scale and potential were measured on.
        deviation: largest relative difference of the curve, trained again, from the recorded one; 0 where they are
            equal to the bit.
        moments: the noise scale along the way.
        distances: a row for each epoch: epoch, updates, distance (of all weights) and that of each layer by its name.
        growth: how the distance of all weights grew.
        layers: how each layer's did, by name.
        potential: the random potential around the initial weights; None where it has no α.
        notes: what should be known of these measures, in sentences.
        command: what takes them on the command line.
    """

    run: Path
    folder: Path
    trial: int
    winner: bool
    state: State
    batch_size: int
    epochs: int
    rows: int
    examples: tuple[int, int]
    deviation: float
    moments: Sequence[Moment]
    distances: pd.DataFrame
    growth: Growth
    layers: Mapping[str, Growth]
    potential: Potential | None
    notes: Sequence[str]
    command: str = ""

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    @property
    def noise_scale(self) -> pd.DataFrame:
        """A row for each moment: epoch, updates, value, low, high, noise, signal, pairs, batch_size."""
        return pd.DataFrame([self._record(one) for one in self.moments])

    @staticmethod
    def _record(one: Moment) -> JsonObject:
        scale = asdict(one.scale) | {"batch_size": one.scale.batch_size}
        return {"epoch": one.epoch, "updates": one.updates, **scale}

    def to_json(self) -> JsonObject:
        """Return everything as JSON values, but that NaN and infinities stay what they are."""
        return {
            "run": str(self.run),
            **{name: getattr(self, name) for name in ("trial", "winner", "state", "batch_size", "epochs", "rows")},
            "examples": dict(zip(("noise_scale", "potential"), self.examples, strict=True)),
            "deviation": self.deviation,
            "noise_scale": [self._record(one) for one in self.moments],
            "distances": {str(name): column.tolist() for name, column in self.distances.items()},
            "growth": self.growth.as_dict(),
            "layers": {name: one.as_dict() for name, one in self.layers.items()},
            "alpha": {"potential": self.potential and asdict(self.potential), "growth": self.growth.alpha},
            "notes": list(self.notes),
            "report": str(self.report),
        }
