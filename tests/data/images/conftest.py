"""Image data made up by the tests: known pixels, written by Pillow and by hand."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in the IDX format."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., Path]:
    """Factory of folders of images by class: PNG files of random pixels, their first one telling the class."""

    def make(
        classes: Sequence[str] = ("cat", "dog"),
        each: int = 8,
        size: tuple[int, int] = (6, 5),
        grey: bool = False,
        parts: Sequence[str] = (),
        suffix: str = ".png",
    ) -> Path:
        rng = np.random.default_rng(0)
        folder = tmp_path / "photos"
        for root in [folder / part for part in parts] or [folder]:
            for number, name in enumerate(classes):
                (root / name).mkdir(parents=True)
                for i in range(each):
                    shape = size[::-1] if grey else (*size[::-1], 3)
                    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
                    pixels.flat[0] = number
                    Image.fromarray(pixels).save(root / name / f"{i:03}{suffix}")
        return folder

    return make


@pytest.fixture
def mnist(tmp_path: Path) -> Callable[..., Path]:
    """Factory of folders in MNIST's format."""

    def make(train: int = 60, test: int = 20, packed: bool = True, side: int = 4) -> Path:
        rng = np.random.default_rng(1)
        folder = tmp_path / "mnist"
        folder.mkdir()
        for name, rows in (("train", train), ("t10k", test)):
            if rows:
                labels = (np.arange(rows) % 3).astype(np.uint8)
                pixels = rng.integers(0, 256, (rows, side, side), dtype=np.uint8)
                for what, array in (("images-idx3", pixels), ("labels-idx1", labels)):
                    content = idx(array)
                    path = folder / f"{name}-{what}-ubyte{'.gz' if packed else ''}"
                    path.write_bytes(gzip.compress(content) if packed else content)
        return folder

    return make
