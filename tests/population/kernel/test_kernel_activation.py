"""The kernel's activations against autograd through PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ikura.errors import UsageError
from ikura.nn import ACTIVATIONS
from ikura.population.kernel.activation import CODES, activate, code

# Largest error of (value, derivative) in units of 2**-24 of max(1, |value|), measured over the grid below against
# PyTorch in float64: tanh 4.2 and 8.5 (a rational function, and 1 - a², which doubles its error), sigmoid 2.6 and 2.1
# (from the same rational function), relu 0 and 0, leaky_relu 0.1 and 0.01, elu 0.7 and 0.7, gelu 3.6 and 4.1,
# silu 2.4 and 2.9. A new activation inherits this bound.
SINGLE = (5.0, 10.0)


def value_and_derivative(name: str, z: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run the kernel on a copy of z."""
    a, derivative = z.copy(), np.empty_like(z)
    activate(code(name), a, bias, derivative)
    return a, derivative


def test_a_number_of_no_activation_is_refused() -> None:
    z = np.zeros((1, 1))
    with pytest.raises(ValueError, match="the kernel has no activation of this number"):
        activate(len(CODES), z, z[0], z)


def reference(name: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and derivative by autograd in float64."""
    leaf = torch.from_numpy(z.astype(np.float64)).requires_grad_()
    value = ACTIVATIONS[name](leaf)
    (derivative,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach().numpy(), derivative.numpy()


def dense_grid() -> np.ndarray:
    """Steps of 1/4096 on [-12, 12], every magnitude from 1e-30 to 10 of either sign, and numbers far out: one row."""
    small = np.logspace(-30, 1, 20_000)
    far = np.array([-1e30, -700.0, -88.0, 88.0, 700.0, 1e30])
    return np.concatenate([np.arange(-12, 12, 1 / 4096), small, -small, far]).astype(np.float32)[None, :]


def test_every_activation_has_a_number_of_its_own() -> None:
    assert CODES.keys() == ACTIVATIONS.keys()
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_double_precision(name: str) -> None:
    rng = np.random.default_rng(0)
    z, bias = 5 * rng.standard_normal((200, 30)), rng.standard_normal(30)
    a, derivative = value_and_derivative(name, z, bias)
    value, slope = reference(name, z + bias)
    # A correctly rounded function and two more operations: four units in the last place of max(1, |value|).
    np.testing.assert_allclose(a, value, rtol=4 * 2.0**-52, atol=4 * 2.0**-52)
    # Torch's derivative of silu has z (1 - σ(z)), where a unit in the last place of 1 is lost |z| times.
    assert np.max(np.abs(derivative - slope) / np.maximum(1, np.abs(z + bias))) <= 4 * 2.0**-52


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_single_precision(name: str) -> None:
    z = dense_grid()
    a, derivative = value_and_derivative(name, z, np.zeros(z.shape[1], np.float32))
    value, slope = reference(name, z)
    assert a.dtype == derivative.dtype == np.float32
    assert np.max(np.abs(a - value) / np.maximum(1, np.abs(value))) <= SINGLE[0] * 2.0**-24
    assert np.max(np.abs(derivative - slope)) <= SINGLE[1] * 2.0**-24


def test_single_precision_tanh_keeps_its_relative_precision_near_zero() -> None:
    z = dense_grid()
    a, _ = value_and_derivative("tanh", z, np.zeros(z.shape[1], np.float32))
    exact = np.tanh(z.astype(np.float64))
    # Measured: 4.2 units in the last place, at the ends where it is cut off; odd, and never beyond ±1.
    assert np.max(np.abs(a - exact) / np.spacing(np.abs(exact).astype(np.float32))) <= 5
    assert np.abs(a).max() < 1
    np.testing.assert_array_equal(value_and_derivative("tanh", -z, np.zeros(z.shape[1], np.float32))[0], -a)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_passes_on_and_stays_where_it_is(name: str, dtype: str) -> None:
    z = np.ones((9, 17), dtype)
    z[4, 11] = np.nan
    a, _ = value_and_derivative(name, z, np.zeros(17, dtype))
    np.testing.assert_array_equal(np.isnan(a), np.isnan(z))


def test_a_mistyped_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'relu'"):
        code("rellu")
