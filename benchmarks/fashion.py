"""Fashion-MNIST as Debian packages it: IDX files, read with NumPy."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

__all__ = ["FOLDER", "fashion_mnist", "read_idx"]

FOLDER = Path("/usr/share/datasets/fashion-mnist")
PARTS = ("train", "t10k")


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped IDX file of bytes: two zero bytes, 0x08, the number of dimensions, the dimensions, the values.

    Raises:
        ValueError: it is no such file.

    References:
        Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits, "File formats".
    """
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: not an IDX file of bytes")
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape.tolist())


def fashion_mnist(folder: Path = FOLDER) -> tuple[np.ndarray, np.ndarray]:
    """Read all 70,000 images: grey values, uint8 of shape (70000, 784), and classes, int64 of shape (70000,).

    Raises:
        SystemExit: the package is not installed.
    """
    files = [folder / f"{part}-{kind}.gz" for part in PARTS for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise SystemExit(f"{missing[0]}: no such file; install it with: apt-get install -y dataset-fashion-mnist")
    images, classes, more_images, more_classes = map(read_idx, files)
    x = np.concatenate([images, more_images])
    return x.reshape(len(x), -1), np.concatenate([classes, more_classes]).astype(np.int64)
