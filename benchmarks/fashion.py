"""Fashion-MNIST as Debian packages it, as one array."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["FOLDER", "fashion_mnist"]

FOLDER = Path("/usr/share/datasets/fashion-mnist")


def fashion_mnist(folder: Path = FOLDER) -> tuple[np.ndarray, np.ndarray]:
    """Read all 70,000 images: grey values, uint8 of shape (70000, 784), and classes, int64 of shape (70000,).

    Raises:
        SystemExit: the package is not installed.
    """
    from ikura.data.images.idx import is_idx_folder, read_idx
    from ikura.errors import DataError

    try:
        if not folder.is_dir() or not is_idx_folder(folder):
            raise DataError(f"{folder}: no Fashion-MNIST there")
        pictures = read_idx(folder)
    except DataError as error:
        raise SystemExit(f"{error}; install it with: apt-get install -y dataset-fashion-mnist") from None
    return pictures.pixels.reshape(len(pictures.pixels), -1), pictures.labels
