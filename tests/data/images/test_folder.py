"""Folders of images by class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ikura.data import prepare
from ikura.data.images import open_images
from ikura.data.images.image_file import decode, look
from ikura.data.options import DataOptions
from ikura.data.summary import ClassRows, ImageSummary
from ikura.errors import DataError, UsageError

Photos = Callable[..., Path]


def test_pixels_are_those_of_the_files(photos: Photos) -> None:
    folder = photos()
    found = open_images(str(folder))
    files = [folder / name / f"{i:03}.png" for name in ("cat", "dog") for i in range(8)]
    wanted = np.stack([np.asarray(Image.open(path)).transpose(2, 0, 1) for path in files])
    np.testing.assert_array_equal(found.pixels, wanted)
    assert found.pixels.dtype == np.uint8
    assert found.labels.tolist() == ["cat"] * 8 + ["dog"] * 8
    assert found.parts is None
    assert found.notes == ["All images are read as colour."]


def test_grey_images_have_one_channel(photos: Photos) -> None:
    found = open_images(str(photos(grey=True)))
    assert found.pixels.shape == (16, 1, 5, 6)
    assert (found.pixels[:8, 0, 0, 0] == 0).all()
    assert (found.pixels[8:, 0, 0, 0] == 1).all()


def test_one_colour_image_makes_all_of_them_colour(photos: Photos) -> None:
    folder = photos(grey=True)
    Image.new("RGB", (6, 5), (1, 2, 3)).save(folder / "dog" / "999.png")
    found = open_images(str(folder))
    assert found.pixels.shape == (17, 3, 5, 6)
    assert found.pixels[-1, :, 0, 0].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found.pixels[0, 0], found.pixels[0, 2])
    assert "16 of 17 images are grey; all are read as colour." in found.notes


@pytest.mark.parametrize(("mode", "value", "wanted"), [("I;16", 0x1234, 0x12), ("1", 1, 255), ("LA", (9, 50), 9)])
def test_other_kinds_of_grey(mode: str, value: int, wanted: int, photos: Photos) -> None:
    folder = photos(grey=True)
    if mode == "I;16":
        Image.fromarray(np.full((5, 6), value, np.uint16)).save(folder / "dog" / "999.png")
    else:
        Image.new(mode, (6, 5), value).save(folder / "dog" / "999.png")
    assert (open_images(str(folder)).pixels[-1] == wanted).all()


@pytest.mark.parametrize("mode", ["P", "RGBA", "CMYK"])
def test_other_kinds_of_colour(mode: str, photos: Photos) -> None:
    folder = photos()
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (6, 5), (255, 0, 0)).convert(mode).save(folder / "dog" / f"999.{suffix}")
    # JPEG's colours are not exact.
    np.testing.assert_allclose(open_images(str(folder)).pixels[-1, :, 2, 2], [255, 0, 0], atol=4)


def test_a_photo_is_turned_as_its_camera_noted(photos: Photos) -> None:
    folder = photos(size=(6, 5), grey=True)
    upright = np.arange(30, dtype=np.uint8).reshape(5, 6)
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
    tag = Image.Exif()
    tag[0x0112] = 6
    lying.save(folder / "dog" / "999.png", exif=tag)
    np.testing.assert_array_equal(open_images(str(folder)).pixels[-1, 0], upright)


def test_different_sizes_are_refused_or_brought_to_one(photos: Photos) -> None:
    folder = photos()
    Image.new("RGB", (40, 20), (10, 200, 30)).save(folder / "dog" / "999.png")
    with pytest.raises(DataError) as caught:
        open_images(str(folder))
    assert "2 different sizes (cat/000.png 6 x 5, dog/999.png 40 x 20)" in str(caught.value)
    assert "--image-size" in str(caught.value)
    found = open_images(str(folder), image_size=4)
    assert found.pixels.shape == (17, 3, 4, 4)
    assert found.pixels[-1, :, 1, 1].tolist() == [10, 200, 30]
    assert found.resized


def test_the_middle_is_cut_out(photos: Photos) -> None:
    folder = photos(grey=True)
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 255
    for name in ("cat", "dog"):
        for path in (folder / name).iterdir():
            Image.fromarray(wide).save(path)
    assert (open_images(str(folder), image_size=4).pixels == 255).all()


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_a_broken_file_is_named(content: bytes, photos: Photos) -> None:
    folder = photos()
    (folder / "cat" / "bad.png").write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_images(str(folder))
    assert str(folder / "cat" / "bad.png") in str(caught.value)
    assert "\n" not in str(caught.value)
    found = open_images(str(folder), broken="skip")
    assert found.labels.tolist() == ["cat"] * 8 + ["dog"] * 8
    assert found.broken == [str(folder / "cat" / "bad.png")]
    assert "1 broken file is skipped: cat/bad.png." in found.notes


def test_a_file_cut_short_is_found_when_its_pixels_are_read(photos: Photos) -> None:
    folder = photos(size=(60, 50))
    path = folder / "dog" / "003.png"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"dog/003\.png: .*--broken skip"):
        open_images(str(folder))
    found = open_images(str(folder), broken="skip")
    assert found.labels.tolist() == ["cat"] * 8 + ["dog"] * 7
    assert (found.pixels[8:, 0, 0, 0] == 1).all()


def test_a_decompression_bomb_is_refused(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos()
    encoder = prepare(folder, DataOptions(image_size=4)).encoder
    filters = list(warnings.filters)
    Image.new("L", (200, 100)).save(folder / "cat" / "bomb.png")
    for most in (15_000, 5_000):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        message = rf"bomb\.png: .* more than {most:,} pixels, .* decompression bomb"
        with pytest.raises(DataError, match=message):
            open_images(str(folder))
        with pytest.raises(DataError, match=message):
            encoder.transform(folder / "cat" / "bomb.png")
    assert warnings.filters == filters


def test_parts_by_folder(photos: Photos) -> None:
    found = open_images(str(photos(parts=("train", "valid", "Test"))))
    assert found.parts is not None
    assert np.bincount(found.parts).tolist() == [16, 16, 16]
    assert sorted(set(found.labels)) == ["cat", "dog"]


def test_a_given_test_part_is_the_test_set(photos: Photos) -> None:
    folder = photos(parts=("train", "test"), each=20)
    dataset = prepare(folder)
    assert dataset.summary.parts == {"train": 32, "dev": 8, "test": 40}
    tests = [
        np.asarray(Image.open(folder / "test" / name / f"{i:03}.png")) for name in ("cat", "dog") for i in range(20)
    ]
    np.testing.assert_array_equal(dataset.test.x, np.stack(tests).transpose(0, 3, 1, 2))
    assert np.bincount(dataset.dev.y.astype(int)).tolist() == [4, 4]
    assert "The test set is the one that the data came with; the dev set is taken from the training set." in (
        dataset.summary.notes
    )


def test_a_given_dev_part_is_the_dev_set(photos: Photos) -> None:
    dataset = prepare(photos(parts=("train", "val"), each=20))
    assert dataset.summary.parts == {"train": 32, "dev": 40, "test": 8}


def test_classes_called_train_and_test(photos: Photos) -> None:
    found = open_images(str(photos(classes=("test", "train"))))
    assert found.parts is None
    assert sorted(set(found.labels)) == ["test", "train"]


def test_folders_within_classes_and_links_count(photos: Photos, tmp_path: Path) -> None:
    folder = photos()
    (folder / "cat" / "young").mkdir()
    (folder / "cat" / "007.png").rename(folder / "cat" / "young" / "007.png")
    (folder / "cat" / "round").symlink_to(folder / "cat", target_is_directory=True)
    other = tmp_path / "elsewhere.png"
    (folder / "dog" / "000.png").rename(other)
    (folder / "dog" / "000.png").symlink_to(other)
    assert open_images(str(folder)).labels.tolist() == ["cat"] * 8 + ["dog"] * 8


def test_what_is_left_out_is_told(photos: Photos) -> None:
    folder = photos()
    (folder / "cat" / "notes.txt").write_text("hello")
    (folder / ".hidden").mkdir()
    (folder / "empty").mkdir()
    Image.new("L", (3, 3)).save(folder / "cover.png")
    notes = open_images(str(folder)).notes
    assert "Files that are no images by their names are left out (1): cat/notes.txt." in notes
    assert "No image lies in empty." in notes
    assert "1 images lie beside the folders of the classes; they have no class and are left out." in notes


@pytest.mark.parametrize(
    ("broken", "image_size", "message"),
    [("ignore", None, "broken must be one of refuse, skip"), ("skip", 0, "from 1 to 4096"), ("skip", 2.5, "from 1 to")],
)
def test_choices_are_checked(broken: str, image_size: int | None, message: str, photos: Photos) -> None:
    with pytest.raises(UsageError, match=message):
        open_images(str(photos()), image_size, broken)


def test_folders_that_are_no_image_data(tmp_path: Path, photos: Photos) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="this is a folder without images"):
        prepare(tmp_path / "empty")
    folder = photos(parts=("train", "test"))
    for name in ("cat", "dog"):
        for path in (folder / "test" / name).iterdir():
            path.rename(folder / "test" / f"{name}{path.name}")
        (folder / "test" / name).rmdir()
    with pytest.raises(DataError, match=r"test: no folders of classes in it; .*move test elsewhere"):
        prepare(folder)
    with pytest.raises(DataError, match="this is one file of images; name the folder"):
        prepare(next((folder / "train" / "cat").iterdir()))


def test_an_unreadable_folder(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos()
    kept = Path.iterdir

    def refuse(self: Path) -> object:
        if self.name == "dog":
            raise PermissionError(13, os.strerror(13), str(self))
        return kept(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match="dog: the folder cannot be read"):
        open_images(str(folder))


def test_the_same_data_set_every_time(photos: Photos) -> None:
    folder = photos(each=12)
    one, two = prepare(folder, seed=3), prepare(folder, seed=3)
    np.testing.assert_array_equal(one.train.x, two.train.x)
    assert one.summary == two.summary
    assert one.summary.classes == [ClassRows("cat", 12), ClassRows("dog", 12)]
    assert one.summary.images == ImageSummary(3, 5, 6, 24 * 90, mapped=False, broken=[], given_parts=[])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_of_any_kind_is_one_line_or_an_image(data: st.DataObject, tmp_path: Path) -> None:
    suffix = data.draw(st.sampled_from(["png", "jpg", "gif", "webp", "bmp"]))
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    message = ""
    try:
        header = look(path)
        if header.width * header.height < 10_000:
            assert decode(path, grey=False, size=8).shape == (3, 8, 8)
    except DataError as error:
        message = str(error)
    assert not message or (message.startswith(f"{path}: ") and "\n" not in message)
