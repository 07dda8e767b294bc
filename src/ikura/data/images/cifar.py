"""CIFAR-10 and CIFAR-100 in their binary form: records of labels and 3 x 32 x 32 pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ikura.data.images._base import ImageSet
from ikura.data.images.pixel_memory import BLOCK, allocate
from ikura.errors import DataError

__all__ = ["cifar_files", "is_cifar_folder", "read_cifar"]

SHAPE = (3, 32, 32)
PIXELS = 3072
TEN, HUNDRED = "batches.meta.txt", "fine_label_names.txt"


def cifar_files(folder: Path) -> tuple[list[Path], Path | None, int]:
    """Training files, test file and number of label bytes in a record; no training files if this is no such folder."""
    tens = sorted(folder.glob("data_batch_*.bin"))
    test = folder / ("test_batch.bin" if tens else "test.bin")
    train = tens or ([folder / "train.bin"] if (folder / "train.bin").is_file() else [])
    return train, test if train and test.is_file() else None, 1 if tens else 2


def is_cifar_folder(folder: Path) -> bool:
    """Whether a folder holds CIFAR's binary files."""
    return bool(cifar_files(folder)[0])


def read_cifar(folder: Path) -> ImageSet:
    """Read CIFAR-10 (data_batch_1.bin …, test_batch.bin) or CIFAR-100 (train.bin, test.bin; its fine labels).

    Args:
        folder: the folder of the binary version.

    Returns:
        The images, shape (n, 3, 32, 32); classes by name where the folder has their names, as whole numbers otherwise.

    Raises:
        DataError: a file is not made of whole records, or a label has no name.
    """
    train, test, heads = cifar_files(folder)
    paths = [*train, *([test] if test else [])]
    record = heads + PIXELS
    counts = []
    for path in paths:
        size = path.stat().st_size
        if not size or size % record:
            raise DataError(f"{path}: {size:,} bytes are not whole records of {record} bytes; the file is cut short")
        counts.append(size // record)
    pixels, labels = allocate((sum(counts), *SHAPE)), np.empty(sum(counts), np.int64)
    start = 0
    for path, count in zip(paths, counts, strict=True):
        table = np.memmap(path, np.uint8, "r", shape=(count, record))
        for first in range(0, count, BLOCK):
            rows = table[first : first + BLOCK]
            pixels[start + first : start + first + len(rows)] = rows[:, heads:].reshape(-1, *SHAPE)
            labels[start + first : start + first + len(rows)] = rows[:, heads - 1]
        start += count
    parts = None
    if test:
        parts = np.zeros(len(labels), np.int8)
        parts[-counts[-1] :] = 2
    return ImageSet(pixels, _named(folder, labels, TEN if heads == 1 else HUNDRED), parts)


def _named(folder: Path, labels: npt.NDArray[np.int64], file: str) -> npt.NDArray[np.object_] | npt.NDArray[np.int64]:
    try:
        text = (folder / file).read_text(encoding="utf-8")
    except FileNotFoundError:
        return labels
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{folder / file}: the names of the classes cannot be read: {error}") from None
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if labels.max() >= len(names):
        raise DataError(f"{folder / file}: it names {len(names)} classes, but there is a label {labels.max()}")
    return np.array(names, dtype=object)[labels]
