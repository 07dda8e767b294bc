"""Images from the folder to the prediction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ikura
from ikura.data.images import pixel_memory
from ikura.errors import DataError, RunError, SpaceError, UsageError
from ikura.population.member import Hyperparameters

SPACE = {"learning_rate": ikura.log(1e-3, 1e-1), "optimizer": "adam", "batch_size": 16, "units": 8, "layers": 1}
FAST: dict[str, Any] = {"network": "mlp", "trials": 3, "epochs": 6, "finalists": 0, "jobs": 1, "search": "random"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Colour images of 9 x 8 pixels: the upper or the lower half is bright."""
    folder = tmp_path_factory.mktemp("images") / "photos"
    rng = np.random.default_rng(0)
    for name in ("above", "below"):
        (folder / name).mkdir(parents=True)
        for i in range(40):
            image = rng.integers(0, 120, (8, 9, 3), dtype=np.uint8)
            image[slice(4) if name == "above" else slice(4, 8)] += 110
            Image.fromarray(image).save(folder / name / f"{i:02}.png")
    return folder


class Convolution(nn.Module):
    """A small network of a user's own."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, units, 3, padding=1), nn.Linear(units * 4 * 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """One logit each of (rows, 3, 8, 9)."""
        out: Tensor = self.last(nn.functional.max_pool2d(torch.relu(self.first(x)), 2).flatten(1))
        return out


def factory(hp: Hyperparameters) -> nn.Module:
    assert hp.inputs == 216
    return Convolution(hp.units)


@pytest.fixture(scope="module")
def study(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> ikura.Study:
    return ikura.tune(photos, space=SPACE, out=tmp_path_factory.mktemp("run") / "run", **FAST)


def test_the_built_in_network_learns_from_a_folder(study: ikura.Study) -> None:
    assert study.test is not None
    # Chance is 0.5; of 16 test images 15 or more are right by chance once in 3,800 studies.
    assert study.test.value > 0.9
    assert study.config["data"]["kind"] == "folder"
    assert study.config["broken"] == "refuse"
    assert study.summary["images"]["channels"] == 3


def test_predictions_from_every_form_of_the_same_images(study: ikura.Study, photos: Path) -> None:
    files = sorted((photos / "below").iterdir())
    arrays = np.stack([np.asarray(Image.open(path)) for path in files])
    first = arrays.transpose(0, 3, 1, 2)
    wanted = study.model.predict_proba(first)
    forms: list[Any] = [
        arrays,
        photos / "below",
        str(photos / "below"),
        [str(path) for path in files],
        [Image.open(path) for path in files],
        first.astype(float),
    ]
    for form in forms:
        pd.testing.assert_frame_equal(study.model.predict_proba(form), wanted)
    assert (study.model.predict(photos / "below") == "below").mean() > 0.9
    # One row is multiplied in another order than many: float32 rounding.
    one = study.model.predict_proba(files[3])
    np.testing.assert_allclose(one, wanted.iloc[3:4], atol=1e-5)
    np.testing.assert_allclose(study.model.predict_proba(arrays[3]), one, atol=1e-5)
    frame = study.model.predict_frame(photos / "below")
    assert frame["file"].tolist() == [str(path) for path in files]
    assert list(frame) == ["file", "prediction", "probability_above", "probability_below"]
    assert "file" not in study.model.predict_frame(arrays)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 3, 9, 8), np.uint8), r"colour images of 9 x 8 pixels are expected, .* \(2, 3, 9, 8\)"),
        (np.full((2, 3, 8, 9), 0.5), "whole numbers from 0 to 255"),
        (np.full((2, 3, 8, 9), 256), "whole numbers from 0 to 255"),
        (np.full((2, 3, 8, 9), "a"), "pixels from 0 to 255 are expected"),
        (pd.DataFrame({"a": [1]}), "give images, not a table"),
        ("nothing/there", "no such file or folder"),
    ],
)
def test_what_cannot_be_predicted(data: Any, message: str, study: ikura.Study) -> None:
    with pytest.raises(DataError, match=message):
        study.model.predict(data)


def test_files_that_cannot_be_predicted(study: ikura.Study, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images in this folder"):
        study.model.predict(tmp_path)
    Image.new("RGB", (9, 8)).save(tmp_path / "a.png")
    Image.new("RGB", (20, 8)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"b\.png: the image is 20 x 8 pixels, but 9 x 8 are expected"):
        study.model.predict(tmp_path)
    (tmp_path / "b.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"b\.png: not a readable image"):
        study.model.predict(tmp_path)


def test_a_model_that_was_saved_predicts_the_same(study: ikura.Study, photos: Path) -> None:
    loaded = ikura.load(study.run)
    assert loaded.encoder == study.model.encoder
    pd.testing.assert_frame_equal(loaded.predict_frame(photos), study.model.predict_frame(photos))


def test_the_test_score_is_the_models(study: ikura.Study) -> None:
    dataset = study.setting.prepare(study.run)
    answers = (
        study.model.predict(np.asarray(dataset.test.x)) == np.asarray(dataset.task.classes)[dataset.test.y.astype(int)]
    )
    assert study.test is not None
    assert study.test.value == pytest.approx(answers.mean(), abs=1e-6)


def test_images_of_other_sizes_are_fitted_where_training_did(photos: Path, tmp_path: Path) -> None:
    study = ikura.tune(photos, space=SPACE, image_size=4, out=tmp_path / "run", **FAST)
    assert study.model.encoder.to_dict()["shape"] == [3, 4, 4]
    large = np.zeros((80, 90, 3), np.uint8)
    large[40:] = 230
    Image.fromarray(large).save(tmp_path / "large.png")
    for data in (tmp_path / "large.png", [Image.open(tmp_path / "large.png")]):
        assert study.model.predict(data).tolist() == ["below"]
    assert study.setting.image_size == 4


def test_a_network_of_ones_own_with_augmentation(photos: Path, tmp_path: Path) -> None:
    space = SPACE | {"crop": ikura.linear(0, 1), "noise": ikura.linear(0, 0.1), "flip": 0.5}
    study = ikura.tune(photos, space=space, out=tmp_path / "run", **FAST | {"network": factory})
    assert study.test is not None
    assert study.test.value > 0.9
    assert study.trials["crop"].nunique() == 3
    number = int(study.trials["number"].iloc[1])
    pd.testing.assert_frame_equal(study.replay(number), study.curve(number), check_exact=True, check_dtype=False)
    assert study.image_samples is not None
    shown = {
        one["name"]: [step["strength"] for step in one["strengths"]] for one in study.image_samples["augmentations"]
    }
    assert shown == {"flip": [0.5], "crop": [0.5, 1.0], "noise": [0.05, 0.1]}


def test_the_built_in_network_with_augmentation(photos: Path, tmp_path: Path) -> None:
    space = SPACE | {"rotation": ikura.linear(0, 10), "erasing": 0.1}
    study = ikura.tune(photos, space=space, out=tmp_path / "run", **FAST)
    assert study.test is not None
    assert study.test.value > 0.9
    assert (study.model.predict(photos / "below") == "below").mean() > 0.9
    number = int(study.trials["number"].iloc[1])
    pd.testing.assert_frame_equal(study.replay(number), study.curve(number), check_exact=True, check_dtype=False)


def test_pictures_are_those_of_the_training_set(study: ikura.Study) -> None:
    from base64 import b64decode
    from io import BytesIO

    dataset = study.setting.prepare(study.run)
    assert study.image_samples is not None
    assert study.image_samples["augmentations"] == []
    shown = {one["name"]: one["picture"] for one in study.image_samples["classes"]}
    picture = Image.open(BytesIO(b64decode(shown["below"].split(",")[1]))).convert("RGB")
    first = dataset.train.x[np.flatnonzero(dataset.train.y == 1)[0]]
    np.testing.assert_array_equal(np.asarray(picture)[:, :9], first.transpose(1, 2, 0))
    assert json.loads(json.dumps(study.image_samples)) == study.image_samples


def test_in_little_memory_the_same_study(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = FAST | {"network": factory, "space": SPACE}
    wanted = ikura.tune(photos, out=tmp_path / "wanted", **options)
    monkeypatch.setattr(pixel_memory, "memory_limit", lambda: 1000)
    found = ikura.tune(photos, out=tmp_path / "found", **options)
    assert found.summary["images"]["mapped"]
    pd.testing.assert_frame_equal(found.curves(), wanted.curves())
    monkeypatch.setattr("ikura.study.training_setup.memory_limit", lambda: 1000)
    with pytest.raises(UsageError, match="more than the fully connected network can hold in memory"):
        ikura.tune(photos, out=tmp_path / "refused", **FAST, space=SPACE)


def test_resuming_needs_the_same_images(photos: Path, tmp_path: Path) -> None:
    class Stop(ikura.Progress):
        def start(self, stage: str, total: int) -> None:
            raise KeyboardInterrupt

    folder = tmp_path / "photos"
    for path in photos.glob("*/*.png"):
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        (folder / path.parent.name / path.name).write_bytes(path.read_bytes())
    (folder / "above" / "bad.png").write_bytes(b"?")
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        ikura.tune(folder, space=SPACE, out=run, broken="skip", progress=Stop(), **FAST)
    (folder / "above" / "bad.png").write_bytes(b"!")
    with pytest.raises(RunError, match="the data have changed"):
        ikura.resume(run)
    (folder / "above" / "bad.png").write_bytes(b"?")
    study = ikura.resume(run)
    assert study.summary["images"]["broken"] == [str(folder / "above" / "bad.png")]
    assert study.test is not None


def test_arrays_of_bytes_are_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    y = np.arange(80) % 2
    x = (rng.integers(0, 120, (80, 3, 8, 9)) + 100 * y[:, None, None, None]).astype(np.uint8)
    study = ikura.tune((x, y), space=SPACE | {"colour": 0.1}, out=tmp_path / "run", **FAST | {"network": factory})
    assert study.summary["images"] is not None
    assert (study.model.predict(x) == y).mean() > 0.9


def test_the_convolutional_network_is_the_one_for_images(photos: Path, tmp_path: Path) -> None:
    space = {"learning_rate": ikura.log(3e-3, 3e-2), "channels": 4, "units": 8, "flip": 0.5, "noise": 0.05}
    study = ikura.tune(photos, space=space, out=tmp_path / "run", **FAST | {"network": None, "epochs": 10})
    assert study.setting.network == "cnn"
    assert study.test is not None
    # Chance is 0.5; of 16 test images 15 or more are right by chance once in 3,800 studies.
    assert study.test.value > 0.9
    assert study.replay(0).equals(study.curve(0))
    assert ikura.load(study.run).predict(photos / "below").shape == (40,)


def test_augmentation_is_for_images(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(SpaceError, match=r"\[flip\] changes training images, and these data are none"):
        ikura.tune("iris", space={"flip": 0.5}, out=tmp_path / "a", **FAST)
    with pytest.raises(SpaceError, match=r"\[flip\] flip \(probability\) must be a number of at least 0 and at most 1"):
        ikura.tune(photos, space={"flip": ikura.linear(0, 2)}, out=tmp_path / "b", **FAST)
    with pytest.raises(SpaceError, match=r"\[flip\]"):
        ikura.tune(photos, space={"flip": 1.5}, out=tmp_path / "c", **FAST | {"network": factory})
