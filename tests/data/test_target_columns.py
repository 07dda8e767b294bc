"""Several target columns of a table: how they are named, read and divided."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ikura.data import prepare
from ikura.data.options import DataOptions
from ikura.data.target_columns import read_target_columns, strata
from ikura.data.task import find_targets
from ikura.errors import DataError

ROWS = 120


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 3))
    return pd.DataFrame(
        {
            "a": x[:, 0],
            "b": x[:, 1],
            "price, net": 100 + 7 * x[:, 0],
            "rent": x[:, 1] ** 2,
            "late": np.where(x[:, 2] > 0, "yes", "no"),
            "sold": x[:, 0] > 0.5,
            "floors": random.integers(1, 5, ROWS),
        }
    )


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("b", ["b"]),
        ("b,a", ["b", "a"]),
        (" b , a ", ["b", "a"]),
        ("a,b,c", ["a,b,c"]),
        (["a,b,c", "b"], ["a,b,c", "b"]),
        (("a", "b"), ["a", "b"]),
        (["a", "b,a"], "twice"),
        ("a,a", "names the column 'a' twice"),
        ("b,a,c", "no column 'c'.*'a,b,c', takes a --target of its own"),
        (["a", "z"], "no column 'z'"),
        ([], "names no column"),
    ],
)
def test_names(target: Any, found: Any) -> None:
    names = ["a", "b", "a,b,c"]
    if isinstance(found, list):
        assert find_targets(names, target) == found
        return
    with pytest.raises(DataError, match=found):
        find_targets(names, target)


def test_values_are_standardised_each(table: pd.DataFrame) -> None:
    dataset = prepare(table, DataOptions(["price, net", "rent"]))
    assert (dataset.task.name, dataset.task.targets) == ("regression", ["price, net", "rent"])
    assert set(dataset.encoder.feature_names) & {"price, net", "rent"} == set()
    rows = table.iloc[dataset.split.train][["price, net", "rent"]].to_numpy()
    np.testing.assert_allclose(dataset.target_mean, rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(dataset.target_std, rows.std(0), rtol=1e-12)
    np.testing.assert_allclose(dataset.train.y * rows.std(0) + rows.mean(0), rows, rtol=1e-12, atol=1e-12)


def test_labels_are_read_as_one_target_is_and_every_combination_has_its_share(table: pd.DataFrame) -> None:
    dataset = prepare(table, DataOptions("late,sold"))
    assert dataset.task.classes == ["late", "sold"]
    assert dataset.task.levels == [["no", "yes"], [False, True]]
    wanted = np.stack([table["late"] == "yes", table["sold"]], 1)
    for part, rows in ((dataset.train, dataset.split.train), (dataset.test, dataset.split.test)):
        np.testing.assert_array_equal(part.y, wanted[rows])
        for combination in np.unique(wanted, axis=0):
            whole, held = ((rows == combination).all(1).mean() for rows in (wanted, part.y))
            assert held == pytest.approx(whole, abs=1 / len(part))


def test_the_positive_value_may_be_named(table: pd.DataFrame) -> None:
    table["back"] = np.where(table["b"] > 1, "yes", "no")
    dataset = prepare(table, DataOptions("late,back", positive="no"))
    assert dataset.task.levels == [["yes", "no"], ["yes", "no"]]
    with pytest.raises(DataError, match="target 'sold' has no class 'no'"):
        prepare(table, DataOptions("late,sold", positive="no"))


def test_rows_that_lack_one_of_the_targets_are_left_out(table: pd.DataFrame) -> None:
    table.loc[[3, 5], "rent"] = np.nan
    table.loc[5, "price, net"] = np.nan
    summary = prepare(table, DataOptions(["price, net", "rent"])).summary
    assert summary.rows_without_target == 2
    assert "2 rows have not all targets and are left out." in summary.notes
    assert "regression targets 'price, net', 'rent';" in summary.sentences()[0]
    table.loc[7, "late"] = None
    assert prepare(table, DataOptions("late,sold")).summary.rows_without_target == 1


def test_text_is_read_as_of_one_target(table: pd.DataFrame) -> None:
    table["price"] = [f"${value:.2f}" for value in table["price, net"]]
    table["gap"] = ["n/a" if row == 4 else f"{value:.3f}" for row, value in enumerate(table["rent"])]
    dataset = prepare(table, DataOptions("price,gap", kinds={"price, net": "ignore", "rent": "ignore"}))
    assert dataset.summary.rows_without_target == 1
    assert any("'n/a' stands for a missing value in the target 'gap'" in note for note in dataset.summary.notes)
    assert any("The target 'price' is read as numbers" in note for note in dataset.summary.notes)


@pytest.mark.parametrize(
    ("target", "task", "message"),
    [
        (
            "rent,late",
            "auto",
            "target 'rent' holds values and 'late' two classes, and several targets are all values, or",
        ),
        (
            "rent,floors",
            "auto",
            r"'floors' has 4 classes \(1, 2, 3, 4\).*say that all are values \(--task regression\)",
        ),
        ("late,floors", "auto", "'floors' has 4 classes.*tune it on its own"),
        ("late,sold", "multiclass", "a task of several targets is one of auto, .* not 'multiclass'"),
        ("late,rent", "regression", "'late'"),
        ("rent,still", "auto", "target 'still' is '3' in every row; there is nothing to learn"),
        ("rent,few", "auto", "9 rows have a target in 'few'; at least 10"),
        ("rent,other", "auto", "0 rows have all of the targets 'rent', 'other'; at least 10"),
    ],
)
def test_what_is_refused(target: str, task: str, message: str, table: pd.DataFrame) -> None:
    table["still"], table["few"] = 3.0, [float(row) if row < 9 else None for row in range(ROWS)]
    table["other"] = np.arange(ROWS) + 0.5
    table.loc[table.index % 2 == 0, "other"] = np.nan
    if "other" in target:
        table.loc[table.index % 2 == 1, "rent"] = np.nan
    with pytest.raises(DataError, match=message):
        prepare(table, DataOptions(target, task))


def test_whole_numbers_are_values_where_the_task_says_so(table: pd.DataFrame) -> None:
    dataset = prepare(table, DataOptions("rent,floors", "regression"))
    assert dataset.task.name == "regression"


@pytest.mark.parametrize("form", ["frames", "frame and array", "arrays", "frame of the table"])
def test_data_of_every_form(form: str, table: pd.DataFrame) -> None:
    x, y = table[["a", "b"]], table[["price, net", "rent"]]
    data: Any = {
        "frames": (x, y),
        "frame and array": (x, y.to_numpy()),
        "arrays": (x.to_numpy(), y),
        "frame of the table": pd.concat([x, y], axis=1),
    }[form]
    target = None if form in ("frames", "arrays") else ["price, net", "rent"]
    dataset = prepare(data, DataOptions(target))
    assert dataset.task.targets == ["price, net", "rent"]
    wanted = prepare(table[["a", "b", "price, net", "rent"]], DataOptions(["price, net", "rent"]))
    np.testing.assert_array_equal(dataset.train.y, wanted.train.y)


def test_a_dev_set_of_its_own_has_all_targets(table: pd.DataFrame) -> None:
    options = DataOptions("late,sold", dev=table.iloc[:40], test=table.iloc[40:60])
    dataset = prepare(table.iloc[60:], options)
    np.testing.assert_array_equal(dataset.dev.y[:, 0], table["late"].iloc[:40] == "yes")
    with pytest.raises(DataError, match="no column 'sold'"):
        prepare(table, DataOptions("late,sold", dev=table.drop(columns="sold")))


def test_rare_combinations_are_together_by_their_rarest_label() -> None:
    labels = np.array([[0, 0, 0]] * 9 + [[1, 0, 0]] * 8 + [[1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 0, 1]])
    found = strata(labels)
    assert len(set(found[:9])) == len(set(found[9:17])) == 1
    assert found[17] == found[18] != found[9]
    assert found[19] == found[20] != found[17]


def test_the_frame_of_the_columns_is_compared_between_parts(table: pd.DataFrame) -> None:
    read = read_target_columns(table[["late", "sold"]])
    assert read.kinds == {"late": "category", "sold": "category"}
    given = DataOptions("rent,b", dev=table.assign(rent=table["rent"] + 9), kinds={"price, net": "ignore"})
    assert {(one.column, one.part) for one in prepare(table, given).summary.drift} == {("rent", "dev")}
