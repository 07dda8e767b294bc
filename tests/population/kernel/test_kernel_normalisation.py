"""The kernel's normalisations against the modules of `ikura.nn` and autograd through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ikura.errors import UsageError
from ikura.nn import NORMALISATIONS, normaliser
from ikura.population.kernel.normalisation import CODES, code, normalise, normalise_backward, prepare

UNITS, GHOST, MOMENTUM = 7, 5, 0.3
NAMES = [name for name in NORMALISATIONS if name != "none"]
ROWS = (1, 2, 5, 6, 11, 23)

# Sums of at most 23 numbers of size about 1: some dozen roundings, divided by deviations that for two or more rows of
# this example are at least 0.02; the backward pass divides twice.
ROUNDINGS = 1e4


def example(rows: int, seed: int = 0) -> np.ndarray:
    """Outputs of a layer with means and deviations of their own."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, UNITS)) * np.linspace(0.5, 2, UNITS) + 0.7


def parts(name: str, dtype: str, rows: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """A member's normalisation with room behind 3 cells of another layer, its running statistics, its scales."""
    running = np.concatenate([np.zeros(UNITS), np.ones(UNITS)]).astype(dtype)
    normal = prepare(code(name), GHOST, MOMENTUM, running, 3 + rows * UNITS, np.array([2, UNITS, 1]))
    return normal, running, np.linspace(0.4, 1.6, UNITS).astype(dtype)


def module_of(name: str, dtype: str, gamma: np.ndarray) -> torch.nn.Module:
    """The module with the same scales; its shift is zero, as the kernel leaves it to the activation."""
    module = normaliser(name, UNITS, momentum=MOMENTUM, ghost_size=GHOST)
    assert module is not None
    module = module.to(getattr(torch, dtype))
    with torch.no_grad():
        module.get_parameter("weight").copy_(torch.from_numpy(gamma))
    return module


def test_every_normalisation_has_a_number_of_its_own() -> None:
    assert CODES.keys() == NORMALISATIONS.keys()
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_forward_backward_and_statistics(name: str, dtype: str, rows: int) -> None:
    normal, running, gamma = parts(name, dtype, rows)
    module = module_of(name, dtype, gamma)
    close = {"rtol": ROUNDINGS * np.finfo(dtype).eps / 2, "atol": ROUNDINGS * np.finfo(dtype).eps / 2}
    for step in range(2):
        z = example(rows, step).astype(dtype)
        leaf = torch.from_numpy(z.copy()).requires_grad_()
        expected = module(leaf)
        error = example(rows, 10 + step).astype(dtype)
        slopes = torch.autograd.grad(expected, [leaf, module.get_parameter("weight")], torch.from_numpy(error))
        normalise(normal, z, gamma, 3, 0, True)
        np.testing.assert_allclose(z, expected.detach(), **close)
        slope = np.full(UNITS, np.nan, dtype)
        normalise_backward(normal, error, gamma, slope, 3)
        np.testing.assert_allclose(error, slopes[0], **close)
        np.testing.assert_allclose(slope, slopes[1], **close)
    if name != "layer":
        buffers = dict(module.named_buffers())
        spread = buffers["running_var" if name == "batch" else "running_deviation"]
        np.testing.assert_allclose(running, torch.cat([buffers["running_mean"], spread]), **close)
    before = running.copy()
    z = example(rows, 5).astype(dtype)
    expected = module.eval()(torch.from_numpy(z.copy())).detach()
    normalise(normal, z, gamma, 3, 0, False)
    np.testing.assert_allclose(z, expected, **close)
    np.testing.assert_array_equal(running, before)


@pytest.mark.parametrize("name", NAMES)
def test_nan_passes_on_and_stays_where_it_is(name: str) -> None:
    normal, running, gamma = parts(name, "float64", 9)
    z = example(9)
    z[0, 2] = np.nan
    expected = module_of(name, "float64", gamma)(torch.from_numpy(z.copy())).isnan()
    normalise(normal, z, gamma, 3, 0, True)
    np.testing.assert_array_equal(np.isnan(z), expected)
    assert np.isnan(running).sum() == (0 if name == "layer" else 2)


def test_nothing_is_kept_where_nothing_is_normalised() -> None:
    normal = prepare(code("none"), 32, 0.1, np.empty(0), 1000, np.array([5, 7, 1]))
    assert len(normal.normal) == len(normal.inverse) == len(normal.scratch) == 0


def test_a_mistyped_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'batch'"):
        code("bath")
