"""Reliability and temperature against closed forms, torch, and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, softmax

from ikura.metric.calibration import at_temperature, fit_temperature, reliability


def drawn(n: int, heat: float, seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are too sure by a known temperature, and classes drawn from the true ones."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (n, classes))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    target = (true.cumsum(1) > random.random((n, 1))).argmax(1)
    return at_temperature(true, 1 / heat), target


def test_heating_is_dividing_the_logits() -> None:
    logits = torch.randn(50, 4, dtype=torch.float64)
    for heat in (0.3, 1.0, 2.5):
        ours = at_temperature(softmax(logits, 1).numpy(), heat)
        np.testing.assert_allclose(ours, softmax(logits / heat, 1).numpy(), rtol=1e-9)


def test_the_temperature_is_that_of_least_cross_entropy() -> None:
    shares, target = drawn(2000, 2.0)
    found = fit_temperature(shares, target)
    logs, truth = torch.from_numpy(np.log(shares)), torch.from_numpy(target)
    grid = np.exp(np.linspace(-2, 2, 4001))
    losses = [float(cross_entropy(logs / heat, truth)) for heat in grid]
    assert found.value == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)
    assert found.before == pytest.approx(float(cross_entropy(logs, truth)), abs=1e-9)
    assert found.after == pytest.approx(min(losses), abs=1e-7)


def test_the_interval_holds_the_true_temperature() -> None:
    held = [
        found.low <= 2.0 <= found.high for seed in range(200) for found in [fit_temperature(*drawn(200, 2.0, seed))]
    ]
    # 95 % of 200: below 179 or above 199 in less than 1 of 1,000 tries.
    assert 179 <= sum(held) <= 199


def test_right_probabilities_are_left_alone_but_for_chance() -> None:
    changed = [fit_temperature(*drawn(200, 1.0, seed)).matters for seed in range(200)]
    assert sum(changed) <= 21
    assert all(fit_temperature(*drawn(400, 3.0, seed)).matters for seed in range(20))


def test_reliability_is_what_counting_gives() -> None:
    shares, target = drawn(3000, 2.0)
    found = reliability(shares, target)
    assert sum(one.rows for one in found.bins) == 3000
    sure, right = shares.max(1), shares.argmax(1) == target
    total, begin = 0.0, 0
    order = np.argsort(sure, kind="stable")
    for one in found.bins:
        here = order[begin : begin + one.rows]
        assert one.sure == pytest.approx(sure[here].mean())
        assert one.right == pytest.approx(right[here].mean())
        total += one.rows * abs(one.sure - one.right)
        begin += one.rows
    assert found.error == pytest.approx(total / 3000)
    assert found.error > found.chance
    assert "too sure" in found.sentence
    assert "too unsure" in reliability(*drawn(3000, 0.4)).sentence


def test_right_probabilities_stay_below_chance() -> None:
    beyond = sum(found.error > found.chance for seed in range(100) for found in [reliability(*drawn(300, 1.0, seed))])
    # 5 % of 100: above 14 in less than 1 of 1,000 tries.
    assert beyond <= 14


def test_one_probability_for_all() -> None:
    found = reliability(np.full((10, 2), 0.5), np.zeros(10, np.int64))
    assert len(found.bins) == 1
