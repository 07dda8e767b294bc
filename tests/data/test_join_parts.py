"""Dev and test sets of their own, and the positive class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ikura.data import prepare
from ikura.data.options import DataOptions
from ikura.data.task import Positive
from ikura.errors import DataError

RANDOM = np.random.default_rng(6)


def table(rows: int, shift: float = 0.0) -> pd.DataFrame:
    a = RANDOM.normal(size=rows) + shift
    city = np.array(["Rome", "Oslo", "Bern"])[np.arange(rows) % 3]
    return pd.DataFrame({"a": a, "city": city, "day": "2024-03-05", "y": np.where(a > 0.8, "bad", "good")})


TRAIN, DEV, TEST = table(120), table(30), table(40)


def written(folder: Path) -> dict[str, Any]:
    for name, frame in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        frame.to_csv(folder / f"{name}.csv", index=False)
    return {"data": folder / "train.csv", "dev": folder / "dev.csv", "test": folder / "test.csv"}


@pytest.mark.parametrize("form", ["files", "frames", "pairs"])
def test_parts_are_those_that_are_given(form: str, tmp_path: Path) -> None:
    frames = {"data": TRAIN, "dev": DEV, "test": TEST}
    pairs = {name: (one.drop(columns="y"), one["y"]) for name, one in frames.items()}
    given = {"files": written(tmp_path), "frames": frames, "pairs": pairs}[form]
    dataset = prepare(given["data"], DataOptions("y", dev=given["dev"], test=given["test"]), seed=3)
    assert dataset.summary.parts == {"train": 120, "dev": 30, "test": 40}
    np.testing.assert_array_equal(dataset.dev.x, dataset.encoder.transform(DEV.drop(columns="y"))[0])
    np.testing.assert_array_equal(dataset.test.y, (TEST["y"] == "good").to_numpy())


def test_a_part_that_is_not_given_is_taken_from_the_data() -> None:
    dataset = prepare(TRAIN, DataOptions("y", test=TEST))
    assert dataset.summary.parts == {"train": 96, "dev": 24, "test": 40}


def test_the_types_of_training_decide() -> None:
    dev = DEV.assign(a=DEV["a"].map(str), extra=1)
    np.testing.assert_array_equal(
        prepare(TRAIN, DataOptions("y", dev=dev)).dev.x, prepare(TRAIN, DataOptions("y", dev=DEV)).dev.x
    )


@pytest.mark.parametrize(
    ("dev", "more", "message"),
    [
        (DEV.rename(columns={"a": "aa"}), {}, "no column 'a'"),
        (DEV.assign(a="much"), {}, "row 1, column 'a'"),
        (DEV.drop(columns="y"), {}, "no column 'y'"),
        ((np.zeros((9, 2, 2)), np.arange(9) % 2), {}, "a table and arrays"),
        (DEV, {"group": "city"}, "group and time choose a dev and a test set, and one is given"),
    ],
)
def test_parts_that_do_not_fit(dev: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare(TRAIN, DataOptions("y", dev=dev, **more))


def test_arrays_and_their_parts() -> None:
    x = RANDOM.normal(size=(60, 4, 3))
    dataset = prepare((x[:40], np.arange(40) % 2), DataOptions(dev=(x[40:], np.arange(20) % 2)))
    assert dataset.summary.parts == {"train": 32, "dev": 20, "test": 8}
    with pytest.raises(DataError, match=r"examples are of shape \(4, 2\), but those of training of \(4, 3\)"):
        prepare((x, np.arange(60) % 2), DataOptions(test=(x[:9, :, :2], np.arange(9) % 2)))


def test_npz_with_a_dev_set_and_arrays_without_use(tmp_path: Path) -> None:
    x, y = RANDOM.normal(size=(60, 3)), np.arange(60) % 2
    np.savez(tmp_path / "a.npz", x=x[:40].astype(">f4"), y=y[:40], x_val=x[40:], y_val=y[40:])
    assert prepare(tmp_path / "a.npz").summary.parts == {"train": 32, "dev": 20, "test": 8}
    np.savez(tmp_path / "b.npz", x=x, y=y, weights=y)
    with pytest.raises(DataError, match="the array 'weights' has no known use"):
        prepare(tmp_path / "b.npz")


def test_copies_and_another_distribution_are_said() -> None:
    dev = pd.concat([TRAIN.head(5), DEV], ignore_index=True)
    notes = " ".join(prepare(TRAIN, DataOptions("y", dev=dev, test=table(60, shift=2.0))).summary.notes)
    assert "5 of the 35 dev rows are in the training set too" in notes
    assert "The test set is distributed otherwise than the dev set in" in notes
    assert "distributed otherwise than the dev set" not in " ".join(prepare(TRAIN, DataOptions("y")).summary.notes)


def test_the_positive_class_comes_second() -> None:
    assert prepare(TRAIN, DataOptions("y")).task.classes == ["bad", "good"]
    rarer = prepare(TRAIN, DataOptions("y", positive=Positive.RARER))
    assert rarer.task.classes == ["good", "bad"]
    assert "The positive class is 'bad', the rarer one" in " ".join(rarer.summary.notes)
    named = prepare(TRAIN, DataOptions("y", positive="good"))
    assert named.task.classes == ["bad", "good"]
    assert "The positive class is 'good', as told" in " ".join(named.summary.notes)
    numbers = TRAIN.assign(y=(TRAIN["y"] == "good").astype(int))
    assert prepare(numbers, DataOptions("y", positive=0)).task.classes == [1, 0]


@pytest.mark.parametrize(
    ("frame", "target", "positive", "message"),
    [
        (TRAIN, "y", "god", "has no class 'god', did you mean 'good'"),
        (TRAIN, "city", "Rome", "one of two classes is positive, but target 'city' has 3"),
        (TRAIN, "a", "1", "but 'a' is a number"),
    ],
)
def test_a_positive_class_that_is_none(frame: pd.DataFrame, target: str, positive: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare(frame, DataOptions(target, positive=positive))
