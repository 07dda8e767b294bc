"""Transforms of the target against scikit-learn, and what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import PowerTransformer, QuantileTransformer

from ikura.errors import UsageError
from ikura.nn import MLP
from ikura.nn.target_transform import TRANSFORMS, TargetTransform, fit_target, target_transform

RNG = np.random.default_rng(0)
PRICES = RNG.lognormal(3, 1, 400)
MEAN, STD = PRICES.mean(), PRICES.std()
Y = (PRICES - MEAN) / STD
KINDS = [name for name in TRANSFORMS if name != "none"]


def fitted(kind: str) -> TargetTransform:
    found = fit_target(kind, Y, MEAN, STD)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_learned_is_like_a_normal_number_and_comes_back(kind: str) -> None:
    transform = fitted(kind)
    z = transform.apply(Y)
    assert abs(z.mean()) < 0.05
    assert abs(z.std() - 1) < 0.05
    assert (np.diff(z[np.argsort(Y)]) >= 0).all()
    # Interpolation of normal scores is a straight line in both directions.
    np.testing.assert_allclose(transform.undo(z), Y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_stay_within_the_values_of_training(kind: str) -> None:
    found = fitted(kind).undo(np.array([-1e6, -50.0, 50.0, 1e6, np.nan]))
    assert np.isfinite(found[:4]).all()
    assert Y.min() <= found[:4].min() <= found[:4].max() <= Y.max()
    assert np.isnan(found[4])


def test_yeo_johnson_is_that_of_scikit_learn() -> None:
    made = PowerTransformer().fit(Y[:, None])
    z = np.linspace(-2.5, 2.5, 50)
    np.testing.assert_allclose(fitted("yeo_johnson").apply(Y), made.transform(Y[:, None])[:, 0], rtol=1e-5, atol=1e-6)
    inside = made.inverse_transform(z[:, None])[:, 0].clip(Y.min(), Y.max())
    np.testing.assert_allclose(fitted("yeo_johnson").undo(z), inside, rtol=1e-4, atol=1e-5)


def test_quantile_is_that_of_scikit_learn() -> None:
    made = QuantileTransformer(n_quantiles=128, output_distribution="normal").fit(Y[:, None])
    z = np.linspace(-2, 2, 50)
    # Between the quantiles scikit-learn interpolates probabilities, this one normal scores.
    np.testing.assert_allclose(fitted("quantile").undo(z), made.inverse_transform(z[:, None])[:, 0], atol=0.02)


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_every_power_is_undone(power: float) -> None:
    y = np.linspace(-2, 3, 41)
    transform = TargetTransform("yeo_johnson", (0.0, 1.0, power), -2.0, 3.0)
    np.testing.assert_allclose(transform.undo(transform.apply(y)), y, rtol=1e-9, atol=1e-9)


def test_a_description_makes_the_same_transform_again() -> None:
    for kind in KINDS:
        assert TargetTransform.of(fitted(kind).form) == fitted(kind)
    assert fit_target("none", Y) is None
    assert fit_target("quantile", np.zeros(5)) is None


def test_log_is_for_values_above_zero() -> None:
    with pytest.raises(UsageError, match=r"log is for values above 0, and the least .* is -1; write yeo"):
        fit_target("log", np.array([-1.0, 0.5, 2.0]))
    with pytest.raises(UsageError, match="unknown target_transform 'yeo-johnson', did you mean 'yeo_johnson'"):
        target_transform("yeo-johnson")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "none"}, "transforms nothing"),
        ({"low": 3.0}, "transforms nothing"),
        ({"numbers": [0.0, 1.0]}, "other numbers"),
        ({"numbers": [0.0, -1.0, 0.0, 1.0]}, "other numbers"),
        ({"kind": "quantile", "numbers": [0.0, 1.0, 1.0, 1.0]}, "do not ascend"),
    ],
)
def test_a_description_that_does_not_hold_together_is_refused(change: dict[str, Any], told: str) -> None:
    form = {"kind": "log", "numbers": [0.0, 1.0, 0.0, 1.0], "low": 0.0, "high": 1.0}
    with pytest.raises(ValueError, match=told):
        MLP(4, 1, [3], target=form | change)
