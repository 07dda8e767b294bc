"""Every initialisation: its scale, its distribution, and draws that do not depend on the width."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from ikura.errors import UsageError
from ikura.nn import INITIALISATIONS, initial_weights
from ikura.nn.noise import key

STREAM = key(0, "weights", 0)

# Standard deviation from (fan_in, fan_out), and whether the draws are normal.
SCALE: dict[str, tuple[Callable[[int, int], float], bool]] = {
    "he": (lambda fan_in, fan_out: sqrt(2 / fan_in), True),
    "xavier": (lambda fan_in, fan_out: sqrt(1 / fan_in), True),
    "glorot": (lambda fan_in, fan_out: sqrt(2 / (fan_in + fan_out)), True),
    "gaussian": (lambda fan_in, fan_out: 0.01, True),
    "large": (lambda fan_in, fan_out: 10.0, True),
    "zeros": (lambda fan_in, fan_out: 0.0, False),
    "plus_minus_one": (lambda fan_in, fan_out: 1.0, False),
}


@pytest.mark.parametrize("name", INITIALISATIONS)
@pytest.mark.parametrize(("fan_out", "fan_in"), [(300, 200), (40, 1500)])
def test_scale(name: str, fan_out: int, fan_in: int) -> None:
    weights = initial_weights(name, STREAM, fan_out, fan_in)
    std = SCALE[name][0](fan_in, fan_out)
    assert weights.shape == (fan_out, fan_in)
    assert weights.dtype == np.float64
    # Five standard errors of a normal sample: σ/√n for the mean, σ/√(2n) for the standard deviation.
    assert abs(weights.mean()) <= 5 * std / sqrt(weights.size)
    assert abs(weights.std() - std) <= 5 * std / sqrt(2 * weights.size)


@pytest.mark.parametrize("name", [name for name in INITIALISATIONS if SCALE[name][1]])
def test_normal(name: str) -> None:
    weights = initial_weights(name, STREAM, 100, 200) / SCALE[name][0](200, 100)
    assert stats.kstest(weights.ravel(), "norm").pvalue > 1e-6


@pytest.mark.parametrize("name", INITIALISATIONS)
@pytest.mark.parametrize(("fan_out", "fan_in"), [(3, 12), (8, 5), (1, 1)])
def test_a_narrower_layer_is_the_corner_of_a_wider_one(name: str, fan_out: int, fan_in: int) -> None:
    narrow, wide = initial_weights(name, STREAM, fan_out, fan_in), initial_weights(name, STREAM, 8, 12)
    scale = SCALE[name][0]
    # In units of each layer's own scale; three roundings apart.
    np.testing.assert_allclose(
        narrow * scale(12, 8), wide[:fan_out, :fan_in] * scale(fan_in, fan_out), rtol=3 * 2.0**-52, atol=0
    )


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_streams_tell_draws_apart(name: str) -> None:
    one, again = initial_weights(name, STREAM, 5, 5), initial_weights(name, STREAM, 5, 5)
    other = initial_weights(name, key(1, "weights", 0), 5, 5)
    np.testing.assert_array_equal(one, again)
    assert np.array_equal(one, other) == (not SCALE[name][1])


def test_plus_minus_one_is_a_chessboard() -> None:
    weights = initial_weights("plus_minus_one", STREAM, 4, 6)
    assert weights[0, 0] == 1
    np.testing.assert_array_equal(weights[1:], -weights[:-1])
    np.testing.assert_array_equal(weights[:, 1:], -weights[:, :-1])


def test_a_mistyped_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError, match="'xaver', did you mean 'xavier'"):
        initial_weights("xaver", STREAM, 2, 2)
