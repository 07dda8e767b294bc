"""The compiled step against PyTorch: the same network, the same noise, float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ikura.nn import ACTIVATIONS
from ikura.nn.loss import task_loss
from ikura.nn.noise import Draws, drawing
from ikura.nn.zoo import CNN, Recipe
from ikura.population.convolution.buffers import make_buffers
from ikura.population.convolution.network_layout import NetworkLayout, sizes_of
from ikura.population.convolution.step import Batch, cost_and_gradient, outputs
from ikura.population.convolution.tile import moving_averages
from ikura.population.kernel.loss import CODES, KernelLoss

torch.set_num_threads(1)

# float64: 1e-16 an operation, sums of some thousand products, relative to the greatest entry. Measured: 2e-14.
RELATIVE = 1e-12
SHAPES = [(1, 8, 8), (3, 13, 9), (2, 28, 28), (1, 1, 5), (1, 5, 64)]
SMALL = {"channels": 4, "units": 6, "outputs": 3}


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    """Compare relative to the greatest entry."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=RELATIVE * max(np.abs(expected).max(), 1e-3))


def prepared(rows: int, **hyperparameters: Any) -> tuple[Recipe, CNN, Any]:
    """A network whose biases, scales and shifts are no round numbers, and buffers for its mini-batches."""
    torch.manual_seed(0)
    recipe = Recipe.of({**SMALL, **hyperparameters})
    net = recipe.module().double()
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return recipe, net, make_buffers(NetworkLayout.of(recipe), rows, rows, "float64", training=True)


def batch_of(x: np.ndarray, y: np.ndarray, task: str = "multiclass", smoothing: float = 0.0) -> Batch:
    """A mini-batch that begins at position 7 of its epoch."""
    none = np.empty(0, x.dtype)
    return Batch(x, y, KernelLoss(CODES[task]), x.dtype.type(smoothing), none, none, np.uint64(5), 7)


def compare(task: str, rows: int, steps: int = 2, smoothing: float = 0.0, **hyperparameters: Any) -> None:
    """Cost, gradient, moving averages and outputs of a few mini-batches, the last one smaller."""
    recipe, net, buffers = prepared(rows, **hyperparameters)
    layout, sizes = NetworkLayout.of(recipe), sizes_of(recipe, NetworkLayout.of(recipe))
    weights = nn.utils.parameters_to_vector(net.parameters()).detach().numpy().copy()
    assert weights.size == layout.size
    averages = moving_averages(layout, net, "float64")
    random = np.random.default_rng(1)
    for step in range(steps):
        count = rows - step
        x = random.normal(size=(count, *recipe.shape))
        y = random.integers(0, 2, count).astype(float)
        gradient = np.full_like(weights, np.nan)
        cost = cost_and_gradient(
            batch_of(x, y, task, smoothing), weights, gradient, sizes, buffers, averages, 0.02, 0.01
        )
        net.train()
        net.zero_grad()
        with drawing(Draws(5, 7)):
            z = net(torch.from_numpy(x))
        target = torch.from_numpy(y)
        target = target.long() if task == "multiclass" else target
        expected = task_loss(task, z, target, torch.tensor(smoothing, dtype=torch.float64) if smoothing else None)
        expected = expected + 0.005 * sum((p**2).sum() for p in net.parameters() if p.ndim > 1)
        expected = expected + 0.02 * sum(p.abs().sum() for p in net.parameters() if p.ndim > 1)
        expected.backward()
        assert cost == pytest.approx(expected.item(), rel=RELATIVE)
        assert_close(gradient, torch.cat([p.grad.flatten() for p in net.parameters()]).numpy())
    found = np.empty((rows, recipe.outputs))
    x = random.normal(size=(rows, *recipe.shape))
    outputs(x, weights, sizes, make_buffers(layout, rows, 1, "float64", training=False), averages, found)
    with torch.no_grad():
        assert_close(found, net.eval()(torch.from_numpy(x)).numpy())
    if recipe.normalisation != "none":
        spread = "running_var" if recipe.normalisation == "batch" else "running_deviation"
        for row, kind in enumerate(("running_mean", spread)):
            expected_averages = [getattr(block.norm, kind).numpy() for block in net.blocks]
            assert_close(averages[row], np.concatenate(expected_averages))


@pytest.mark.parametrize("normalisation", ["none", "batch", "ghost"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_images_of_any_shape(shape: tuple[int, int, int], normalisation: str) -> None:
    compare("multiclass", 5, shape=shape, normalisation=normalisation, ghost_size=2, dropout=0.3)


@pytest.mark.parametrize("normalisation", ["none", "batch"])
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_networks_of_any_depth_and_kernel(blocks: int, kernel_size: int, normalisation: str) -> None:
    compare(
        "multiclass", 4, shape=(2, 11, 12), blocks=blocks, kernel_size=kernel_size, normalisation=normalisation,
        channels=3,
    )  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str) -> None:
    compare("multiclass", 5, shape=(1, 9, 9), activation=activation, dropout=0.2)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_task(task: str) -> None:
    smoothing = 0.0 if task == "regression" else 0.1
    compare(task, 6, smoothing=smoothing, shape=(1, 8, 8), outputs=3 if task == "multiclass" else 1)


@pytest.mark.parametrize(("rows", "ghost_size"), [(8, 4), (9, 4), (10, 4), (7, 2), (5, 64), (4, 3)])
def test_ghosts_of_any_size(rows: int, ghost_size: int) -> None:
    compare(
        "multiclass", rows, shape=(1, 8, 8), normalisation="ghost", ghost_size=ghost_size, normalisation_momentum=0.3
    )


@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_images_whose_patches_do_not_fit_together(normalisation: str) -> None:
    compare("multiclass", 2, shape=(3, 64, 61), channels=16, kernel_size=5, normalisation=normalisation)


@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_many_small_images_whose_patches_are_made_together(normalisation: str) -> None:
    compare("multiclass", 70, shape=(1, 8, 8), normalisation=normalisation)


def test_the_first_of_equal_pixels_gets_the_error() -> None:
    recipe, net, buffers = prepared(2, shape=(1, 4, 4), blocks=1, activation="tanh", dropout=0.0)
    layout, sizes = NetworkLayout.of(recipe), sizes_of(recipe, NetworkLayout.of(recipe))
    weights = nn.utils.parameters_to_vector(net.parameters()).detach().numpy().copy()
    x, y = np.ones((2, 1, 4, 4)), np.zeros(2)
    gradient = np.empty_like(weights)
    averages = moving_averages(layout, net, "float64")
    cost_and_gradient(batch_of(x, y), weights, gradient, sizes, buffers, averages, 0.0, 0.0)
    task_loss("multiclass", net.eval()(torch.from_numpy(x)), torch.zeros(2).long()).backward()
    assert_close(gradient, torch.cat([p.grad.flatten() for p in net.parameters()]).numpy())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_shows_in_the_cost(value: float) -> None:
    recipe, net, buffers = prepared(3, shape=(1, 8, 8), dropout=0.0)
    layout = NetworkLayout.of(recipe)
    weights = nn.utils.parameters_to_vector(net.parameters()).detach().numpy().copy()
    x = np.random.default_rng(0).normal(size=(3, 1, 8, 8))
    weights[4] = value
    cost = cost_and_gradient(
        batch_of(x, np.zeros(3)), weights, np.empty_like(weights), sizes_of(recipe, layout), buffers,
        moving_averages(layout, net, "float64"), 0.0, 0.0,
    )  # fmt: skip
    assert np.isnan(cost)


def test_single_precision_is_close_to_double() -> None:
    recipe, net, _ = prepared(8, shape=(1, 28, 28), channels=8, normalisation="batch", dropout=0.0)
    layout, sizes = NetworkLayout.of(recipe), sizes_of(recipe, NetworkLayout.of(recipe))
    random = np.random.default_rng(0)
    x, y = random.normal(size=(8, 1, 28, 28)), random.integers(0, 3, 8).astype(float)
    found = []
    for dtype in ("float32", "float64"):
        weights = nn.utils.parameters_to_vector(net.parameters()).detach().numpy().astype(dtype)
        gradient = np.empty_like(weights)
        buffers = make_buffers(layout, 8, 1, dtype, training=True)
        cost_and_gradient(
            batch_of(x.astype(dtype), y.astype(dtype)), weights, gradient, sizes, buffers,
            moving_averages(layout, net, dtype), 0.0, 0.0,
        )  # fmt: skip
        found.append(gradient)
    # 6e-8 an operation; sums of some thousand, through statistics. An odd pixel may win a tie of rounding.
    assert np.abs(found[0] - found[1]).max() < 1e-3 * np.abs(found[1]).max()
