"""The encoder of images: bytes stay bytes, and are standardised when a mini-batch is made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from ikura.data.arrays import plain_array
from ikura.data.encoder._base import ArrayLikeEncoder, Features, names_of_places
from ikura.data.file_limits import check_entry
from ikura.data.images._base import describe_mode
from ikura.data.images.archive import read_array
from ikura.data.images.folder import images_below
from ikura.data.images.idx import read_idx_images
from ikura.data.images.image_file import SUFFIXES, decode_all, fitted
from ikura.data.network_inputs import NetworkInput
from ikura.errors import DataError
from ikura.json_values import JsonObject

__all__ = ["ImageEncoder", "PixelStandard"]

BLOCK = 1 << 22
LEVELS = 256


@dataclass(frozen=True)
class PixelStandard:
    """Standardisation of bytes b by channel, (b / 255 - μ) / σ.

    Args:
        mean: μ of each channel in the training set, on the scale from 0 to 1.
        std: σ; 1 where all pixels are equal.

    Example:
        >>> PixelStandard((0.5,), (0.25,)).apply(np.array([[[[0, 255]]]], np.uint8)).tolist()
        [[[[-2.0, 2.0]]]]
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @staticmethod
    def fit(pixels: npt.NDArray[np.uint8]) -> PixelStandard:
        """Count the training set's pixels, shape (n, channels, height, width); the sums are exact."""
        step = max(BLOCK // max(int(np.prod(pixels.shape[1:])), 1), 1)
        return PixelStandard.fit_blocks(pixels[start : start + step] for start in range(0, len(pixels), step))

    @staticmethod
    def fit_blocks(blocks: Iterable[npt.NDArray[np.uint8]]) -> PixelStandard:
        """Count the pixels of images that come some at a time."""
        counts = np.zeros((0, LEVELS), np.int64)
        for block in blocks:
            if not len(counts):
                counts = np.zeros((block.shape[1], LEVELS), np.int64)
            for channel in range(len(counts)):
                counts[channel] += np.bincount(block[:, channel].ravel(), minlength=LEVELS)
        levels = np.arange(LEVELS) / (LEVELS - 1)
        total = counts.sum(1)
        mean = (counts * levels).sum(1) / total
        std = np.sqrt((counts * (levels - mean[:, None]) ** 2).sum(1) / total)
        return PixelStandard(tuple(map(float, mean)), tuple(float(one) or 1.0 for one in std))

    def apply(self, pixels: npt.NDArray[np.uint8], dtype: str = "float32") -> npt.NDArray[Any]:
        """Standardise: shape (n, channels, height, width), of the dtype."""
        levels = np.arange(LEVELS).astype(dtype) / np.asarray(LEVELS - 1, dtype)
        out = np.empty(pixels.shape, dtype)
        for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            table = (levels - np.asarray(mean, dtype)) / np.asarray(std, dtype)
            out[:, channel] = table[pixels[:, channel]]
        return out


@dataclass(frozen=True)
class ImageEncoder(ArrayLikeEncoder):
    """Takes images as the training set's were: same size, same channels; `standard` makes numbers of them.

    Args:
        shape: (channels, height, width) of one image.
        standard: statistics of the training set.
        resized: whether images of other sizes are scaled and cut to this one.
        channels_last: whether arrays whose shape leaves it open have their channels last.
    """

    shape: tuple[int, int, int]
    standard: PixelStandard
    resized: bool = False
    channels_last: bool = False

    @staticmethod
    def fit_images(pixels: npt.NDArray[np.uint8], resized: bool = False, channels_last: bool = False) -> ImageEncoder:
        """Fit to the training images, uint8 of shape (n, channels, height, width)."""
        _, channels, height, width = pixels.shape
        return ImageEncoder((channels, height, width), PixelStandard.fit(pixels), resized, channels_last)

    @staticmethod
    def fit_input(raw: NetworkInput, channels_last: bool) -> ImageEncoder:
        """Fit to the training rows of one of several inputs, bytes as they are given, read in blocks."""
        shape = raw.array.shape[1:]
        shape = (1, *shape) if len(shape) == 2 else (shape[2], *shape[:2]) if channels_last else shape
        plain = ImageEncoder((shape[0], shape[1], shape[2]), PixelStandard((0.0,), (1.0,)), False, channels_last)
        step = max(BLOCK // max(int(np.prod(shape)), 1), 1)
        blocks = (plain.encode(raw.given(slice(start, start + step))) for start in range(0, len(raw), step))
        return replace(plain, standard=PixelStandard.fit_blocks(blocks))

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self.shape

    def encode(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Bring an array of images to bytes of shape (n, channels, height, width)."""
        return self._shaped(_bytes(array))

    @staticmethod
    def read_form(form: Mapping[str, Any]) -> ImageEncoder:
        """The encoder that `to_dict` described."""
        channels, height, width = form["shape"]
        standard = PixelStandard(tuple(form["mean"]), tuple(form["std"]))
        return ImageEncoder((channels, height, width), standard, form["resized"], form.get("channels_last", False))

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        mean, std = list(self.standard.mean), list(self.standard.std)
        return {
            "type": "image",
            "shape": list(self.shape),
            "mean": mean,
            "std": std,
            "resized": self.resized,
            "channels_last": self.channels_last,
        }

    def transform(self, data: Any) -> Features:
        """Bring images to the form of the training set's.

        Args:
            data: array of shape (n, channels, height, width), (n, height, width, channels), for grey images
                (n, height, width), or one image; whole numbers from 0 to 255. Or the path of an image, of a folder of
                images, of an IDX or .npz file. Or a list of paths or of Pillow images.

        Returns:
            x, uint8 of shape (n, channels, height, width), not yet standardised, and codes of shape (n, 0).

        Raises:
            DataError: an image is of another size or cannot be read; the message names it.
        """
        x = self._pixels(data)
        return x, np.zeros((len(x), 0), np.int32)

    def numbers(self, x: npt.NDArray[Any], dtype: str = "float32") -> npt.NDArray[Any]:
        """Standardise what `transform` returned."""
        return self.standard.apply(x, dtype)

    def names(self, data: Any) -> list[str] | None:
        """The file of each image, where the data are image files."""
        paths = _paths(data)
        return None if paths is None else [str(path) for path in paths]

    def _pixels(self, data: Any) -> npt.NDArray[np.uint8]:
        paths = _paths(data)
        if paths is not None:
            pixels, faults = decode_all(paths, self.shape, self.shape[1] if self.resized else None)
            if faults:
                raise DataError(faults[min(faults)])
            return pixels
        if isinstance(data, str | os.PathLike):
            path = Path(data)
            data = read_array(path) if path.suffix.lower() == ".npz" else read_idx_images(path)
        if isinstance(data, pd.DataFrame):
            raise DataError("the network was trained on images; give images, not a table")
        if isinstance(data, Image.Image):
            data = [data]
        if isinstance(data, Sequence) and data and all(isinstance(one, Image.Image) for one in data):
            data = np.stack([self._from_pillow(one) for one in data])
        return self._shaped(_bytes(plain_array(data, "x")))

    def _from_pillow(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        grey = self.shape[0] == 1
        plain = fitted(image.convert("L" if grey else "RGB"), self.shape[1] if self.resized else None)
        pixels = np.asarray(plain)
        return pixels[None] if grey else pixels.transpose(2, 0, 1)

    def _shaped(self, array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Find the order of the dimensions."""
        channels, height, width = self.shape
        last = (height, width, channels)
        known = sorted(((self.shape, False), (last, True)), key=lambda one: one[1] != self.channels_last)
        flat = [((height, width), False)] if channels == 1 else []
        for shape, moves in [*known, *flat]:
            if array.shape[1:] == shape or array.shape == shape:
                images = array.reshape(-1, *shape)
                moved = images.transpose(0, 3, 1, 2) if moves else images
                return np.ascontiguousarray(moved).reshape(-1, *self.shape)
        raise DataError(
            f"{describe_mode(channels)} images of {width} x {height} pixels are expected, as an array of shape "
            f"(n, {channels}, {height}, {width}), but its shape is {array.shape}"
        )

    @property
    def feature_names(self) -> list[str]:
        """Names of the pixels of one image: pixel[0, 0, 0] and so on."""
        return names_of_places("pixel", self.shape)


def _paths(data: Any) -> list[Path] | None:
    """The image files that data of paths stand for; None for data of another kind."""
    if isinstance(data, str | os.PathLike):
        path = check_entry(data)
        if path.is_dir():
            found = [one for one in images_below(path) if one.suffix.lower() in SUFFIXES]
            if not found:
                raise DataError(f"{path}: no images in this folder ({', '.join(SUFFIXES)})")
            return found
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        if path.suffix.lower() == ".npz" or "idx3-ubyte" in path.name:
            return None
        return [path]
    if isinstance(data, Sequence) and data and all(isinstance(one, str | os.PathLike) for one in data):
        return [Path(one) for one in data]
    return None


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "biuf" or not array.size:
        raise DataError(f"pixels from 0 to 255 are expected, but the array holds {array.dtype} of shape {array.shape}")
    if not ((array >= 0) & (array <= 255) & (array == np.floor(array))).all():
        raise DataError("pixels are whole numbers from 0 to 255, as in the training set; the array holds others")
    return array.astype(np.uint8)
