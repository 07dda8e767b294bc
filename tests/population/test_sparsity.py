"""l1 makes weights exactly zero, at the minimum of the cost that is reported, by every rule and in every engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression

from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.update_rules import RULES

from ..sweep import swept

FULL = {"layers": 0, "batch_size": 1000, "schedule_shape": "cosine"}
EPOCHS = 3000
SQUARES = 2
"""Times that the loss of regression, a mean square, is scikit-learn's half of one."""

# Learning rates at which each rule comes to the minimum of a linear model on 120 standard normal examples.
RATES: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.05, "momentum": 0.8},
    "nesterov": {"learning_rate": 0.05, "momentum": 0.8},
    "adagrad": {"learning_rate": 0.3},
    "adadelta": {"learning_rate": 3.0},
    "rmsprop": {"learning_rate": 0.01},
    "smorms3": {"learning_rate": 0.1},
    "adam": {"learning_rate": 0.02},
    "adamw": {"learning_rate": 0.02, "weight_decay": 0.0},
}


def examples(shop: TrainingSetup) -> tuple[np.ndarray, np.ndarray]:
    train: Examples = shop.train
    return train.x, train.y


def weights(shop: TrainingSetup, rows: list[dict[str, Any]], epochs: int = EPOCHS) -> list[np.ndarray]:
    """Weights, bias last, at the end of training; the cost that was reported last is that of these weights."""
    training = shop.training([Member(number, FULL | row, 0) for number, row in enumerate(rows)])
    training.run(epochs)
    return [training.tile.extract(place)["weights"] for place in range(len(rows))]


@pytest.mark.parametrize("l1", swept([0.05, 0.4], core=["0.4"]))
def test_every_rule_comes_to_the_lasso(setup: Callable[..., TrainingSetup], l1: float) -> None:
    shop = setup("regression")
    x, y = examples(shop)
    # The loss is the mean square, the lasso's half of it.
    lasso = Lasso(alpha=l1 / SQUARES, tol=1e-12, max_iter=100_000).fit(x, y)
    assert (lasso.coef_ == 0).any()
    found = weights(shop, [{"optimizer": rule, "l1": l1} | RATES[rule] for rule in RULES])
    for rule, own in zip(RULES, found, strict=True):
        np.testing.assert_allclose(own[:-1], lasso.coef_, atol=2e-3, err_msg=rule)
        np.testing.assert_array_equal(own[:-1] == 0, lasso.coef_ == 0, err_msg=rule)


@pytest.mark.parametrize("way", ["compiled", "stacked"])
def test_both_engines_come_to_the_elastic_net(setup: Callable[..., TrainingSetup], way: str) -> None:
    shop = setup("regression", stacked=way == "stacked")
    x, y = examples(shop)
    # λ((1 - α) Σ|w| + α Σ w²) has l1 = λ(1 - α) and l2 = 2λα; scikit-learn's penalty is a(r Σ|w| + (1 - r)/2 Σ w²).
    strength, share = 0.3, 0.4
    l1, l2 = strength * (1 - share), 2 * strength * share
    ratio = l1 / (l1 + l2)
    net = ElasticNet(alpha=(l1 + l2) / SQUARES, l1_ratio=ratio, tol=1e-12, max_iter=100_000).fit(x, y)
    assert 0 < (net.coef_ == 0).sum() < len(net.coef_)
    [own] = weights(shop, [{"optimizer": "momentum", "l1": l1, "l2": l2} | RATES["momentum"]], epochs=400)
    np.testing.assert_allclose(own[:-1], net.coef_, atol=1e-6)
    np.testing.assert_array_equal(own[:-1] == 0, net.coef_ == 0)


def test_a_textbooks_penalties_are_these(setup: Callable[..., TrainingSetup]) -> None:
    """Of λ/2m Σ|w| with m examples l1 = λ/2m; of C Σ loss + 1/2 Σ w² l2 = 1/(C m); of C Σ loss + Σ|w| l1 = 1/(C m)."""
    shop = setup("binary")
    x, y = examples(shop)
    c, m = 0.2, len(x)
    for name, ratio in (("l2", 0.0), ("l1", 1.0)):
        model = LogisticRegression(l1_ratio=ratio, C=c, solver="saga", tol=1e-10, max_iter=100_000).fit(x, y)
        given = RATES["momentum"] | {"optimizer": "momentum", "learning_rate": 0.3, name: 1 / (c * m)}
        [own] = weights(shop, [given], epochs=800)
        np.testing.assert_allclose(own[:-1], model.coef_[0], atol=1e-4)
    assert (own[:-1] == 0).any()
    np.testing.assert_array_equal(own[:-1] == 0, model.coef_[0] == 0)


def test_sgd_is_the_proximal_gradient_method(setup: Callable[..., TrainingSetup]) -> None:
    """Step by step w ← S(w - α ∂L/∂w), S(u) = sign(u) max(|u| - αλ, 0), even where steps jump far beyond zero."""
    shop = setup("regression")
    x, y = examples(shop)
    alpha, l1 = 0.45, 0.2
    steady = {"optimizer": "sgd", "learning_rate": alpha, "l1": l1, "schedule_shape": "constant"}
    training = shop.training([Member(0, FULL | steady, 0)])
    w = training.tile.extract(0)["weights"].copy()
    jumped = 0
    for epoch in range(12):
        error = x @ w[:-1] + w[-1] - y
        u = w[:-1] - alpha * SQUARES / len(x) * (x.T @ error)
        jumped += int(((u * w[:-1] < 0) & (np.abs(u) > alpha * l1)).sum())
        w = np.append(np.sign(u) * np.maximum(np.abs(u) - alpha * l1, 0), w[-1] - alpha * SQUARES * error.mean())
        training.run(epoch + 1)
        np.testing.assert_allclose(training.tile.extract(0)["weights"], w, atol=1e-12)
    assert jumped


def test_momentum_of_a_course_is_this_one_at_another_rate() -> None:
    """V ← βv + (1 - β)g with α is v ← βv + g with α(1 - β)."""
    beta, alpha, w, v, other, u = 0.9, 0.1, 1.0, 0.0, 1.0, 0.0
    from ikura.population.update_rules import coefficients, momentum

    for step in range(1, 20):
        v = beta * v + (1 - beta) * w
        w -= alpha * v
        other, u = momentum(other, other, u, coefficients(alpha * (1 - beta), beta, 0.9, 0.999, 1e-8, step))
        assert other == pytest.approx(w, rel=1e-12)


def test_without_l1_nothing_changes_to_the_bit(setup: Callable[..., TrainingSetup]) -> None:
    """A neighbour's l1 neither; and a weight that an l1 of another member makes zero is its own."""
    shop = setup("multiclass", stacked=True)
    rows = [{"units": 5, "l1": 0.0}, {"units": 5, "l1": 0.1}]
    base = {"layers": 1, "batch_size": 30, "learning_rate": 0.01}
    alone = shop.training([Member(0, base | rows[0], 0)])
    both = shop.training([Member(k, base | row, 0) for k, row in enumerate(rows)])
    alone.run(5)
    both.run(5)
    np.testing.assert_allclose(both.curve(0), alone.curve(0), rtol=1e-12)
    first, second = (both.tile.extract(k)["weights"] for k in (0, 1))
    assert (second == 0).sum() > (first == 0).sum()
