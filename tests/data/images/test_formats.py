"""MNIST's and CIFAR's files, arrays in .npz, sets known by name."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ikura.data import prepare
from ikura.data.images import open_images
from ikura.data.images.known import PLACE, VARIABLE
from ikura.data.options import DataOptions
from ikura.errors import DataError

Mnist = Callable[..., Path]


@pytest.mark.parametrize("packed", [True, False])
def test_mnist(packed: bool, mnist: Mnist) -> None:
    folder = mnist(packed=packed)
    found = open_images(str(folder))
    content = (folder / f"train-images-idx3-ubyte{'.gz' if packed else ''}").read_bytes()
    content = gzip.decompress(content) if packed else content
    np.testing.assert_array_equal(found.pixels[:60].ravel(), np.frombuffer(content[16:], np.uint8))
    assert found.pixels.shape == (80, 1, 4, 4)
    assert found.labels.tolist() == [i % 3 for i in range(60)] + [i % 3 for i in range(20)]
    assert found.parts is not None
    assert found.parts.tolist() == [0] * 60 + [2] * 20
    dataset = prepare(folder)
    assert dataset.task.classes == [0, 1, 2]
    assert dataset.summary.parts == {"train": 48, "dev": 12, "test": 20}


def test_mnist_without_a_test_set_is_split(mnist: Mnist) -> None:
    assert prepare(mnist(test=0)).summary.parts == {"train": 36, "dev": 12, "test": 12}


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train-images-idx3-ubyte", lambda b: b[:500], "cut short: 476 bytes are missing"),
        ("train-images-idx3-ubyte", lambda b: b + b"x", "more in the file than its header tells"),
        ("train-images-idx3-ubyte", lambda b: b"\x00\x00\x0d" + b[3:], "not an IDX file of images"),
        ("train-images-idx3-ubyte", lambda b: b[:7], "not an IDX file of images"),
        ("train-labels-idx1-ubyte", lambda b: b[:7] + b"\x3b" + b[8:-1], "59 labels for 60 images"),
        ("train-images-idx3-ubyte", lambda b: gzip.compress(b)[:-300], "packed file is damaged"),
        ("t10k-labels-idx1-ubyte", None, "no file of t10k-labels"),
        ("train-labels-idx1-ubyte", None, "no file of train-labels"),
    ],
)
def test_damaged_mnist(name: str, change: Callable[[bytes], bytes] | None, message: str, mnist: Mnist) -> None:
    folder = mnist(packed=False)
    if change is None:
        (folder / name).unlink()
    else:
        damage(folder / name, change)
    with pytest.raises(DataError, match=message) as caught:
        open_images(str(folder))
    assert str(folder) in str(caught.value)


def cifar(folder: Path, names: dict[str, int], heads: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    folder.mkdir()
    tables = {}
    for name, rows in names.items():
        table = rng.integers(0, 256, (rows, heads + 3072), dtype=np.uint8)
        table[:, :heads] = (np.arange(rows) % 10)[:, None] * [[2, 1][i + 2 - heads] for i in range(heads)]
        (folder / name).write_bytes(table.tobytes())
        tables[name] = table
    return tables


def test_cifar_10(tmp_path: Path) -> None:
    tables = cifar(tmp_path / "c", {"data_batch_1.bin": 30, "data_batch_2.bin": 20, "test_batch.bin": 20}, 1)
    names = [f"thing {i}" for i in range(10)]
    (tmp_path / "c" / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    found = open_images(str(tmp_path / "c"))
    joined = np.concatenate(list(tables.values()))
    np.testing.assert_array_equal(found.pixels.reshape(70, -1), joined[:, 1:])
    assert found.labels.tolist() == [names[row[0]] for row in joined]
    assert prepare(tmp_path / "c").summary.parts == {"train": 40, "dev": 10, "test": 20}


def test_cifar_100_takes_the_fine_labels(tmp_path: Path) -> None:
    tables = cifar(tmp_path / "c", {"train.bin": 40, "test.bin": 20}, 2)
    found = open_images(str(tmp_path / "c"))
    np.testing.assert_array_equal(found.labels, np.concatenate(list(tables.values()))[:, 1])
    np.testing.assert_array_equal(found.pixels[0].ravel(), tables["train.bin"][0, 2:])
    assert found.parts is not None
    assert found.parts.tolist() == [0] * 40 + [2] * 20


def test_damaged_cifar(tmp_path: Path) -> None:
    cifar(tmp_path / "c", {"data_batch_1.bin": 3}, 1)
    damage(tmp_path / "c" / "data_batch_1.bin", lambda b: b[:-1])
    with pytest.raises(DataError, match="9,218 bytes are not whole records of 3073 bytes"):
        open_images(str(tmp_path / "c"))
    damage(tmp_path / "c" / "data_batch_1.bin", lambda b: b + b"x")
    (tmp_path / "c" / "batches.meta.txt").write_text("plane\ncar\n")
    with pytest.raises(DataError, match="names 2 classes, but there is a label 2"):
        open_images(str(tmp_path / "c"))


def test_many_classes_by_number_are_classes(tmp_path: Path) -> None:
    x, y = np.zeros((200, 3, 4, 4), np.uint8), np.arange(200) % 50
    assert prepare((x, y)).task.name == "multiclass"


def test_measured_targets_of_images_are_a_regression() -> None:
    x, y = np.zeros((200, 3, 4, 4), np.uint8), np.linspace(0, 1, 200)
    assert prepare((x, y)).task.name == "regression"


@pytest.mark.parametrize("shape", [(30, 4, 5), (30, 1, 4, 5), (30, 4, 5, 1)])
def test_npz_of_grey_images(shape: tuple[int, ...], tmp_path: Path) -> None:
    x = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(30) % 2)
    found = open_images(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(found.pixels, x.reshape(30, 1, 4, 5))


def test_npz_with_parts_and_channels_last(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    train, test = (rng.integers(0, 256, (rows, 4, 5, 3), dtype=np.uint8) for rows in (30, 10))
    arrays: dict[str, Any] = {"x_train": train, "y_train": np.arange(30)[:, None] % 3}
    np.savez_compressed(tmp_path / "a.npz", **arrays, x_test=test, y_test=np.arange(10)[:, None] % 3)
    found = open_images(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(found.pixels, np.concatenate([train, test]).transpose(0, 3, 1, 2))
    assert found.parts is not None
    assert found.parts.tolist() == [0] * 30 + [2] * 10
    dataset = prepare(tmp_path / "a.npz")
    np.testing.assert_array_equal(dataset.test.x, test.transpose(0, 3, 1, 2))


def test_npz_of_numbers_is_a_table_or_an_array(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    np.savez(tmp_path / "t.npz", x=rng.standard_normal((40, 3)), y=np.arange(40) % 2)
    table = prepare(tmp_path / "t.npz")
    assert [column.name for column in table.summary.columns] == ["x0", "x1", "x2"]
    assert table.summary.images is None
    np.savez(tmp_path / "s.npz", x=rng.standard_normal((40, 3, 2)), y=np.arange(40) % 2)
    assert prepare(tmp_path / "s.npz").train.x.dtype == np.float32


class Harm:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(3), "b": np.zeros(2)}, "x and y, or x_train and y_train, are expected, but there is a, b"),
        ({"x": np.zeros((3, 2))}, "there is no array y beside its twin x"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(4)}, r"they are of \(3, 2\) and \(4,\)"),
        ({"x": np.zeros((3, 2)), "y": np.array([Harm()] * 3)}, "Python objects, which are not read"),
        ({"x_train": np.zeros((3, 2)), "y_train": np.zeros(3), "x_test": np.zeros((3, 2))}, "no array y_test"),
        (
            {"x_train": np.zeros((3, 2)), "y_train": np.zeros(3), "x_test": np.zeros((3, 4)), "y_test": np.zeros(3)},
            "examples of different shapes",
        ),
    ],
)
def test_npz_that_cannot_be_used(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message) as caught:
        prepare(tmp_path / "a.npz")
    assert str(tmp_path / "a.npz") in str(caught.value)


def test_npz_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(DataError, match=r"a\.npz: not a readable \.npz file"):
        prepare(tmp_path / "a.npz")


def test_fashion_mnist_from_a_folder(mnist: Mnist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(mnist()))
    dataset = prepare("fashion_mnist")
    assert dataset.task.classes == ["Pullover", "T-shirt/top", "Trouser"]
    assert dataset.summary.parts["test"] == 20


def test_fashion_mnist_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=f"the folder that {VARIABLE} names has no train-images"):
        prepare("fashion_mnist")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("ikura.data.images.known.PLACE", tmp_path)
    with pytest.raises(DataError, match="apt-get install dataset-fashion-mnist"):
        prepare("fashion_mnist")
    with pytest.raises(DataError, match="did you mean 'fashion_mnist'"):
        prepare("fashion_mnst")


@pytest.mark.skipif(not PLACE.is_dir(), reason="the Debian package is not installed")
def test_fashion_mnist_of_the_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    dataset = prepare("fashion_mnist")
    assert dataset.summary.parts["test"] == 10_000
    assert {one.rows for one in dataset.summary.classes} == {7000}
    # The training set's mean and deviation as they are commonly given: 0.2860 and 0.3530, here of 94 % of it.
    np.testing.assert_allclose(dataset.encoder.to_dict()["mean"], [0.2860], atol=0.001)
    np.testing.assert_allclose(dataset.encoder.to_dict()["std"], [0.3530], atol=0.001)


@pytest.mark.parametrize("name", ["cifar-10-binary.tar.gz", "photos.zip"])
def test_archives_must_be_unpacked(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"?")
    with pytest.raises(DataError, match="unpack the archive first"):
        prepare(tmp_path / name)


def test_options_of_image_folders_are_not_for_other_data(mnist: Mnist, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="of one size already"):
        prepare(mnist(), DataOptions(image_size=8))
    with pytest.raises(DataError, match="for folders of images"):
        prepare("iris", DataOptions(image_size=8))
    with pytest.raises(DataError, match="leave it out"):
        prepare(tmp_path / "mnist", DataOptions("digit"))
    with pytest.raises(DataError, match="give a table"):
        prepare(tmp_path / "mnist", DataOptions(group="writer"))
