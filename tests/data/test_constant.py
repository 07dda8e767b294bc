"""What is the same in all training rows counts as nothing elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ikura.data import prepare
from ikura.data.encoder.make import read_encoder
from ikura.data.options import DataOptions
from ikura.errors import DataError

RANDOM = np.random.default_rng(9)
FRAME = pd.DataFrame({"a": RANDOM.normal(size=60), "y": np.arange(60) % 2})


def held(seed: int = 0) -> np.ndarray:
    split = prepare(FRAME, DataOptions("y"), seed=seed).split
    return np.concatenate([split.dev, split.test])


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        (5.0, [7.0, 1e6, np.nan]),
        (0, [1, 2, 3]),
        (True, [False]),
        ("north", ["south", "west"]),
        (None, [3.5, -2.0]),
        (None, ["south", "west"]),
        (pd.Timestamp("2024-03-01"), [pd.Timestamp("2025-04-02 12:30")]),
    ],
)
def test_a_constant_is_zero_in_every_part(usual: object, other: list[object]) -> None:
    values = [usual] * len(FRAME)
    for place, row in enumerate(held()):
        values[row] = other[place % len(other)]
    frame = FRAME.assign(still=pd.Series(values).infer_objects())
    dataset = prepare(frame, DataOptions("y"))
    places = [i for i, name in enumerate(dataset.encoder.feature_names) if name.startswith("still")]
    for part in (dataset.train, dataset.dev, dataset.test):
        assert (part.x[:, places] == 0).all()
    assert any("'still' has one value in all training rows" in note for note in dataset.summary.notes)
    again = read_encoder(dataset.encoder.to_dict())
    np.testing.assert_array_equal(again.transform(frame)[0][dataset.split.dev], dataset.dev.x)


def test_a_constant_with_missing_values_tells_which_are_missing() -> None:
    values = np.where(np.arange(60) % 3 == 0, np.nan, 2.0)
    values[held()] = 9.0
    dataset = prepare(FRAME.assign(still=values), DataOptions("y"))
    names = dataset.encoder.feature_names
    assert (dataset.dev.x[:, names.index("still")] == 0).all()
    assert set(dataset.train.x[:, names.index("still is missing")]) == {0.0, 1.0}


def test_nothing_to_learn_from() -> None:
    values = np.full(60, 3.0)
    values[held()] = 4.0
    with pytest.raises(DataError, match="every column has one value in all training rows"):
        prepare(pd.DataFrame({"still": values, "y": FRAME["y"]}), DataOptions("y"))
