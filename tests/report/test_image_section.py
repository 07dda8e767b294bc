"""The pictures of a study of images: examples of each class, and the contact sheet."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ikura.data import prepare
from ikura.report.image_section import contact_sheet, examples
from ikura.report.sections import data
from ikura.space import Space, fixed, linear
from ikura.study.image_samples import image_samples, image_strip
from ikura.study.record.command import command


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """ImageSet of images, flipped for certain and shifted by up to a pixel."""
    rng = np.random.default_rng(0)
    dataset = prepare((rng.integers(0, 256, (40, 3, 5, 6), dtype=np.uint8), np.array(["<a>", "b"] * 20)))
    found = image_samples(dataset, Space(flip=fixed(1.0), crop=linear(0, 1), noise=fixed(0.0)), 0)
    assert found is not None
    return {**found, "dataset": dataset}


def decoded(picture: str) -> np.ndarray:
    """Pixels of a strip, shape (height, width, 4)."""
    return np.asarray(Image.open(BytesIO(b64decode(picture.removeprefix("data:image/png;base64,")))))


def test_a_strip_is_images_with_clear_gaps() -> None:
    images = np.arange(2 * 3 * 2 * 3, dtype=np.uint8).reshape(2, 3, 2, 3)
    found = decoded(image_strip(images))
    assert found.shape == (2, 8, 4)
    np.testing.assert_array_equal(found[:, :3, :3], images[0].transpose(1, 2, 0))
    np.testing.assert_array_equal(found[:, 5:, :3], images[1].transpose(1, 2, 0))
    assert (found[:, 3:5, 3] == 0).all()
    assert decoded(image_strip(np.zeros((1, 1, 200, 100), np.uint8))).shape == (64, 32, 4)


def test_a_certain_flip_shows_the_mirrored_images(shown: dict[str, Any]) -> None:
    originals = decoded(shown["originals"])
    (flip,) = [one for one in shown["augmentations"] if one["name"] == "flip"]
    (step,) = flip["strengths"]
    changed = decoded(step["picture"])
    assert changed.shape == originals.shape == (5, 8 * 8 - 2, 4)
    for left in range(0, 62, 8):
        np.testing.assert_array_equal(changed[:, left : left + 6], originals[:, left : left + 6][:, ::-1])


def test_the_contact_sheet_shows_what_is_searched(shown: dict[str, Any]) -> None:
    sheet = contact_sheet(shown)
    assert sheet is not None
    assert sheet.count("<img") == 1 + 1 + 2
    assert 'alt="crop at strength 0.5"' in sheet
    assert "noise" not in sheet
    assert contact_sheet({**shown, "augmentations": []}) is None
    assert contact_sheet(None) is None


def test_examples_of_each_class_with_their_names_escaped(shown: dict[str, Any]) -> None:
    found = examples(shown)
    assert found is not None
    assert "<b>&lt;a&gt;</b>" in found
    assert found.count("<img") == 2
    assert examples(None) is None


def test_what_was_read(shown: dict[str, Any]) -> None:
    text = data(shown["dataset"].summary.as_dict(), shown)
    assert text is not None
    assert "40 colour images of 6 × 5 pixels were read" in text
    assert "<img" in text


def test_other_data_have_no_pictures() -> None:
    assert image_samples(prepare("iris"), Space(), 0) is None


def test_the_command_of_a_folder() -> None:
    config = {
        "data": {"kind": "folder", "path": "my photos"},
        "target": "class",
        "image_size": 32,
        "broken": "skip",
        "trials": 4,
    }
    assert command(config) == "ikura tune 'my photos' --image-size 32 --broken skip --trials 4"
