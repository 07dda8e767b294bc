"""Each augmentation against an independent reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage
from torch import Tensor

from ikura.nn.augmentation import AUGMENTATIONS, draw

SHAPES = [(1, 8, 8), (3, 7, 10)]
both = pytest.mark.parametrize("shape", SHAPES, ids=["grey", "colour"])


def images(rows: int, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (rows, *shape)) / 255


def apply(name: str, x: np.ndarray, strength: float, draws: np.ndarray | Tensor) -> np.ndarray:
    given = torch.as_tensor(draws, dtype=torch.float64)
    return AUGMENTATIONS[name].function(torch.from_numpy(x), torch.tensor(strength, dtype=torch.float64), given).numpy()


def picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray((image.transpose(1, 2, 0) * 255).round().astype(np.uint8).squeeze())


def pixels(image: Image.Image, channels: int) -> np.ndarray:
    array = np.asarray(image) / 255
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


@both
def test_flip_is_pillows_mirror(shape: tuple[int, int, int]) -> None:
    x = images(4, shape)
    found = apply("flip", x, 0.5, np.array([[0.1], [0.49], [0.5], [0.9]]))
    for place, mirrored in enumerate((True, True, False, False)):
        wanted = pixels(ImageOps.mirror(picture(x[place])), shape[0]) if mirrored else x[place]
        np.testing.assert_array_equal(found[place], wanted)


def test_flip_has_its_probability() -> None:
    x = np.broadcast_to(np.arange(2.0), (4000, 1, 1, 2)).copy()
    mirrored = apply("flip", x, 0.3, draw(AUGMENTATIONS["flip"], (1, 1, 2), 4000, 0, 0))[:, 0, 0, 0].mean()
    # Binomial, deviation 0.007: four of them.
    assert abs(mirrored - 0.3) < 0.03


@both
def test_rotation_is_scipys(shape: tuple[int, int, int]) -> None:
    x, draws = images(5, shape), np.array([[0.0], [0.3], [0.5], [0.8], [1.0]])
    found = apply("rotation", x, 30.0, draws)
    for place in range(5):
        angle = (2 * draws[place, 0] - 1) * 30
        wanted = ndimage.rotate(x[place], angle, (2, 1), reshape=False, order=1, mode="grid-constant", cval=0)
        # Bilinear weights of coordinates of up to 10, in double precision.
        np.testing.assert_allclose(found[place], wanted.clip(0, 1), atol=1e-13)


def test_rotation_by_a_right_angle() -> None:
    x = images(1, (1, 6, 6))
    np.testing.assert_allclose(apply("rotation", x, 90.0, np.ones((1, 1)))[0, 0], np.rot90(x[0, 0]), atol=1e-13)


@both
def test_crop_is_padding_and_cutting(shape: tuple[int, int, int]) -> None:
    x, padding = images(50, shape), 3
    draws = draw(AUGMENTATIONS["crop"], shape, 50, 0, 0).double().numpy()
    found = apply("crop", x, padding, draws)
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    for place in range(50):
        down, right = np.floor(draws[place] * (2 * padding + 1)).astype(int)
        top, left = 2 * padding - down, 2 * padding - right
        np.testing.assert_array_equal(found[place], padded[place, :, top : top + shape[1], left : left + shape[2]])


def test_every_crop_is_as_likely() -> None:
    x = np.zeros((7000, 1, 9, 9))
    x[:, :, 4, 4] = 1
    found = apply("crop", x, 3.0, draw(AUGMENTATIONS["crop"], (1, 9, 9), 7000, 0, 0))
    counts = found[:, 0].sum(0)
    assert counts[1:8, 1:8].sum() == 7000
    # 49 places, 143 each with a deviation of 12: five of them.
    assert np.abs(counts[1:8, 1:8] - 7000 / 49).max() < 60


@both
def test_noise_has_its_deviation(shape: tuple[int, int, int]) -> None:
    x = np.full((400, *shape), 0.5)
    found = apply("noise", x, 0.05, draw(AUGMENTATIONS["noise"], shape, 400, 0, 0))
    # 25,600 numbers at least: the deviation of their deviation is 0.0002, of their mean 0.0003.
    assert abs(found.std() - 0.05) < 0.001
    assert abs(found.mean() - 0.5) < 0.0015


@both
def test_colour_shifts_each_channel(shape: tuple[int, int, int]) -> None:
    x = images(3, shape)
    draws = np.random.default_rng(1).random((3, shape[0]))
    found = apply("colour", x, 0.4, draws)
    for row, channel in np.ndindex(3, shape[0]):
        shift = 0.4 * (2 * draws[row, channel] - 1)
        np.testing.assert_allclose(found[row, channel], np.clip(x[row, channel] + shift, 0, 1), atol=1e-15)


@pytest.mark.parametrize("u", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_contrast_is_pillows(u: float) -> None:
    x = images(1, (1, 8, 8))
    wanted = ImageEnhance.Contrast(picture(x[0])).enhance(1 + 0.5 * (2 * u - 1))
    # Pillow rounds the mean and the result to whole levels.
    np.testing.assert_allclose(apply("contrast", x, 0.5, np.array([[u]]))[0], pixels(wanted, 1), atol=1.6 / 255)


@pytest.mark.parametrize(("share", "tolerance"), [(0.1, 0.05), (0.25, 0.05), (0.6, 0.05), (1.0, 0.0)])
def test_erasing_takes_its_share_of_the_area(share: float, tolerance: float) -> None:
    x = np.ones((300, 1, 40, 40))
    draws = draw(AUGMENTATIONS["erasing"], (1, 40, 40), 300, 0, 0)
    hole = apply("erasing", x, share, draws)[:, 0] == 0
    # A side of 40 pixels is off by at most one pixel.
    assert np.abs(hole.mean((1, 2)) - share).max() <= tolerance
    for one in hole:
        rows, columns = one.any(1), one.any(0)
        assert one.sum() == rows.sum() * columns.sum()
        # The sides are between ½ and 2 to one, each off by at most a pixel.
        assert max(rows.sum(), columns.sum()) <= 2 * (min(rows.sum(), columns.sum()) + 1) + 1


def test_erasing_reaches_every_place() -> None:
    x = np.ones((500, 1, 10, 10))
    found = apply("erasing", x, 0.2, draw(AUGMENTATIONS["erasing"], (1, 10, 10), 500, 0, 0))
    assert (found[:, 0] == 0).any(0).all()
