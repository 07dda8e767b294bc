from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ikura.data import Dataset, prepare, read_table
from ikura.data.encoder.make import read_encoder
from ikura.data.options import DataOptions
from ikura.data.summary import ClassRows, LeftOut
from ikura.errors import DataError

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


def parts_equal(one: Dataset, two: Dataset) -> bool:
    return all(
        np.array_equal(getattr(getattr(one, part), field), getattr(getattr(two, part), field))
        for part in ("train", "dev", "test")
        for field in ("x", "codes", "y")
    )


def test_penguins() -> None:
    dataset = prepare(PENGUINS, DataOptions("species"))
    assert dataset.task.classes == ["Adelie", "Chinstrap", "Gentoo"]
    assert dataset.summary.parts == {"train": 206, "dev": 69, "test": 69}
    assert dataset.summary.classes == [
        ClassRows("Adelie", 152),
        ClassRows("Chinstrap", 68),
        ClassRows("Gentoo", 124),
    ]
    assert dataset.summary.imbalance == 152 / 68
    assert dataset.summary.left_out == []
    assert {column.name: column.kind for column in dataset.summary.columns}["sex"] == "category"
    for part in (dataset.train, dataset.dev, dataset.test):
        assert part.x.dtype == np.float32
        assert part.x.flags.c_contiguous
        assert part.codes.dtype == np.int32
        assert part.y.dtype == np.int64
        assert np.isfinite(part.x).all()
        shares = np.bincount(part.y, minlength=3) / len(part)
        # Largest remainders: every class is off by less than a row in dev and test, by two in training.
        assert np.all(np.abs(shares - np.array([152, 68, 124]) / 344) < 2 / 69)


def test_dev_and_test_use_the_statistics_of_training() -> None:
    dataset = prepare(PENGUINS, DataOptions("species"))
    table = read_table(PENGUINS)
    place = dataset.encoder.feature_names.index("bill_length_mm")
    train = table["bill_length_mm"].iloc[dataset.split.train]
    expected = (table["bill_length_mm"].iloc[dataset.split.test] - train.mean()) / train.std(ddof=0)
    # float32 rounds values below 8 by at most 2⁻²².
    np.testing.assert_allclose(dataset.test.x[:, place], expected.fillna(0), rtol=0, atol=2**-21)


def test_parts_are_the_rows_of_the_split() -> None:
    dataset = prepare(PENGUINS, DataOptions("species"))
    table = read_table(PENGUINS)
    for part, rows in ((dataset.train, dataset.split.train), (dataset.test, dataset.split.test)):
        names = [dataset.task.classes[code] for code in part.y]  # type: ignore[index]
        assert names == table["species"].iloc[rows].tolist()
        np.testing.assert_array_equal(dataset.encoder.transform(table.iloc[rows])[0], part.x)


def test_same_arguments_same_data_set() -> None:
    first, again, other = (prepare(PENGUINS, DataOptions("species"), seed=seed) for seed in (1, 1, 2))
    assert parts_equal(first, again)
    assert first.summary == again.summary
    assert not parts_equal(first, other)


@pytest.mark.parametrize("data", ["iris", "breast_cancer", "diabetes", PENGUINS])
def test_summary_and_encoder_survive_json(data: str | Path) -> None:
    dataset = prepare(data, DataOptions("species" if data == PENGUINS else None))
    assert json.loads(json.dumps(dataset.summary.as_dict())) == dataset.summary.as_dict()
    assert read_encoder(json.loads(json.dumps(dataset.encoder.to_dict()))) == dataset.encoder


def test_path_frame_and_arrays_agree() -> None:
    table = read_table(PENGUINS)
    by_path = prepare(PENGUINS, DataOptions("species"), seed=4)
    assert parts_equal(by_path, prepare(table, DataOptions("species"), seed=4))
    assert parts_equal(by_path, prepare((table.drop(columns="species"), table["species"]), seed=4))


def test_two_dimensional_arrays() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(100, 3))
    dataset = prepare((x, x[:, 0] * 40 + 7))
    assert dataset.task.name == "regression"
    assert dataset.encoder.feature_names == ["x0", "x1", "x2"]
    np.testing.assert_array_equal(dataset.encoder.transform(x[dataset.split.dev])[0], dataset.dev.x)
    with pytest.raises(DataError, match=r"shape \(n, 3\) is expected, but its shape is \(100, 2\)"):
        dataset.encoder.transform(x[:, :2])


def test_whole_numbers_of_an_array_are_not_identifiers() -> None:
    dataset = prepare((np.arange(100).reshape(-1, 1), np.arange(100.0) ** 2))
    assert dataset.encoder.feature_names == ["x0"]


def test_arrays_of_more_dimensions() -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1)).astype(np.float32)
    dataset = prepare((images, np.arange(60) % 3))
    assert dataset.train.x.shape == (36, 8, 8, 1)
    assert dataset.train.codes.shape == (36, 0)
    assert dataset.summary.columns == []
    # The mean of 2304 standardised numbers, each rounded by 2⁻²⁴ of at most 2; NumPy sums in pairs.
    assert abs(float(dataset.train.x.mean(dtype=np.float64))) < 1e-6
    brighter = images.copy()
    brighter[dataset.split.test] /= 4
    drifted = prepare((brighter, np.arange(60) % 3))
    assert {(one.column, one.part) for one in drifted.summary.drift} == {
        ("mean of x", "test"),
        ("spread of x", "test"),
    }


def test_regression_target_is_standardised_by_training() -> None:
    dataset = prepare("diabetes")
    y = dataset.train.y
    # 266 values below 4, each rounded by 2⁻⁵² at most.
    assert abs(y.mean()) < 1e-14
    assert abs(y.std() - 1) < 1e-14
    assert y.dtype == np.float64
    back = dataset.target_mean + dataset.target_std * dataset.test.y
    # Targets are whole numbers up to 346; y is rounded by 2⁻⁵² of at most 4 and σ is about 77.
    assert np.abs(back - np.round(back)).max() < 1e-12
    assert 25 <= back.min() < back.max() <= 346


def test_binary_target() -> None:
    dataset = prepare("breast_cancer")
    assert dataset.train.y.dtype == np.float32
    assert set(dataset.train.y.tolist()) == {0.0, 1.0}
    assert (dataset.target_mean, dataset.target_std) == (0.0, 1.0)


def test_rows_without_a_target_are_dropped_and_counted() -> None:
    table = read_table(PENGUINS)
    table.loc[[3, 300], "species"] = None
    dataset = prepare(table, DataOptions("species"))
    assert dataset.summary.rows == 344
    assert dataset.summary.rows_without_target == 2
    assert sum(dataset.summary.parts.values()) == 342
    rows = np.concatenate([dataset.split.train, dataset.split.dev, dataset.split.test])
    assert set(range(344)) - set(rows.tolist()) == {3, 300}
    assert "2 rows have no target and are left out." in dataset.summary.notes


def test_columns_left_out_are_named() -> None:
    table = read_table(PENGUINS).assign(planet="Earth", key=np.arange(344) * 7, nothing=None)
    dataset = prepare(table, DataOptions("species"))
    assert [one.name for one in dataset.summary.left_out] == ["planet", "key", "nothing"]
    assert all(any(repr(name) in note for note in dataset.summary.notes) for name in ("planet", "key", "nothing"))


def test_group_is_no_feature_and_in_one_part_only() -> None:
    table = read_table(PENGUINS).assign(nest=[f"nest {row // 4}" for row in range(344)])
    dataset = prepare(table, DataOptions("species", group="nest"))
    nests = [set(table["nest"].iloc[rows]) for rows in (dataset.split.train, dataset.split.dev, dataset.split.test)]
    assert sum(map(len, nests)) == len(set.union(*nests))
    assert LeftOut("nest", "it is the group column") in dataset.summary.left_out


def test_time_is_a_feature_only_if_asked_for() -> None:
    days = pd.date_range("2023-01-01", periods=344, freq="D")[::-1]
    table = read_table(PENGUINS).assign(day=days)
    dataset = prepare(table, DataOptions("species", time="day"))
    when = [table["day"].iloc[rows] for rows in (dataset.split.train, dataset.split.dev, dataset.split.test)]
    assert when[0].max() < when[1].min() <= when[1].max() < when[2].min()
    assert not any(name.startswith("day") for name in dataset.encoder.feature_names)
    asked = prepare(table, DataOptions("species", time="day", kinds={"day": "datetime"}))
    assert "day.month" in asked.encoder.feature_names
    assert any(one.column == "species" for one in dataset.summary.drift)
    assert any("distributed otherwise" in note for note in dataset.summary.notes)


def test_class_that_training_lacks_is_noted() -> None:
    table = pd.DataFrame({"x": np.arange(100.0) % 7, "day": range(100), "label": ["a", "b"] * 45 + ["c"] * 10})
    dataset = prepare(table, DataOptions("label", time="day"))
    assert "The training set has no row of class 'c', which cannot be learned." in dataset.summary.notes


def test_class_that_dev_or_test_lacks_is_noted() -> None:
    table = pd.DataFrame({"x": np.arange(100.0) % 7, "day": range(100), "label": ["c"] * 10 + ["a", "b"] * 45})
    notes = prepare(table, DataOptions("label", time="day")).summary.notes
    for part in ("dev", "test"):
        assert any(note.startswith(f"The {part} set has no row of class 'c', so that no score") for note in notes)
    assert not any("training set has no row" in note for note in notes)


def test_imbalance_is_noted() -> None:
    table = pd.DataFrame({"x": np.arange(200.0) % 7, "label": ["a"] * 190 + ["b"] * 10})
    summary = prepare(table).summary
    assert summary.imbalance == 19
    [note] = [one for one in summary.notes if "19 times" in one]
    assert "always naming 'a' is right in 95 % of the rows" in note
    assert "--metric balanced_accuracy" in note
    assert "average_precision" in note


def test_imbalance_among_many_classes_does_not_say_that_one_of_them_is_usual() -> None:
    table = pd.DataFrame({"x": np.arange(402.0) % 7, "label": [*"abcd"] * 100 + ["e"] * 2})
    [note] = [one for one in prepare(table).summary.notes if "50 times" in one]
    assert "always" not in note
    assert "average_precision" not in note


def test_a_target_that_is_named_so_is_said() -> None:
    summary = prepare(pd.DataFrame({"x": np.arange(200.0) % 7, "label": ["a"] * 190 + ["b"] * 10})).summary
    assert "The target is 'label', the column of that name." in summary.notes


def test_row_numbers_in_messages_count_all_rows(tmp_path: Path) -> None:
    # Rows without a target come first, and still count.
    table = pd.DataFrame(
        {"x": np.arange(30.0) % 7, "g": np.arange(30) % 5 + 0.0, "y": [None] * 5 + [0.5, 1.5, 3] * 8 + [2]}
    )
    table.loc[20, "g"] = np.nan
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"table\.csv: row 21, column 'g': the group is missing"):
        prepare(path, DataOptions(group="g"))
    table.loc[25, "x"] = np.inf
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"table\.csv: row 26, column 'x': 'inf' is not finite"):
        prepare(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "speceis"}, r"penguins\.csv: no column 'speceis', did you mean 'species'"),
        ({}, r"penguins\.csv: no target is named; say which .* island"),
        ({"target": "species", "task": "regression"}, r"penguins\.csv: row 1, column 'species': 'Adelie' is not a num"),
        ({"target": "species", "group": "iland"}, r"penguins\.csv: no group column 'iland', did you mean 'island'"),
        ({"target": "species", "time": "yaer"}, r"penguins\.csv: no time column 'yaer', did you mean 'year'"),
        ({"target": "species", "group": "species"}, r"penguins\.csv: the group column 'species' is the target"),
        ({"target": "species", "group": "sex"}, r"penguins\.csv: row 4, column 'sex': the group is missing"),
        ({"target": "species", "time": "island"}, r"penguins\.csv: row 1, column 'island': 'Torgersen' is not a date"),
        ({"target": "species", "kinds": {"sx": "category"}}, r"penguins\.csv: .*'sx'.*did you mean 'sex'"),
        ({"target": "species", "kinds": {"species": "category"}}, r"penguins\.csv: kinds names the target 'species'"),
    ],
)
def test_wrong_arguments(arguments: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(DataError, match=message) as raised:
        prepare(PENGUINS, DataOptions(**arguments))
    assert "\n" not in str(raised.value)


IMAGES = np.zeros((20, 2, 2))
LABELS = np.arange(20) % 2


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (42, {}, "data are a path, a bundled name, a DataFrame, .x, y. or a Dataset, not int"),
        ((((IMAGES, IMAGES), LABELS)), {}, "x holds 2 inputs, but networks of ikura's take one"),
        (({"a": IMAGES, "b": LABELS}, LABELS), {}, "x holds 2 inputs, but networks of ikura's take one"),
        (
            ([[1], [2, 3]] * 10, LABELS),
            {},
            "x: row 2 has 2 values and row 1 has 1; networks of ikura's take rows of one length",
        ),
        ((IMAGES,), {}, "there are 1 arrays"),
        ((IMAGES, LABELS[:5]), {}, "x has 20 rows and y has 5"),
        ((IMAGES[:0], LABELS[:0]), {}, "no rows"),
        ((LABELS, LABELS), {}, r"x of shape \(n, d\) is expected, but its shape is \(20,\)"),
        ((IMAGES, IMAGES), {}, r"y of shape \(20, 2, 2\) is the same in every row; there is nothing to learn"),
        ((IMAGES, LABELS), {"group": "g"}, "arrays have no group column 'g'"),
        ((IMAGES, LABELS), {"kinds": {"g": "numeric"}}, "these data are an array"),
        ((pd.DataFrame({"y": LABELS}), LABELS), {"target": "y"}, "'y' is also a column of x"),
        (pd.DataFrame({"y": LABELS, "z": 1}), {}, "no column is left to learn from .z: every row holds 1"),
    ],
)
def test_wrong_data(data: object, arguments: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(DataError, match=message):
        prepare(data, DataOptions(**arguments))  # type: ignore[arg-type]


def test_file_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,2\n3\n")
    with pytest.raises(DataError) as raised:
        prepare(path)
    assert str(raised.value).count(str(path)) == 1
    assert "line 3" in str(raised.value)
