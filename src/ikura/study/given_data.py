"""The data of a study as the caller gave them: where they come from, how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ikura.data import Dataset, prepare
from ikura.data.array_encoding import ArrayScaling
from ikura.data.arrays import plain_array
from ikura.data.options import DataOptions
from ikura.json_values import JsonObject
from ikura.study.positive_class import wanted_positive
from ikura.study.record.data_record import DataRecord
from ikura.study.record.example_weights import keep_weights, packed_weights
from ikura.study.record.pretrained import Pretrained

__all__ = ["GivenData"]


@dataclass(frozen=True)
class GivenData:
    """The data, in the form in which they will be found again.

    Args:
        data_record: of the data.
        parts: of a dev and a test set of their own, by name.
        options: how they are read.
        weights: of the examples, where they were given as an array.
    """

    data_record: DataRecord
    parts: Mapping[str, DataRecord]
    options: DataOptions
    weights: np.ndarray | None = None

    @classmethod
    def of(cls, data: Any, options: DataOptions, metric: str | None) -> GivenData:
        """Take data of any form that `ikura.tune` takes.

        Args:
            data: the data.
            options: what the caller said of them.
            metric: name of the metric that the caller chose, which may be about one class.

        Raises:
            UsageError: they are of no kind that ikura reads, or cannot be kept.
        """
        data_record = DataRecord.of(data, options.target, ignored=options.ignored)
        named = options.target if data_record.record["kind"] in ("file", "folder", "bundled") else data_record.target
        given = {"dev": options.dev, "test": options.test}
        parts = {
            part: DataRecord.of(one, named, part, options.ignored) for part, one in given.items() if one is not None
        }
        weight = options.sample_weight
        weights = None if weight is None or isinstance(weight, str) else plain_array(weight, "sample_weight")
        positive, taken = wanted_positive(options.positive, metric), {part: one.data for part, one in parts.items()}
        options = replace(options, target=data_record.target, positive=positive, **taken)
        return cls(data_record, parts, options if weights is None else replace(options, sample_weight=weights), weights)

    def read(self, network: Any, arrays: ArrayScaling | None, seed: int, as_given: bool = False) -> Dataset:
        """Read and split them.

        Args:
            network: the caller's; a pretrained one brings its encoder along.
            arrays: what becomes of arrays.
            seed: key of the split.
            as_given: whether values to predict stay in their own units.
        """
        fitted = network.encoder if isinstance(network, Pretrained) else None
        data = self.data_record.data
        return prepare(data, self.options, seed=seed, fitted=fitted, arrays=arrays, as_given=as_given)

    @property
    def notes(self) -> list[str]:
        """Sentences on how data in memory were taken."""
        return [note for one in (self.data_record, *self.parts.values()) for note in one.notes]

    @property
    def records(self) -> JsonObject:
        """The fields of a setting that say where the data are found again."""
        return {"data": self.data_record.record, **{part: one.record for part, one in self.parts.items()}}

    @property
    def weight_record(self) -> JsonObject:
        """The fields of a setting that say where weights are found again that were given as an array."""
        if self.weights is None:
            return {}
        return {"sample_weight": None, "weights": sha256(packed_weights(self.weights)).hexdigest()}

    def keep(self, run: Path) -> None:
        """Write data from memory to the run folder."""
        for one in (self.data_record, *self.parts.values()):
            one.keep(run)
        if self.weights is not None:
            keep_weights(run, self.weights)
