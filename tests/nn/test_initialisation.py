"""Every initialisation: its scale, its distribution, and draws that do not depend on the width."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest
from scipy import stats
from torch import nn

from ikura.errors import UsageError
from ikura.nn import INITIALISATIONS, initial_weights, initialise
from ikura.nn.noise import key

STREAM = key(0, "weights", 0)

# Standard deviation from (fan_in, fan_out), and whether the draws are normal.
SCALE: dict[str, tuple[Callable[[int, int], float], bool]] = {
    "he": (lambda fan_in, fan_out: sqrt(2 / fan_in), True),
    "xavier": (lambda fan_in, fan_out: sqrt(1 / fan_in), True),
    "glorot": (lambda fan_in, fan_out: sqrt(2 / (fan_in + fan_out)), True),
    "gaussian": (lambda fan_in, fan_out: 0.01, True),
    "large": (lambda fan_in, fan_out: 10.0, True),
    "orthogonal": (lambda fan_in, fan_out: sqrt(1 / max(fan_in, fan_out)), False),
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


@pytest.mark.parametrize("name", [name for name in INITIALISATIONS if name != "orthogonal"])
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
    assert np.array_equal(one, other) == (name in ("zeros", "plus_minus_one"))


def test_plus_minus_one_is_a_chessboard() -> None:
    weights = initial_weights("plus_minus_one", STREAM, 4, 6)
    assert weights[0, 0] == 1
    np.testing.assert_array_equal(weights[1:], -weights[:-1])
    np.testing.assert_array_equal(weights[:, 1:], -weights[:, :-1])


def test_a_mistyped_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError, match="'xaver', did you mean 'xavier'"):
        initial_weights("xaver", STREAM, 2, 2)


@pytest.mark.parametrize(("fan_out", "fan_in"), [(5, 5), (3, 40), (70, 6), (1, 9), (9, 1)])
def test_orthogonal(fan_out: int, fan_in: int) -> None:
    weights = initial_weights("orthogonal", STREAM, fan_out, fan_in)
    product = weights @ weights.T if fan_out <= fan_in else weights.T @ weights
    # Products of at most 70 terms, after as many reflections: a hundred roundings.
    np.testing.assert_allclose(product, np.eye(len(product)), rtol=0, atol=100 * 2.0**-52)


def test_orthogonal_draws_are_uniform() -> None:
    # Under the uniform distribution over orthogonal 2 × 2 matrices the angle of the first column is uniform, and
    # determinants of +1 and -1 are equally likely.
    draws = [initial_weights("orthogonal", key(n, "weights", 0), 2, 2) for n in range(2000)]
    angles = np.array([np.arctan2(w[1, 0], w[0, 0]) for w in draws])
    assert stats.kstest(angles, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-6
    assert stats.binomtest(sum(np.linalg.det(w) > 0 for w in draws), 2000).pvalue > 1e-6


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_a_factor_on_all_weights(name: str) -> None:
    np.testing.assert_array_equal(
        initial_weights(name, STREAM, 6, 9, scale=0.3), 0.3 * initial_weights(name, STREAM, 6, 9)
    )


def network() -> nn.Module:
    """Convolutions and linear layers, normalised."""
    return nn.Sequential(
        nn.Conv2d(8, 60, (3, 5)), nn.BatchNorm2d(60), nn.Conv2d(60, 90, 3, groups=3, bias=False), nn.Flatten(),
        nn.Linear(90, 200), nn.Conv1d(4, 30, 7),
    )  # fmt: skip


@pytest.mark.parametrize("by_fan_out", [False, True])
@pytest.mark.parametrize("name", INITIALISATIONS)
def test_layers_of_a_module(name: str, by_fan_out: bool) -> None:
    net = initialise(network(), name, STREAM, scale=0.5, by_fan_out=by_fan_out)
    for place in (0, 2, 4, 5):
        weights = net[place].weight.detach().double().numpy()
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(net[place].weight)
        if name == "orthogonal":
            fan_out = len(weights)
        if by_fan_out and name in ("he", "xavier"):
            fan_in = fan_out
        std = 0.5 * SCALE[name][0](fan_in, fan_out)
        # Five standard errors of a normal sample; float32 rounds by 6e-8.
        assert abs(weights.std() - std) <= 5 * std / sqrt(2 * weights.size) + 1e-6 * std
        assert net[place].bias is None or not net[place].bias.any()
    assert (net[1].weight == 1).all()


def test_layers_of_a_module_have_draws_of_their_own_keyed_by_name() -> None:
    one, same = (initialise(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), "he", STREAM) for _ in range(2))
    other = initialise(nn.Sequential(nn.Linear(3, 3)), "he", key(1, "weights", 0))
    assert (one[0].weight == same[0].weight).all()
    assert not (one[0].weight == one[1].weight).any()
    assert not (one[0].weight == other[0].weight).any()
    wide = initialise(nn.Sequential(nn.Conv2d(4, 9, 3)), "xavier", STREAM)[0].weight
    narrow = initialise(nn.Sequential(nn.Conv2d(2, 5, 3)), "xavier", STREAM)[0].weight
    # Scaled by 1/√18 and 1/√36 in double precision, then rounded to float32.
    np.testing.assert_allclose((narrow / sqrt(2)).detach(), wide[:5, :2].detach(), rtol=1e-6)
