"""(x, y) in every form in which people hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from ikura.data import prepare
from ikura.data.arrays import plain_array, plain_features, plain_pair, plain_target
from ikura.errors import DataError

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(40, 3))
Y = np.where(X[:, 0] > 0, "left", "right")

FORMS = {
    "frame and frame of one column": (pd.DataFrame(X, columns=list("abc")), pd.DataFrame({"side": Y})),
    "column vector": (X, Y[:, None]),
    "row vector": (X, Y[None]),
    "lists": (X.tolist(), Y.tolist()),
    "tuples": (tuple(map(tuple, X)), tuple(Y)),
    "sparse matrix": (scipy.sparse.csc_matrix(X), Y),
    "sparse array": (scipy.sparse.coo_array(X), Y),
    "tensor that requires grad": (torch.tensor(X, requires_grad=True), Y),
    "sparse tensor": (torch.tensor(X).to_sparse(), Y),
    "list of tensors": (list(torch.tensor(X)), list(Y)),
    "big-endian": (X.astype(">f8"), Y),
    "Fortran order": (np.asfortranarray(X), Y),
    "objects": (X.astype(object), Y.astype(object)),
    "bytes": (X, Y.astype("S")),
    "Arrow": (pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}), pa.chunked_array([Y.tolist()])),
    "categories": (X, pd.Series(Y, dtype="category")),
    "text of pandas": (X, pd.Series(Y, dtype="string")),
    "records": (np.array(list(map(tuple, X)), [("a", "<f8"), ("b", "<f8"), ("c", "<f8")]), Y),
    "memory views": (memoryview(np.ascontiguousarray(X)), Y),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_values_are_the_same_data_set(form: str) -> None:
    wanted, found = prepare((X, Y)), prepare(FORMS[form])
    assert found.task.classes == ["left", "right"]
    for part in ("train", "dev", "test"):
        np.testing.assert_array_equal(getattr(found, part).x, getattr(wanted, part).x)
        np.testing.assert_array_equal(getattr(found, part).y, getattr(wanted, part).y)


@pytest.mark.parametrize("form", [name for name in FORMS if "frame" not in name])
def test_a_model_takes_what_training_took(form: str) -> None:
    x, _ = FORMS[form]
    dataset = prepare((x, Y))
    np.testing.assert_array_equal(dataset.encoder.transform(x)[0][dataset.split.dev], dataset.dev.x)


def test_sparse_and_masked_values_are_told() -> None:
    assert "made dense" in prepare((scipy.sparse.eye_array(40, 3), Y)).summary.notes[0]
    masked = np.ma.masked_array(X, np.arange(120).reshape(40, 3) % 7 == 0)
    dataset = prepare((masked, Y))
    assert "18 masked values of x count as missing" in dataset.summary.notes[0]
    assert dataset.encoder.feature_names[1] == "x0 is missing"


def test_a_sparse_matrix_that_memory_cannot_hold() -> None:
    with pytest.raises(DataError, match=r"with its zeros it takes 8e\+06 GB"):
        plain_features(scipy.sparse.coo_array((10**6, 10**9), dtype=np.float64))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full((40, 3), "a"), r"y of shape \(40, 3\) holds <U1; several values for each example are numbers"),
        (np.zeros((40, 0)), r"y of shape \(40, 0\) holds no values"),
        (pd.DataFrame(index=range(40)), "y has no columns"),
        ("side", "y is the text 'side'; give the values of the target, or the table alone with target='side'"),
        (Y[:39], "x has 40 rows and y has 39"),
        (Y[:3], r"if its examples are columns, give x\.T"),
        (np.zeros(40, complex), "y holds complex numbers"),
        ([[1], [2, 3]], "row 2 has 2 values and row 1 has 1"),
        (None, r"y of shape \(n,\) is expected, but its shape is \(\)"),
        (np.array([b"\xff"] * 40), "no UTF-8 text"),
    ],
)
def test_targets_that_are_refused(y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        plain_pair(X, y)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:, 0], r"but its shape is \(40,\); for a single feature give x\[:, None\]"),
        (X.astype(complex), "x holds complex numbers"),
        ([[1.0, 2.0], [3.0]], "x: row 2 has 1 values and row 1 has 2"),
        (np.zeros((40, 0)), "holds no numbers"),
        (np.full((40, 2, 2), "a"), "arrays of more than two dimensions hold numbers"),
        (np.zeros(40, "V8"), "raw memory"),
        ((one for one in X), r"x of shape \(n, d\) is expected, but its shape is \(\)"),
        (X.T, r"x of shape \(3, 40\) has 3 rows and y has 40; if its examples are columns, give x\.T"),
    ],
)
def test_features_that_are_refused(x: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        plain_pair(x, Y)


def test_a_square_x_beside_a_row_of_targets_is_asked_about() -> None:
    with pytest.raises(DataError, match="leave open whether examples are rows or columns"):
        plain_pair(np.zeros((5, 5)), np.zeros((1, 5)))


def test_rows_in_another_order_are_refused() -> None:
    frame = pd.DataFrame(X, index=[f"p{row}" for row in range(40)])
    shuffled = pd.Series(Y, index=frame.index)[::-1]
    with pytest.raises(DataError, match=r"the same index in another order; give y\.loc\[x\.index\]"):
        plain_pair(frame, shuffled)
    assert plain_pair(frame, shuffled.loc[frame.index]).y.tolist() == Y.tolist()
    assert plain_pair(frame, shuffled.reset_index(drop=True)).y.tolist() == Y[::-1].tolist()


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, 2, None], [1.0, 2.0, np.nan]),
        ([1.5, pd.NA, 2], [1.5, np.nan, 2.0]),
        ([True, False, None], ["True", "False", ""]),
        (["a", None, 3], ["a", "", "3"]),
        ([2**60 + 1, 2**60 + 2, 0], [2**60 + 1, 2**60 + 2, 0]),
    ],
)
def test_objects_of_python_as_a_target(values: list[Any], wanted: list[Any]) -> None:
    found, _ = plain_target(np.array(values, dtype=object))
    np.testing.assert_array_equal(found, np.array(wanted))


@given(
    npst.arrays(
        st.sampled_from([">f8", "<f8", ">f4", "<f4", "<f2", ">i4", "<i8", ">u2", "u1", "?", ">i2"]),
        npst.array_shapes(min_dims=1, max_dims=3, max_side=4),
    )
)
def test_numbers_keep_their_values_in_every_type(array: np.ndarray) -> None:
    plain = plain_array(array, "x")
    assert plain.dtype.isnative
    assert plain.dtype.itemsize >= 4 or plain.dtype.kind != "f"
    np.testing.assert_array_equal(plain, array)
