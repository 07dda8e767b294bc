"""The encoder of arrays with more than two dimensions, such as images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.data.encoder._base import ArrayLikeEncoder, check_shape, names_of_places
from ikura.data.encoder.number import Standard
from ikura.data.network_inputs import NetworkInput
from ikura.errors import DataError
from ikura.json_values import JsonObject

__all__ = ["ArrayEncoder", "mean_and_spread"]

BLOCK = 1 << 22


@dataclass(frozen=True)
class ArrayEncoder(ArrayLikeEncoder):
    """Standardises arrays with one mean and one standard deviation over the whole training set.

    Args:
        shape: shape of one example.
        standard: the two statistics.
        channels_last: whether examples are given with their channels, the first of shape, last.
    """

    shape: tuple[int, ...]
    standard: Standard
    channels_last: bool = False

    @staticmethod
    def fit_array(array: npt.NDArray[Any] | NetworkInput, channels_last: bool = False) -> ArrayEncoder:
        """Fit to the training rows, shape (n, …), read in blocks.

        Args:
            array: the rows, with channels first, or, as `NetworkInput`, as they are given.
            channels_last: whether examples are given with channels last.
        """
        mean = sum(float(np.nansum(block)) for block in _blocks(array))
        count = sum(int(np.count_nonzero(~np.isnan(block))) for block in _blocks(array))
        mean /= max(count, 1)
        variance = sum(float(np.nansum((block - mean) ** 2)) for block in _blocks(array)) / max(count, 1)
        standard = Standard(mean, variance**0.5 if variance > 0 else 1.0)
        shape = array.array.shape[1:] if isinstance(array, NetworkInput) else array.shape[1:]
        if channels_last and isinstance(array, NetworkInput):
            shape = (shape[-1], *shape[:-1])
        return ArrayEncoder(shape, standard, channels_last)

    @staticmethod
    def check(array: npt.NDArray[Any] | NetworkInput) -> None:
        """Refuse what is not a number or not finite; DataError names the row, counted from 1."""
        for _ in _blocks(array):
            pass

    @staticmethod
    def read_form(form: Mapping[str, Any]) -> ArrayEncoder:
        """The encoder that `to_dict` described."""
        standard = Standard(form["mean"], form["std"])
        return ArrayEncoder(tuple(form["shape"]), standard, form.get("channels_last", False))

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        return {
            "type": "array",
            "shape": list(self.shape),
            "mean": self.standard.mean,
            "std": self.standard.std,
            "channels_last": self.channels_last,
        }

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.shape

    def encode(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Encode n examples: float32 of shape (n, …)."""
        check_shape(array, self.shape, self.channels_last)
        array = np.moveaxis(array, -1, 1) if self.channels_last else array
        x = np.empty(array.shape, dtype=np.float32)
        start = 0
        for block in _blocks(array):
            x[start : start + len(block)] = self.standard.apply(block)
            start += len(block)
        return x

    @property
    def feature_names(self) -> list[str]:
        """Names of the numbers of one example: x[0, 0], x[0, 1] and so on."""
        return names_of_places("x", self.shape)


def mean_and_spread(
    array: npt.NDArray[Any] | NetworkInput,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of the numbers of every example, each of shape (n,)."""
    pairs = [(flat.mean(axis=1), flat.std(axis=1)) for flat in (one.reshape(len(one), -1) for one in _blocks(array))]
    return np.concatenate([mean for mean, _ in pairs]), np.concatenate([spread for _, spread in pairs])


def _blocks(array: npt.NDArray[Any] | NetworkInput) -> Iterator[npt.NDArray[np.float64]]:
    """The examples in float64, some at a time, none of them infinite."""
    raw = array if isinstance(array, NetworkInput) else NetworkInput(array)
    if raw.array.dtype.kind not in "biuf":
        raise DataError(f"an array of numbers is expected, but it holds {raw.array.dtype}")
    step = max(BLOCK // max(int(np.prod(raw.array.shape[1:])), 1), 1)
    for start in range(0, len(raw), step):
        block = raw.given(slice(start, start + step)).astype(np.float64)
        infinite = np.isinf(block)
        if infinite.any():
            place = tuple(int(index[0]) for index in np.nonzero(infinite))
            where = ", ".join(map(str, place[1:]))
            raise DataError(
                f"row {start + place[0] + 1}, x[{where}]: {block[place]} is not finite; a number is expected"
            )
        yield block
