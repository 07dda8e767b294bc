"""The kernel's penalties, clipping, decay and bounded norms against numpy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ikura.population.kernel.penalty import bound_norms, clip_norm, clip_value, decay, penalise, stop_at_zero

SIZE = 500
MATRICES = np.array([(10, 12, 5), (80, 1, 100), (200, 300, 1)])
PRECISIONS = pytest.mark.parametrize(("dtype", "rounding"), [("float64", 2.0**-53), ("float32", 2.0**-24)])


def example(dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, gradient, and which weights are no biases."""
    rng = np.random.default_rng(0)
    mask = np.zeros(SIZE, bool)
    for place, rows, columns in MATRICES:
        mask[place : place + rows * columns] = True
    return rng.standard_normal(SIZE).astype(dtype), rng.standard_normal(SIZE).astype(dtype), mask


@PRECISIONS
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.3), (0.2, 0.0), (0.2, 0.3)])
def test_penalty(l1: float, l2: float, dtype: str, rounding: float) -> None:
    w, g, mask = example(dtype)
    w[15:20], g[15:18] = 0, (0.05, -0.1, 1.5)
    exact = w.astype(np.float64)
    wanted = g + mask * (l2 * exact + l1 * np.sign(exact))
    wanted[15:20] = np.sign(g[15:20]) * np.maximum(np.abs(g[15:20].astype(np.float64)) - l1, 0)
    cost = penalise(w, g, MATRICES, w.dtype.type(l1), w.dtype.type(l2))
    # 460 terms summed, 230 on average at a rounding each at worst; the gradient rounds λ, products and sums.
    total = l1 * np.abs(exact[mask]).sum() + l2 / 2 * np.sum(exact[mask] ** 2)
    assert cost == pytest.approx(total, rel=500 * rounding)
    np.testing.assert_allclose(g, wanted, rtol=0, atol=6 * 8 * rounding)
    assert g.dtype == dtype


@PRECISIONS
@pytest.mark.parametrize("limit", [1e-3, 1.0, 20.0, 100.0])
def test_clipping(limit: float, dtype: str, rounding: float) -> None:
    for function, torch_function in (
        (clip_norm, torch.nn.utils.clip_grad_norm_),
        (clip_value, torch.nn.utils.clip_grad_value_),
    ):
        _, g, _ = example(dtype)
        leaf = torch.zeros(SIZE, dtype=torch.float64, requires_grad=True)
        leaf.grad = torch.from_numpy(g.astype(np.float64))
        torch_function([leaf], limit)
        function(g, limit if function is clip_norm else g.dtype.type(limit))
        # A share and a product, or nothing but the limit itself, rounded; components are at most 4.
        np.testing.assert_allclose(g, leaf.grad, rtol=4 * rounding, atol=0)


def test_a_small_gradient_is_not_touched_to_the_bit() -> None:
    _, g, _ = example("float32")
    before = g.copy()
    clip_norm(g, 1e3)
    clip_value(g, np.float32(1e3))
    np.testing.assert_array_equal(g, before)


def test_nan_is_not_clipped_away() -> None:
    g = np.array([1.0, np.nan, -3.0])
    clip_value(g, 2.0)
    np.testing.assert_array_equal(g, [1.0, np.nan, -2.0])
    clip_norm(g, 2.0)
    assert np.isnan(g).all()


@PRECISIONS
def test_decay(dtype: str, rounding: float) -> None:
    w, _, mask = example(dtype)
    wanted = np.where(mask, w.astype(np.float64) * 0.75, w)
    decay(w, MATRICES, w.dtype.type(0.75))
    np.testing.assert_allclose(w, wanted, rtol=rounding)


@PRECISIONS
def test_bounded_norms(dtype: str, rounding: float) -> None:
    w, _, mask = example(dtype)
    before = w.copy()
    bound_norms(w, MATRICES, 1.2)
    np.testing.assert_array_equal(w[~mask], before[~mask])
    for place, rows, columns in MATRICES:
        old = before[place : place + rows * columns].reshape(rows, columns)
        new = w[place : place + rows * columns].reshape(rows, columns)
        norms = np.linalg.norm(old.astype(np.float64), axis=1)
        assert (norms > 1.2).any()
        np.testing.assert_array_equal(new[norms <= 1.2], old[norms <= 1.2])
        # The direction stays and the norm is the limit: a share and a product rounded.
        wanted = old.astype(np.float64) * np.minimum(1, 1.2 / norms)[:, None]
        np.testing.assert_allclose(new, wanted, rtol=4 * rounding)


@PRECISIONS
@pytest.mark.parametrize("reach", [0.3, np.inf])
def test_no_weight_passes_zero(reach: float, dtype: str, rounding: float) -> None:
    _, _, mask = example(dtype)
    rng = np.random.default_rng(1)
    old, new, g = (rng.choice([-1.0, -0.25, 0.0, 0.25, 1.0], SIZE).astype(dtype) for _ in range(3))
    wanted = new.copy()
    stop_at_zero(new, old, g, MATRICES, old.dtype.type(reach))
    for i in np.flatnonzero(mask):
        start, end = float(old[i]), float(wanted[i])
        if start * end < 0:
            wanted[i] = np.sign(end) * max(abs(end) - reach, 0)
        elif start == 0 and end * g[i] >= 0:
            wanted[i] = 0
    # One difference rounded.
    np.testing.assert_allclose(new, wanted, rtol=2 * rounding)
    assert {0.0} < {float(one) for one in new[mask]}


def test_a_broken_weight_is_not_made_zero() -> None:
    new = np.array([np.nan, np.nan])
    stop_at_zero(new, np.array([0.0, 1.0]), np.array([np.nan, 1.0]), np.array([(0, 1, 2)]), np.inf)
    assert np.isnan(new).all()
    g = np.array([np.nan])
    penalise(np.zeros(1), g, np.array([(0, 1, 1)]), 0.1, 0.0)
    assert np.isnan(g).all()
