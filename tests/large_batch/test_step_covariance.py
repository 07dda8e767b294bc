"""Weight steps against plain gradient descent and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from ikura.errors import UsageError
from ikura.experiments.step_covariance import measure
from ikura.large_batch.step_covariance import example_gradients, predicted_covariance, sample_steps
from ikura.nn.loss import task_loss


@pytest.mark.parametrize(("task", "outputs"), [("multiclass", 3), ("binary", 1), ("regression", 1)])
def test_gradients_of_examples_are_autograds_one_by_one(task: str, outputs: int) -> None:
    rng = np.random.default_rng(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, outputs)).double()
    x, y = rng.standard_normal((7, 4)), rng.integers(0, 2, 7)
    found = example_gradients(net, x, y, task, block=3)
    for row in range(7):
        one, target = torch.from_numpy(x[row : row + 1]), torch.from_numpy(y[row : row + 1])
        cost = task_loss(task, net(one), target if task == "multiclass" else target.double())
        own = torch.cat([g.flatten() for g in torch.autograd.grad(cost, list(net.parameters()))])
        # The same sums in another order, in double precision.
        np.testing.assert_allclose(found[row], own.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_the_prediction_is_the_covariance_over_all_mini_batches(size: int) -> None:
    g, rate = np.random.default_rng(1).standard_normal((5, 3)), 0.3
    steps = np.array([-rate * g[list(rows)].mean(0) for rows in itertools.combinations(range(5), size)])
    exact = np.cov(steps.T, bias=True) if len(steps) > 1 else np.zeros((3, 3))
    np.testing.assert_allclose(predicted_covariance(g, rate, size), exact, rtol=1e-12, atol=1e-16)


def test_steps_are_mean_gradients_of_mini_batches() -> None:
    g = np.random.default_rng(2).standard_normal((6, 2))
    every = {tuple(np.round(-0.5 * g[list(rows)].mean(0), 12)) for rows in itertools.combinations(range(6), 2)}
    found = sample_steps(g, 0.5, 2, 100, seed=0)
    assert {tuple(step) for step in np.round(found, 12)} <= every
    np.testing.assert_array_equal(found[:70], sample_steps(g, 0.5, 2, 70, seed=0))
    np.testing.assert_allclose(sample_steps(g, 1.0, 6, 3, seed=0), [-g.mean(0)] * 3, rtol=1e-12)


def test_the_root_rule_keeps_the_trace_and_others_do_not() -> None:
    g = np.random.default_rng(3).standard_normal((4000, 40)) * np.geomspace(1, 0.1, 40)
    rows = {(row["rule"], row["size"]): row for row in measure(g, (8, 32, 128), 400, seed=0)}
    # A trace of 400 steps in about ten directions has a relative error of √(2 / 4000) = 2 %; four of them.
    for (rule, size), row in rows.items():
        power = {"none": 0.0, "sqrt": 0.5, "linear": 1.0}[rule]
        wanted = (size / 8) ** (2 * power - 1) * (4000 - size) / (4000 - 8)
        assert row["predicted"] == pytest.approx(wanted, rel=1e-9)
        assert row["trace"] == pytest.approx(wanted, rel=0.09)


def test_batch_normalisation_is_refused() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
    with pytest.raises(UsageError, match="no gradient of a single example"):
        example_gradients(net, np.zeros((4, 2)), np.zeros(4), "multiclass")
    with pytest.raises(UsageError, match="batch_size=5"):
        predicted_covariance(np.zeros((4, 2)), 0.1, 5)
