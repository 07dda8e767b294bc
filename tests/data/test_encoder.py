from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ikura.data import Encoder, describe_columns
from ikura.data.encoder.make import fit_encoder, read_encoder
from ikura.data.encoder.table import TableEncoder
from ikura.errors import DataError


def through_json(encoder: Encoder) -> Encoder:
    return read_encoder(json.loads(json.dumps(encoder.to_dict())))


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(5)
    rows = 200
    table = pd.DataFrame(
        {
            "size": random.normal(50, 9, rows),
            "count": random.integers(0, 5, rows),
            "colour": random.choice(["red", "green", "blue"], rows),
            "street": random.choice([f"street {number}" for number in range(20)], rows),
            "smoker": random.choice([True, False], rows),
            "day": pd.Timestamp("2024-01-15") + pd.to_timedelta(random.integers(0, 90, rows), unit="D"),
            "planet": "Earth",
        }
    )
    table.loc[::10, "size"] = np.nan
    table.loc[5::10, "colour"] = None
    return table


def test_feature_names(frame: pd.DataFrame) -> None:
    encoder = fit_encoder(frame)
    assert encoder.feature_names == [
        "size",
        "size is missing",
        "count",
        "colour=blue",
        "colour=green",
        "colour=red",
        "colour is missing",
        "smoker",
        "day.month",
        "day.day",
        "day.weekday",
    ]
    assert encoder.embedding_names == ["street"]
    assert encoder.cardinalities == [21]
    x, codes = encoder.transform(frame)
    assert x.shape == (200, 11)
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    assert codes.shape == (200, 1)
    assert codes.dtype == np.int32


# float32 keeps 24 bits: a rounding is off by at most 2⁻²⁴ of the value, and standardised values here are below 64.
CLOSE = {"rtol": 2**-23, "atol": 2**-18}


def test_numbers_equal_the_standard_scaler(frame: pd.DataFrame) -> None:
    train, other = frame[:120], frame[120:]
    encoder = fit_encoder(train)
    x, _ = encoder.transform(other)
    columns = ["size", "count", "smoker"]
    scaler = StandardScaler().fit(train[columns].astype(float))
    expected = np.nan_to_num(scaler.transform(other[columns].astype(float)), nan=0.0)
    places = [encoder.feature_names.index(name) for name in columns]
    np.testing.assert_allclose(x[:, places], expected, **CLOSE)
    marks = x[:, encoder.feature_names.index("size is missing")]
    np.testing.assert_array_equal(marks, other["size"].isna())


def test_categories_equal_the_one_hot_encoder(frame: pd.DataFrame) -> None:
    train, other = frame[:120], frame[120:].copy()
    other.loc[other.index[3], "colour"] = "violet"
    encoder = fit_encoder(train)
    x, codes = encoder.transform(other)
    onehot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    onehot.fit(train[["colour"]].fillna("~missing"))
    places = [place for place, name in enumerate(encoder.feature_names) if name.startswith("colour")]
    np.testing.assert_array_equal(x[:, places], onehot.transform(other[["colour"]].fillna("~missing")))
    levels = sorted(train["street"].unique())
    assert codes[:, 0].tolist() == [levels.index(name) + 1 if name in levels else 0 for name in other["street"]]


@given(st.lists(st.floats(-8e307, 8e307) | st.none(), min_size=2, max_size=30))
def test_standardised_training_column_has_mean_0_and_deviation_1(values: list[float | None]) -> None:
    frame = pd.DataFrame({"v": pd.Series(values, dtype=float)})
    columns = describe_columns(frame, {"v": "numeric"})
    if not columns[0].used:
        return
    x, _ = fit_encoder(frame, columns).transform(frame)
    assert np.isfinite(x).all()
    present = frame["v"].notna()
    v = x[present, 0].astype(np.float64)
    assert np.all(x[~present, 0] == 0)
    spread = frame["v"].max() - frame["v"].min()
    if spread > 1e-6 * frame["v"].abs().max() and spread > 1e-290:
        # μ is off by a few 2⁻⁵³ of the largest value, so by 1e-9 of σ at most; float32 adds 2⁻²⁴ of a value,
        # and standardised values are at most √30.
        assert abs(v.mean()) < 1e-6
        assert abs(v.std() - 1) < 1e-6


WORDS = st.text(min_size=1, max_size=6)
TABLES = st.lists(
    st.tuples(st.floats(-1e6, 1e6) | st.none(), WORDS | st.none(), st.booleans() | st.none()), min_size=3, max_size=40
)


@given(TABLES, TABLES)
def test_json_round_trip_is_exact(train: list[tuple], other: list[tuple]) -> None:  # type: ignore[type-arg]
    names = ["number", "word", "truth"]
    table = pd.DataFrame(train, columns=names).astype({"number": float, "word": object, "truth": object})
    columns = describe_columns(table, {"number": "numeric", "word": "category", "truth": "boolean"})
    encoder = fit_encoder(table, columns)
    again = through_json(encoder)
    assert again == encoder
    further = pd.DataFrame(other, columns=names).astype({"number": float, "word": object, "truth": object})
    for one, two in zip(encoder.transform(further), again.transform(further), strict=True):
        np.testing.assert_array_equal(one, two)


def test_unseen_and_missing_values_at_predict_time(frame: pd.DataFrame) -> None:
    frame["calm"] = np.arange(200) % 3 + 0.5
    frame["taste"] = ["sweet", "sour"] * 100
    encoder = through_json(fit_encoder(frame))
    row = {"size": None, "count": None, "colour": "violet", "street": "street 99", "smoker": None, "day": None}
    x, codes = encoder.transform(pd.DataFrame([row | {"calm": None, "taste": None}]))
    named = dict(zip(encoder.feature_names, x[0], strict=True))
    assert {name for name, value in named.items() if value} == {"size is missing"}
    assert codes.tolist() == [[0]]
    x, codes = encoder.transform(pd.DataFrame([row | {"calm": "?", "taste": "NA", "colour": "?", "street": None}]))
    named = dict(zip(encoder.feature_names, x[0], strict=True))
    assert {name for name, value in named.items() if value} == {"size is missing", "colour is missing"}
    assert codes.tolist() == [[0]]


def test_text_and_further_columns_at_predict_time(frame: pd.DataFrame) -> None:
    encoder = fit_encoder(frame)
    expected = encoder.transform(frame)
    as_text = frame.astype({"count": str, "smoker": str}).assign(further=1)[["further", *reversed(frame.columns)]]
    as_text["day"] = frame["day"].dt.strftime("%Y-%m-%d")
    for one, two in zip(encoder.transform(as_text), expected, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.rename(columns={"colour": "color"}), "no column 'colour', did you mean 'color'"),
        (lambda table: table[["street"]], "no columns 'size', 'count', .* .columns: street"),
        (lambda table: table.drop(columns="count").assign(counts=1), "no column 'count', did you mean 'counts'"),
        (lambda table: table.drop(columns=["count", "smoker"]).assign(counts=1), "no columns 'count', 'smoker', did"),
        (lambda table: table.assign(count=["1", "two"] * 100), "row 2, column 'count': 'two' is not a number"),
        (lambda table: table.assign(count=-np.inf), "row 1, column 'count': -inf is not finite"),
        (lambda table: table.assign(smoker="perhaps"), "row 1, column 'smoker': 'perhaps' is neither"),
        (lambda table: table.assign(day="soon"), "row 1, column 'day': 'soon' is not a date"),
    ],
)
def test_wrong_table_at_predict_time(frame: pd.DataFrame, change: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_encoder(frame).transform(change(frame))  # type: ignore[operator]


def test_a_column_that_was_there_in_training_is_not_offered_for_another() -> None:
    table = pd.DataFrame({"bill_length": [1.0, 2.0, 3.0], "bill_depth": [1.0, 3.0, 2.0]})
    with pytest.raises(DataError, match=r"no column 'bill_depth' \(columns: bill_length\)"):
        fit_encoder(table).transform(table[["bill_length"]])


def test_left_out_columns_are_not_needed(frame: pd.DataFrame) -> None:
    encoder = fit_encoder(frame)
    np.testing.assert_array_equal(encoder.transform(frame.drop(columns="planet"))[0], encoder.transform(frame)[0])


@pytest.mark.parametrize(("levels", "one_hot"), [(16, True), (17, False)])
def test_up_to_16_levels_are_one_hot(levels: int, one_hot: bool) -> None:
    encoder = fit_encoder(pd.DataFrame({"c": [f"level {row % levels}" for row in range(100)]}))
    assert (len(encoder.feature_names), encoder.cardinalities) == ((16, []) if one_hot else (0, [18]))


def test_whole_numbers_as_categories_match_their_float_form() -> None:
    train = pd.DataFrame({"year": [2007, 2008, 2009] * 5})
    encoder = fit_encoder(train, describe_columns(train, {"year": "category"}))
    x, _ = encoder.transform(pd.DataFrame({"year": [2008.0, np.nan]}))
    assert x.tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]


def test_array_of_images() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 4, 5, 3), dtype=np.uint8)
    encoder = fit_encoder(images[:20])
    again = through_json(encoder)
    assert again == encoder
    x, codes = again.transform(images)
    assert x.shape == images.shape
    assert codes.shape == (30, 0)
    expected = (images - images[:20].mean(dtype=float)) / images[:20].std(dtype=float)
    np.testing.assert_allclose(x, expected, **CLOSE)
    assert len(encoder.feature_names) == 60
    assert encoder.feature_names[-1] == "x[3, 4, 2]"
    assert (encoder.cardinalities, encoder.embedding_names) == ([], [])


def test_array_with_missing_and_infinite_numbers() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    values[0, 1, 2] = np.nan
    encoder = fit_encoder(values)
    x, _ = encoder.transform(values)
    assert x[0, 1, 2] == 0
    # float32 rounds each of 23 values below 2 by 2⁻²⁴ of it at most.
    assert abs(float(np.delete(x.ravel(), 6).mean())) < 2**-22
    values[1, 0, 3] = np.inf
    with pytest.raises(DataError, match=r"row 2, x\[0, 3\]: inf is not finite"):
        encoder.transform(values)
    with pytest.raises(DataError, match=r"shape \(n, 3, 4\) is expected, but its shape is \(2, 12\)"):
        encoder.transform(values.reshape(2, 12))
    with pytest.raises(DataError, match="array of numbers"):
        fit_encoder(np.full((2, 2, 2), "a"))


LEVELS = {
    "codes": (["01", "02", "A1"], [1, 2], ["01", "02"]),
    "codes as floats": (["01", "02", "A1"], [1.0, 2.0], ["01", "02"]),
    "yes and no": (["yes", "no", "maybe"], [True, False], ["yes", "no"]),
    "versions": (["1.10", "1.9", "2.0.1"], [1.1, 1.9], ["1.10", "1.9"]),
    "days": (["2024-01-31", "open"], [pd.Timestamp("2024-01-31")] * 2, ["2024-01-31"] * 2),
}


@pytest.mark.parametrize("name", LEVELS)
def test_values_of_a_frame_are_the_levels_that_were_text(name: str) -> None:
    levels, values, same = LEVELS[name]
    train = pd.DataFrame({"c": levels * 10})
    encoder = through_json(fit_encoder(train, describe_columns(train, {"c": "category"})))
    x, expected = (encoder.transform(pd.DataFrame({"c": one}))[0] for one in (values, same))
    np.testing.assert_array_equal(x, expected)
    assert x.sum() == 2


@pytest.mark.parametrize(
    ("levels", "values", "message"),
    [
        (["1.10", "1.1", "x"], [1.1], r"column 'c': 1\.1 could be '1\.1' or '1\.10', which are text"),
        (["red", "green"], [1, 2], "column 'c' holds numbers such as 1, but text such as 'green'"),
        (["red", "green"], [True], "column 'c' holds truths such as True"),
    ],
)
def test_a_clash_of_kinds_is_said(levels: list[str], values: list[object], message: str) -> None:
    train = pd.DataFrame({"c": levels * 10})
    encoder = fit_encoder(train, describe_columns(train, {"c": "category"}))
    with pytest.raises(DataError, match=message):
        encoder.transform(pd.DataFrame({"c": values}))


def test_text_of_whole_numbers_matches_levels_that_were_numbers() -> None:
    train = pd.DataFrame({"c": pd.Categorical([1, 2, 3] * 5)})
    encoder = through_json(fit_encoder(train))
    x, _ = encoder.transform(pd.DataFrame({"c": ["2.0", "3", "9"]}))
    assert x.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_what_training_lacked_is_counted() -> None:
    train = pd.DataFrame(
        {"c": ["a", "b"] * 5, "n": range(10), "d": pd.date_range("2024", periods=10), "m": [None, 1.0] * 5}
    )
    encoder = TableEncoder.fit_table(train)
    assert encoder.remarks(train) == []
    new = pd.DataFrame(
        {"c": ["x", "y", None], "n": [None, 1, 2], "d": [None, None, "2024-01-02"], "m": [None, 1, None]}
    )
    assert encoder.remarks(new) == [
        "Column 'c': 2 of 3 rows hold a level that training lacked ('x', first row 1); they are none of them.",
        "Column 'c': 1 of 3 rows has no value, as no row of training had; it is none of its levels.",
        "Column 'n': 1 of 3 rows has no value, as no row of training had; it is the mean.",
        "Column 'd': 2 of 3 rows have no value, as no row of training had; they are the mean.",
    ]
