"""MNIST's format, IDX: a folder with images and labels of a training and perhaps a test set, packed or not."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from ikura.data.images._base import ImageSet
from ikura.data.images.pixel_memory import BLOCK, allocate
from ikura.errors import DataError
from ikura.files import check_regular

__all__ = ["idx_files", "is_idx_folder", "read_idx", "read_idx_images"]

NAME = re.compile(r"(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?", re.IGNORECASE)
UBYTE = 0x08


def idx_files(folder: Path) -> dict[tuple[str, str], Path]:
    """The files of a folder by (train or test, images or labels); an unpacked file comes before its packed twin."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):
        match = NAME.fullmatch(path.name)
        if match and path.is_file():
            found.setdefault(("train" if match[1].lower() == "train" else "test", match[2].lower()), path)
    return found


def is_idx_folder(folder: Path) -> bool:
    """Whether a folder holds a training set in MNIST's format."""
    return ("train", "images") in idx_files(folder)


def read_idx(folder: Path) -> ImageSet:
    """Read a folder in MNIST's format.

    Args:
        folder: holds train-images-idx3-ubyte, train-labels-idx1-ubyte and perhaps the same with t10k, each perhaps .gz.

    Returns:
        The images, shape (n, 1, height, width), with whole numbers as classes; what is called t10k is the test set.

    Raises:
        DataError: a file is missing or not what it should be.
    """
    files = idx_files(folder)
    kinds = [kind for kind in ("train", "test") if (kind, "images") in files or (kind, "labels") in files]
    sizes: list[tuple[int, int, int]] = []
    labels: list[npt.NDArray[np.uint8]] = []
    for kind in kinds:
        for what in ("images", "labels"):
            if (kind, what) not in files:
                prefix = "t10k" if kind == "test" else kind
                raise DataError(f"{folder}: no file of {prefix}-{what} beside {next(iter(files.values())).name}")
        with _open(files[kind, "images"]) as file:
            count, height, width = _head(file, files[kind, "images"], 3)
        with _open(files[kind, "labels"]) as file:
            (named,) = _head(file, files[kind, "labels"], 1)
            labels.append(np.empty(named, np.uint8))
            _fill(file, files[kind, "labels"], labels[-1])
        if named != count:
            raise DataError(f"{files[kind, 'labels']}: {named} labels for {count} images; there must be one each")
        sizes.append((count, height, width))
    if len({size[1:] for size in sizes}) > 1:
        raise DataError(f"{folder}: training images are {sizes[0][1:]} pixels, test images {sizes[1][1:]}")
    pixels = allocate((sum(size[0] for size in sizes), 1, *sizes[0][1:]))
    start = 0
    for kind, (count, *_) in zip(kinds, sizes, strict=True):
        with _open(files[kind, "images"]) as file:
            _head(file, files[kind, "images"], 3)
            _fill(file, files[kind, "images"], pixels[start : start + count])
        start += count
    parts = np.repeat(np.array([0, 2], np.int8)[: len(sizes)], [size[0] for size in sizes])
    return ImageSet(pixels, np.concatenate(labels).astype(np.int64), parts if len(kinds) > 1 else None)


def read_idx_images(path: Path) -> npt.NDArray[np.uint8]:
    """Read one file of images in MNIST's format: shape (n, 1, height, width)."""
    with _open(path) as file:
        count, height, width = _head(file, path, 3)
        pixels = allocate((count, 1, height, width))
        _fill(file, path, pixels)
    return pixels


def _open(path: Path) -> BinaryIO:
    check_regular(path)
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return cast(BinaryIO, gzip.open(path) if packed else path.open("rb"))
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror or error}") from None


def _head(file: BinaryIO, path: Path, dimensions: int) -> tuple[int, ...]:
    """Check the first bytes and return the sizes."""
    try:
        head = file.read(4 * (dimensions + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the packed file is damaged: {error}") from None
    wanted = bytes([0, 0, UBYTE, dimensions])
    if len(head) < 4 * (dimensions + 1) or head[:4] != wanted:
        what = "images" if dimensions == 3 else "labels"
        raise DataError(f"{path}: not an IDX file of {what}: it begins with {head[:4].hex()}, not {wanted.hex()}")
    sizes = struct.unpack(f">{dimensions}I", head[4:])
    if not all(sizes):
        raise DataError(f"{path}: it holds nothing: its sizes are {' x '.join(map(str, sizes))}")
    return sizes


def _fill(file: BinaryIO, path: Path, array: npt.NDArray[np.uint8]) -> None:
    """Read an array's bytes from the file, which must end with it."""
    missing = array.nbytes
    try:
        for start in range(0, len(array), BLOCK):
            block = array[start : start + BLOCK].reshape(-1).data
            while len(block):
                read = file.readinto(block)  # type: ignore[attr-defined]
                if not read:
                    raise DataError(f"{path}: the file is cut short: {missing:,} bytes are missing")
                block, missing = block[read:], missing - read
        if file.read(1):
            raise DataError(f"{path}: there is more in the file than its header tells")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the packed file is damaged: {error}") from None
