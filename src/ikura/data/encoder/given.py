"""The encoder of arrays that reach a network as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.data.encoder._base import ArrayLikeEncoder, check_shape, names_of_places
from ikura.errors import DataError
from ikura.json_values import JsonObject

__all__ = ["GivenEncoder"]


@dataclass(frozen=True)
class GivenEncoder(ArrayLikeEncoder):
    """Passes arrays on: whole numbers as int64, such as the ids of tokens, other numbers as float32.

    Args:
        shape: shape of one example.
        integers: whether training had whole numbers.
        channels_last: whether examples are given with their channels, the first of shape, last.
        booleans: whether training had booleans that stay such, one of several inputs.

    Example:
        >>> GivenEncoder((2,), True).transform(np.array([[3, 0]], np.uint8))[0]
        array([[3, 0]])
    """

    shape: tuple[int, ...]
    integers: bool
    channels_last: bool = False
    booleans: bool = False

    @staticmethod
    def read_form(form: Mapping[str, Any]) -> GivenEncoder:
        """The encoder that `to_dict` described."""
        return GivenEncoder(tuple(form["shape"]), form["integers"], form["channels_last"], form.get("booleans", False))

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        form = {"type": "given", "shape": list(self.shape), "integers": self.integers}
        return form | {"channels_last": self.channels_last} | ({"booleans": True} if self.booleans else {})

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.shape

    def encode(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Encode n examples: int64, bool or float32 of shape (n, …)."""
        check_shape(array, self.shape, self.channels_last)
        if array.dtype.kind not in "biuf":
            raise DataError(f"an array of numbers is expected, but it holds {array.dtype}")
        array = np.moveaxis(array, -1, 1) if self.channels_last else array
        if self.booleans:
            x: npt.NDArray[Any] = array.astype(np.bool_)
            self._refuse(array, x != array, "is no boolean, 0 or 1, as training had them")
        elif self.integers:
            with np.errstate(invalid="ignore"):
                x = array.astype(np.int64)
            self._refuse(array, x != array, "is no whole number, as training had them")
        else:
            x = array.astype(np.float32)
            self._refuse(array, ~np.isfinite(x), "is not finite; a number is expected")
        return x

    @staticmethod
    def _refuse(array: npt.NDArray[Any], wrong: npt.NDArray[np.bool_], why: str) -> None:
        if wrong.any():
            row, *place = (int(index) for index in np.argwhere(wrong)[0])
            raise DataError(f"row {row + 1}, x[{', '.join(map(str, place))}]: {array[(row, *place)]} {why}")

    def numbers(self, x: npt.NDArray[Any], dtype: str = "float32") -> npt.NDArray[Any]:
        """What networks take: whole numbers as they are, others in the precision of training."""
        return x if self.integers or self.booleans else x.astype(dtype, copy=False)

    @property
    def feature_names(self) -> list[str]:
        """Names of the numbers of one example: x[0], x[1] and so on."""
        return names_of_places("x", self.shape)
