"""Encodings of numeric columns against scikit-learn and the formulas of their papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import QuantileTransformer, RobustScaler

from ikura.errors import UsageError
from ikura.nn import MLP
from ikura.nn.encoding import ENCODINGS, KNOTS, NumericEncoding, fit_encoding, numeric_encoding
from ikura.nn.encoding_layer import LAYERS, encoding_layer
from ikura.nn.initial_encoding import initial_encoding
from ikura.population.kernel.encoding import CODES, encode, front_of, plan_of, waves_of

RNG = np.random.default_rng(0)
X = np.column_stack([RNG.standard_normal(500), RNG.lognormal(size=500), RNG.integers(0, 5, 500), RNG.uniform(size=500)])
NEW = np.concatenate([X[:40], [[-9.0, -1.0, -3.0, -1.0], [9.0, 1e4, 30.0, 2.0], [0.0, 0.0, 0.0, 0.0]]])
NUMERIC = [(0, -1), (1, -1), (2, -1)]


def fitted(kind: str, **more: Any) -> NumericEncoding:
    found = fit_encoding(kind, X, NUMERIC, **{"bins": 6, "frequencies": 3, "size": 2} | more)
    assert found is not None
    return found


def layer_of(encoding: NumericEncoding, x: np.ndarray) -> np.ndarray:
    """What the layer of PyTorch makes of x."""
    layer = encoding_layer(encoding).double()
    vector = [torch.from_numpy(one) for one in initial_encoding(encoding, 3, 0.7)]
    torch.nn.utils.vector_to_parameters(torch.cat(vector) if vector else torch.empty(0), layer.parameters())
    with torch.no_grad():
        found: np.ndarray = layer(torch.from_numpy(x)).numpy()
    return found


def test_robust_is_scikit_learns_scaler_behind_a_soft_clip() -> None:
    z = RobustScaler().fit(X[:, :3]).transform(NEW[:, :3])
    found = layer_of(fitted("robust"), NEW)
    np.testing.assert_allclose(found, np.column_stack([NEW[:, 3], z / np.sqrt(1 + (z / 3) ** 2)]), rtol=1e-12)
    assert np.abs(found[:, 1:]).max() < 3


def test_robust_takes_half_of_the_range_where_the_quartiles_are_equal() -> None:
    x = np.array([0.0] * 9 + [4.0])[:, None]
    encoding = fit_encoding("robust", x, [(0, -1)])
    assert encoding is not None
    assert encoding.numbers == ((0.0, 0.5),)


def test_quantile_has_the_normal_scores_of_scikit_learn() -> None:
    """Equal at the quantiles, and between them as near as the curve of the scores is straight, ends aside."""
    made = QuantileTransformer(n_quantiles=KNOTS, output_distribution="normal").fit(X[:, :2])
    encoding = fitted("quantile")
    knots = np.array([one[:KNOTS] for one in encoding.numbers[:2]]).T
    at = np.zeros((KNOTS, 4))
    at[:, :2] = knots
    inner = slice(1, -1)
    expected = made.transform(knots)
    np.testing.assert_allclose(layer_of(encoding, at)[inner, 1:3], expected[inner], rtol=1e-6, atol=1e-9)
    between = np.abs(layer_of(encoding, X)[:, 1:3] - made.transform(X[:, :2]))
    assert np.quantile(between, 0.95) < 5e-3
    ends = np.abs(layer_of(encoding, NEW)[-3:, 1:4])
    assert ends.max() <= 3.1  # the normal score of 1 - 1 / 1000


def test_piecewise_linear_is_the_formula_of_its_paper() -> None:
    encoding = fitted("piecewise_linear")
    found = layer_of(encoding, NEW)
    expected = [NEW[:, 3]]
    for column in range(3):
        edges = np.unique(np.quantile(X[:, column], np.linspace(0, 1, 7)))
        for t in range(len(edges) - 1):
            share = (NEW[:, column] - edges[t]) / (edges[t + 1] - edges[t])
            share = np.maximum(share, 0) if t > 0 else share
            expected.append(np.minimum(share, 1) if t < len(edges) - 2 else share)
    np.testing.assert_allclose(found, np.column_stack(expected), rtol=1e-12, atol=1e-15)
    assert len(encoding.numbers[2]) < 7  # five values have fewer quantiles


@pytest.mark.parametrize("kind", ["periodic", "pbld"])
def test_waves_begin_with_a_mean_square_of_one(kind: str) -> None:
    encoding = fit_encoding(kind, X, NUMERIC, frequencies=200, size=200)
    assert encoding is not None
    mixed = layer_of(encoding, X)[:, 1:]
    # Half of a symmetric distribution is cut off by relu; sums of 200 weights differ by some tenths.
    assert 0.8 < np.mean(mixed**2) * (2 if kind == "periodic" else 1) < 1.2


@pytest.mark.parametrize("kind", list(CODES))
def test_the_kernel_encodes_as_the_layer_does(kind: str) -> None:
    encoding = fitted(kind)
    plan, statistics = plan_of(encoding)
    weights = np.concatenate([*initial_encoding(encoding, 3, 0.7), np.zeros(0)])
    joined = np.empty((len(NEW), encoding.width))
    encode(NEW, weights, front_of(plan, statistics, np.array(waves_of(encoding)), 0, len(NEW)), joined)
    # Sines of the kernel are right to 1e-13.
    np.testing.assert_allclose(joined, layer_of(encoding, NEW), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", list(CODES))
def test_a_description_makes_the_same_encoding_again(kind: str) -> None:
    encoding = fitted(kind)
    again = NumericEncoding.of(encoding.form, 4)
    assert again == encoding
    np.testing.assert_array_equal(layer_of(again, NEW), layer_of(encoding, NEW))


def test_missing_values_and_columns_without_two_values_count_in_nothing() -> None:
    x = np.array([[1.0, 0, 7], [2, 0, 7], [3, 0, 7], [0, 1, 7], [0, 1, 7]])
    encoding = fit_encoding("piecewise_linear", x, [(0, 1), (2, -1)], bins=2)
    assert encoding is not None
    assert encoding.columns == (0,)
    assert encoding.numbers == ((1.0, 2.0, 3.0),)
    assert encoding.others == (1, 2)
    assert fit_encoding("quantile", x, [(2, -1)]) is None
    assert fit_encoding("standard", x, [(0, -1)]) is None


def test_names_are_known() -> None:
    assert [name for name in ENCODINGS if name != "standard"] == list(CODES) == list(LAYERS)
    with pytest.raises(UsageError, match=r"unknown numeric_encoding 'piecewise'.*use standard, robust"):
        numeric_encoding("piecewise")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"columns": [2, 1]}, "ascending"),
        ({"columns": [0, 4]}, "below 4"),
        ({"numbers": [[0.0, 1.0]]}, "statistics of 1 columns"),
        ({"numbers": [[0.0, 1.0], [1.0, 1.0]]}, "do not ascend"),
        ({"kind": "standard"}, "encodes nothing"),
        ({"kind": "robust", "numbers": [[0.0], [1.0]]}, "a median and a scale"),
        ({"kind": "pbld", "size": 1, "frequencies": 2}, "size 1"),
    ],
)
def test_a_description_that_does_not_hold_together_is_refused(change: dict[str, Any], told: str) -> None:
    form = {"kind": "piecewise_linear", "columns": [0, 2], "numbers": [[0.0, 1.0], [0.0, 2.0]]}
    with pytest.raises(ValueError, match=told):
        MLP(4, 1, [3], encoding=form | change)
