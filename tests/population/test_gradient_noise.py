"""Random factors on the gradients of single examples, against a loop over the examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ikura.nn.loss import task_loss
from ikura.nn.noise import example_noise, permutation
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

# One update in float64: sums of some hundred products, each rounded by 1e-16, relative to the greatest.
RELATIVE = 1e-12
BASE: dict[str, Any] = {"layers": 2, "units": 5, "batch_size": 200, "optimizer": "sgd", "learning_rate": 0.1}


def step(shop: TrainingSetup, *hyperparameters: dict[str, Any]) -> list[np.ndarray]:
    """The first weight step of each of some members that train together."""
    members = [Member(number, BASE | own, 3) for number, own in enumerate(hyperparameters)]
    tile = shop.tile(members)
    before = [tile.extract(place)["weights"] for place in range(len(members))]
    tile.train_epoch(shop.train.ordered(3, 0), 0)
    return [tile.extract(place)["weights"] - old for place, old in enumerate(before)]


def by_hand(shop: TrainingSetup, own: dict[str, Any]) -> np.ndarray:
    """The same step from gradients of one example after another."""
    member = Member(0, BASE | own, 3)
    net = shop.module(member).double().train()
    order = permutation(3, 0, len(shop.train))
    x, y = torch.from_numpy(shop.train.x[order]), torch.from_numpy(shop.train.y[order])
    out, parameters = net(x), list(net.parameters())
    target = y.long() if shop.task == "multiclass" else y
    total = np.zeros(sum(p.numel() for p in parameters))
    for row, draw in enumerate(example_noise(3, 0, len(y)).tolist()):
        cost = task_loss(shop.task, out[row : row + 1], target[row : row + 1])
        g = torch.autograd.grad(cost, parameters, retain_graph=True)
        total += (1 + member.values.gradient_noise * draw) * torch.cat([one.flatten() for one in g]).numpy()
    return -0.1 * total / len(y)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("normalisation", ["none", "batch", "ghost", "layer"])
def test_equals_a_loop_over_the_examples(
    setup: Callable[..., TrainingSetup], normalisation: str, task: str, stacked: bool
) -> None:
    shop, own = (
        setup(task, stacked=stacked),
        {"gradient_noise": 0.8, "normalisation": normalisation, "ghost_size": 9},
    )
    expected = by_hand(shop, own)
    found = step(shop, own)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=RELATIVE * np.abs(expected).max())


@pytest.mark.parametrize("stacked", [False, True])
def test_members_share_the_draws_and_the_plain_ones_are_untouched(
    setup: Callable[..., TrainingSetup], stacked: bool
) -> None:
    shop = setup("multiclass", stacked=stacked)
    none, some, more = step(shop, {}, {"gradient_noise": 0.5}, {"gradient_noise": 1.5})
    np.testing.assert_allclose(more - none, 3 * (some - none), rtol=0, atol=RELATIVE * np.abs(more).max())
    alone = step(shop, {})[0]
    # A member without noise has no factors in the kernel, and a factor of exactly 1 where it is stacked.
    np.testing.assert_allclose(none, alone, rtol=0, atol=0 if not stacked else RELATIVE * np.abs(alone).max())


def test_the_factors_are_normal() -> None:
    draws = example_noise(0, 1, 40_000)
    # Standard errors: 0.005 of the mean, 0.0035 of the deviation; five of them.
    assert abs(draws.mean()) < 0.025
    assert abs(draws.std() - 1) < 0.018
    assert np.array_equal(example_noise(0, 1, 100), draws[:100])
    assert not np.array_equal(example_noise(0, 2, 100), draws[:100])
