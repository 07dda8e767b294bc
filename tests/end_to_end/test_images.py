"""`ikura tune FOLDER` and `ikura predict` on images, and every mistake in them in one line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import Done

Run = Callable[..., Done]
FAST = ("--trials", 3, "--epochs", 8, "--finalists", 0, "--out", "run")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Grey images of 8 x 8 pixels in two parts: the left or the right half is bright."""
    rng = np.random.default_rng(0)
    for part, each in (("train", 30), ("test", 8)):
        for name in ("left", "right"):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for i in range(each):
                image = rng.integers(0, 120, (8, 8), dtype=np.uint8)
                image[:, slice(4) if name == "left" else slice(4, 8)] += 120
                Image.fromarray(image).save(folder / f"{i:02}.png")
    return tmp_path / "photos"


def test_from_a_folder_to_predictions(ikura: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(
        '[learning_rate]\nscale = "log"\nlow = 0.003\nhigh = 0.03\n[noise]\nscale = "linear"\nlow = 0.0\nhigh = 0.1\n'
    )
    (photos / "train" / "left" / "bad.png").write_bytes(b"?")
    done = ikura("tune", "photos", *FAST, "--space", "space.toml", "--broken", "skip", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["rows"] == 76
    # All 16 test images are told apart by their brighter half.
    assert found["test"]["value"] > 0.9
    assert "1 broken file is skipped: train/left/bad.png." in done.err
    assert "The test set is the one that the data came with" in done.err
    page = (tmp_path / "run" / "report.html").read_text()
    assert "noise at strength 0.1" in page
    assert "76 grey images of 8 × 8 pixels were read from photos" in page
    done = ikura("predict", "run", "photos/test")
    assert done.code == 0, done.err
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert len(rows) == 16
    assert sum(row["file"].split("/")[2] == row["prediction"] for row in rows) >= 15
    done = ikura("predict", "run", "photos/train/left/bad.png")
    assert done.code == 2
    assert "photos/train/left/bad.png: not a readable image" in done.complaint
    assert ikura("predict", "run", "-").code == 2


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ((), ("photos/train/left/bad.png", "not a readable image", "--broken skip")),
        (("--broken", "skip"), ("2 different sizes", "train/right/large.png 20 x 10", "--image-size")),
        (("--broken", "skp"), ("--broken must be one of refuse, skip", "did you mean 'skip'?")),
        (("--image-size", "0"), ("--image-size must be at least 1",)),
        (("--target", "kind", "--image-size", "8", "--broken", "skip"), ("photos", "'kind'", "leave it out")),
        (("--group", "day", "--image-size", "8", "--broken", "skip"), ("photos", "no group column", "give a table")),
    ],
)
def test_images_that_cannot_be_used(
    options: tuple[str, ...], parts: tuple[str, ...], ikura: Run, photos: Path, tmp_path: Path
) -> None:
    (photos / "train" / "left" / "bad.png").write_bytes(b"?")
    Image.new("L", (20, 10)).save(photos / "train" / "right" / "large.png")
    done = ikura("tune", "photos", *FAST, *options)
    assert done.code == 2
    for part in parts:
        assert part in done.complaint
    assert not (tmp_path / "run").exists()
