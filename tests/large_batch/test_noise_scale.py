"""The noise scale against problems where it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ikura.errors import UsageError
from ikura.experiments.noise_scale import PROBLEMS, Regression
from ikura.large_batch.noise_scale import measure_noise_scale, noise_scale, ratio_interval
from ikura.large_batch.potential import random_potential


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_closed_form_is_the_moments_of_many_gradients(problem: Regression) -> None:
    g = problem.gradients(np.random.default_rng(0), 400_000)
    noise, signal = np.trace(np.cov(g.T)), float(np.sum(problem.mean**2))
    # The trace of 400,000 draws of a product of Gaussians has a relative error of about √(20 / 400,000) = 0.7 %.
    assert problem.noise == pytest.approx(noise, rel=0.04)
    np.testing.assert_allclose(g.mean(0), problem.mean, atol=5 * math.sqrt(noise / 400_000))
    assert problem.scale == pytest.approx(problem.noise / signal)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_interval_covers_at_its_rate(problem: Regression) -> None:
    repetitions, covered = 400, 0
    for number in range(repetitions):
        found = problem.measure(np.random.default_rng([1, number]))
        covered += found.low <= problem.scale <= found.high
    # Four standard deviations of a share of 0.95 in 400: 0.044.
    assert covered / repetitions == pytest.approx(0.95, abs=0.044)


def test_a_networks_noise_scale_is_that_of_its_examples() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((300, 3)), rng.standard_normal(300)
    net = torch.nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, -2.0, 0.5]]))
    g = 2 * x * (x @ net.weight.detach().numpy()[0] - y)[:, None]
    exact = np.trace(np.cov(g.T, bias=True)) / np.sum(g.mean(0) ** 2)
    before = net.weight.detach().clone()
    found = measure_noise_scale(net, x, y, "regression", small=4, large=32, pairs=200)
    assert found.low < exact < found.high
    assert found.high < 1.5 * exact
    assert torch.equal(net.weight, before)
    assert net.weight.grad is None


def test_a_network_is_left_as_it_was() -> None:
    net = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5), torch.nn.Linear(3, 2)
    ).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    x, y = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32), np.arange(20) % 2
    one = measure_noise_scale(net, x, y, "multiclass", small=4, large=8, pairs=3)
    assert one == measure_noise_scale(net, x, y, "multiclass", small=4, large=8, pairs=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert not net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


class Coded(torch.nn.Module):
    """Features and a category, given apart or, the category last, together."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.table, self.line, self.apart = torch.nn.Embedding(4, 1), torch.nn.Linear(2, 1), apart

    def forward(self, x: torch.Tensor, codes: torch.Tensor | None = None) -> torch.Tensor:
        if not self.apart:
            x, codes = x[:, :2], x[:, 2:].int()
        assert codes is not None
        return self.line(x) + self.table(codes[:, 0])


def test_categories_come_as_codes() -> None:
    rng = np.random.default_rng(0)
    x, codes = rng.standard_normal((50, 2)).astype(np.float32), rng.integers(0, 4, (50, 1)).astype(np.int32)
    y, together = rng.standard_normal(50).astype(np.float32), np.concatenate([x, codes.astype(np.float32)], 1)
    options = {"small": 4, "large": 8, "pairs": 5}
    found = measure_noise_scale(Coded(True), x, y, "regression", codes=codes, **options)
    assert found == measure_noise_scale(Coded(False), together, y, "regression", **options)
    walked = random_potential(Coded(True), x, y, "regression", directions=5, codes=codes)
    assert walked == random_potential(Coded(False), together, y, "regression", directions=5)


def test_pure_noise_has_no_bound() -> None:
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((40, 8, 50))
    found = noise_scale((draws**2).sum(2).mean(1), (draws.mean(1) ** 2).sum(1), 1, 8)
    assert found.high == math.inf
    assert found.low >= 0


def test_fiellers_interval_covers() -> None:
    rng, covered = np.random.default_rng(0), 0
    for _ in range(1000):
        a = rng.normal(3, 1, 10)
        _, low, high = ratio_interval(a, 2 + 0.5 * (a - 3) + rng.normal(0, 0.5, 10))
        covered += low <= 1.5 <= high
    # Exact for normal pairs; four standard deviations of a share of 0.95 in 1,000 are 0.028.
    assert covered / 1000 == pytest.approx(0.95, abs=0.028)
    assert all(math.isnan(one) for one in ratio_interval([1.0, math.nan], [1.0, 2.0]))


def test_mistakes() -> None:
    with pytest.raises(UsageError, match="small < large"):
        noise_scale([1.0], [1.0], 8, 8)
    with pytest.raises(UsageError, match="multiple"):
        measure_noise_scale(torch.nn.Linear(1, 1), np.zeros((2, 1)), np.zeros(2), "regression", small=3, large=8)
