"""ImageSet for the report: some images of each class, and what each augmentation does to some of them."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ikura.data import Dataset
from ikura.lazy_torch import torch
from ikura.nn.augmentation import AUGMENTATIONS, Augment
from ikura.space import Space
from ikura.study.record.facts import AugmentationImages, ImageSamplesFact

__all__ = ["image_samples", "image_strip"]

MOST_CLASSES = 12
EACH = 8
SIDE = 64
GAP = 2


def image_samples(dataset: Dataset, space: Space, seed: int) -> ImageSamplesFact | None:
    """Draw the samples of a study of images.

    Args:
        dataset: the images; only those of the training set are shown.
        space: what is searched; augmentations that are in it are shown at the least, the middle and the largest
            strength.
        seed: key of the augmentations' draws.

    Returns:
        The samples; a picture is a PNG as a data URI, several images side by side. None if the data are no images.
    """
    if dataset.train.standard is None:
        return None
    classes = dataset.task.classes or []
    groups = [np.flatnonzero(dataset.train.y == code)[:EACH] for code in range(min(len(classes), MOST_CLASSES))]
    first = [int(group[place]) for place in range(EACH) for group in groups if place < len(group)]
    some = np.asarray(dataset.train.array[first[:EACH] or slice(EACH)])
    return {
        "classes": [
            {"name": str(name), "picture": image_strip(dataset.train.array[group])}
            for name, group in zip(classes, groups, strict=False)
            if len(group)
        ],
        "originals": image_strip(some),
        "augmentations": [_changed(some, name, space, seed) for name in AUGMENTATIONS if _strengths(space, name)],
    }


def _strengths(space: Space, name: str) -> list[float]:
    """The least, the middle and the largest strength that is searched; nothing where it is always 0."""
    if name not in space:
        return []
    found = [float(space[name].from_unit(unit)) for unit in (0.0, 0.5, 1.0)]
    return [strength for strength in dict.fromkeys(found) if strength > 0]


def _changed(images: npt.NDArray[Any], name: str, space: Space, seed: int) -> AugmentationImages:
    strengths = _strengths(space, name)
    augment = Augment([{name: strength} for strength in strengths], seed)
    changed = augment(torch.from_numpy(images).float() / 255, epoch=0, first=0)
    plain = (changed * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return {
        "name": name,
        "unit": AUGMENTATIONS[name].unit,
        "strengths": [
            {"strength": strength, "picture": image_strip(one)} for strength, one in zip(strengths, plain, strict=True)
        ],
    }


def image_strip(images: npt.NDArray[Any]) -> str:
    """Lay images side by side.

    Args:
        images: shape (n, 1 or 3, height, width); larger ones than 64 pixels are made smaller.

    Returns:
        A PNG with clear gaps, as a data URI.
    """
    tiles = []
    for image in images:
        tile = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).convert("RGBA")
        tile.thumbnail((SIDE, SIDE))
        tiles.append(tile)
    width, height = tiles[0].size
    sheet = Image.new("RGBA", (len(tiles) * (width + GAP) - GAP, height))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place * (width + GAP), 0))
    buffer = BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
