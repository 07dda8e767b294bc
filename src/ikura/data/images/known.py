"""Image sets known by name, where this machine has them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ikura.data.images._base import ImageSet
from ikura.data.images.idx import is_idx_folder, read_idx
from ikura.errors import DataError

__all__ = ["find_image_set", "read_image_set"]

VARIABLE = "IKURA_FASHION_MNIST"
PACKAGE = "dataset-fashion-mnist"
PLACE = Path("/usr/share/datasets/fashion-mnist")
CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def find_image_set(name: str) -> Path:
    """Find the folder of an image set.

    Args:
        name: one of `IMAGE_SETS`.

    Returns:
        The folder that the environment variable IKURA_FASHION_MNIST names, or the one of the Debian package.

    Raises:
        DataError: it is not there; the message says what to install.
    """
    given = os.environ.get(VARIABLE)
    folder = Path(given) if given else PLACE
    if folder.is_dir() and is_idx_folder(folder):
        return folder
    if given:
        raise DataError(f"{name}: the folder that {VARIABLE} names has no train-images-idx3-ubyte(.gz): {folder}")
    raise DataError(
        f"{name} is not on this machine; install the Debian package {PACKAGE} (apt-get install {PACKAGE}), or let "
        f"{VARIABLE} name a folder with train-images-idx3-ubyte.gz and its three companions"
    )


def read_image_set(name: str) -> ImageSet:
    """Read an image set, with its classes by name.

    Raises:
        DataError: it is not there, or not what it should be.
    """
    folder = find_image_set(name)
    images = read_idx(folder)
    if images.labels.max() >= len(CLOTHES):
        raise DataError(f"{folder}: {len(CLOTHES)} classes are expected, but there is a label {images.labels.max()}")
    names = np.array(CLOTHES, dtype=object)[images.labels]
    return ImageSet(images.pixels, names, images.parts)
