"""Where the data come from: a file, a bundled data set, a frame, or arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.network_inputs import NetworkInputs

__all__ = ["Source"]


CLASS = "class"
"""Name of the target of images."""


@dataclass(frozen=True)
class Source:
    """Features and target, still as they were read.

    Args:
        name: path or bundled name; None for data in memory.
        features: table of n rows without the target, or array of shape (n, …) with more than two dimensions;
            or several inputs, or arrays that stay on disk, as they are given.
        target: the target column, n rows.
        kinds: kinds of columns that are known beforehand.
        notes: sentences for the user.
        images: whether the features are images, uint8 of shape (n, channels, height, width).
        resized: whether images of any size are brought to this one.
        broken: image files that could not be read and were skipped.
        parts: part of each row, 0 training, 1 dev, 2 test, where the data come with their own; None otherwise.
        part_names: part -> what it is called in a message, for parts that come from elsewhere.
        channels_last: whether channels were last and have been brought to the front.
        values: targets of several values for each example, shape (n, ...), of which `target` holds the means; None
            where each has one.
        weights: of the examples in the loss, shape (n,); None for 1 each.
        columns: several target columns of a table, n rows, whose names `target` is called by; None for one target.
        names: what the several values of an example are called; None where nobody says.
    """

    name: str | None
    features: pd.DataFrame | npt.NDArray[Any] | NetworkInputs
    target: pd.Series
    kinds: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    images: bool = False
    resized: bool = False
    broken: list[str] = field(default_factory=list)
    parts: npt.NDArray[np.int8] | None = None
    part_names: dict[int, str] = field(default_factory=dict)
    channels_last: bool = False
    values: npt.NDArray[Any] | None = None
    weights: npt.NDArray[np.float64] | None = None
    columns: pd.DataFrame | None = None
    names: list[str] | None = None
