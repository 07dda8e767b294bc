"""Laws of growth, the random potential, and walks, against cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.large_batch.distance import LAWS, compare_laws, fit_law, growth_alpha
from ikura.large_batch.potential import fit_potential, random_potential, walk_losses
from ikura.large_batch.random_walk import diffusion_rate, log_spaced_updates, walk
from ikura.metric import default_metric
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup

T = np.array(log_spaced_updates(5000, 30), float)


@pytest.mark.parametrize("law", LAWS)
@settings(deadline=None)
@given(st.floats(0.1, 5), st.floats(0.05, 1))
def test_the_true_law_is_found(law: str, first: float, second: float) -> None:
    exact = {"log": first + second * np.log(T), "sqrt": first + second * np.sqrt(T), "power": first * T**second}[law]
    fit = fit_law(law, T, exact)
    assert fit.numbers == pytest.approx((first, second), rel=1e-4)
    np.testing.assert_allclose(fit(T), exact, rtol=1e-4)
    assert fit.error < 1e-4


@pytest.mark.parametrize("law", LAWS)
def test_the_true_law_wins_under_noise(law: str) -> None:
    exact = {"log": 1 + 0.8 * np.log(T), "sqrt": 1 + 0.1 * np.sqrt(T), "power": 0.7 * T**0.3}[law]
    noisy = exact * (1 + 0.003 * np.random.default_rng(0).standard_normal(T.size))
    fits = compare_laws(T, noisy)
    assert min(fits, key=lambda name: fits[name].aic) == law
    assert min(fits, key=lambda name: fits[name].error) == law


@settings(deadline=None)
@given(st.floats(0.5, 4))
def test_alpha_of_the_growth_law(alpha: float) -> None:
    t = T[T > 1]
    assert growth_alpha(t, 3 * np.log(t) ** (2 / alpha)) == pytest.approx(alpha, rel=1e-4)


def test_too_few_points() -> None:
    with pytest.raises(UsageError, match="six points"):
        fit_law("log", [1, 2, 3], [1, 2, 3])
    with pytest.raises(UsageError, match="unknown law 'lg'"):
        fit_law("lg", T, T)
    with pytest.raises(UsageError, match="above 1"):
        growth_alpha([1, 2], [1, 2])


LINEAR = np.random.default_rng(0).standard_normal(40)


@pytest.mark.parametrize(
    ("potential", "alpha"),
    [
        (lambda w: float(LINEAR @ w), 2.0),
        (lambda w: float(LINEAR @ w**2), 4.0),
        (lambda w: float(LINEAR @ np.abs(w) ** 0.5), 1.0),
    ],
)
def test_alpha_of_homogeneous_potentials(potential: object, alpha: float) -> None:
    # Homogeneous of degree k about 0: every direction's loss is r^k times its own factor, so the fit is exact.
    losses = walk_losses(potential, np.zeros(40), 30)  # type: ignore[arg-type]
    found = fit_potential(losses)
    assert found.alpha == pytest.approx(alpha, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((alpha, alpha), abs=1e-9)


def test_the_interval_of_alpha_covers() -> None:
    lengths, covered, tries = (1.0, 2.0, 4.0, 8.0), 0, 200
    for seed in range(tries):
        draws = np.random.default_rng(seed).standard_normal((60, 1))
        losses = (
            draws * np.array(lengths) ** 0.75 * (1 + 0.3 * np.random.default_rng([seed, 1]).standard_normal((60, 4)))
        )
        found = fit_potential(losses, lengths, resamples=200, seed=seed)
        covered += found.low <= 1.5 <= found.high
    # The bootstrap covers a little less than it says with 60 directions; four standard deviations of 200 are 0.06.
    assert covered / tries > 0.95 - 0.03 - 0.06


def test_a_networks_potential_leaves_it_alone() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    rng = np.random.default_rng(0)
    found = random_potential(
        net, rng.standard_normal((20, 3)).astype(np.float32), np.arange(20) % 2, "multiclass", directions=5
    )
    assert found.low <= found.alpha <= found.high
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_dropout_is_off_and_weights_that_do_not_learn_stay() -> None:
    torch.manual_seed(0)
    first, last = torch.nn.Linear(3, 8), torch.nn.Linear(8, 2)
    x, y = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32), np.arange(20) % 2
    plain = random_potential(torch.nn.Sequential(first, torch.nn.ReLU(), last), x, y, "multiclass", directions=5)
    dropped = torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Dropout(0.5), last)
    assert random_potential(dropped, x, y, "multiclass", directions=5) == plain
    assert dropped[2].training
    first.requires_grad_(False)
    still = random_potential(torch.nn.Sequential(first, torch.nn.ReLU(), last), x, y, "multiclass", directions=5)
    hidden = torch.relu(first(torch.from_numpy(x))).numpy()
    assert still == random_potential(last, hidden, y, "multiclass", directions=5)


def setup() -> TrainingSetup:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 3))
    examples = Examples(x, np.zeros((50, 0), np.int32), x @ np.array([1.0, -1, 2]))
    return TrainingSetup(examples, examples, Scorer("regression", default_metric("regression")), 1, dtype="float64")


def test_a_walk_is_plain_gradient_descent() -> None:
    shop, looks = setup(), [1, 2, 7, 10, 23]
    values = {"layers": 0, "optimizer": "sgd", "learning_rate": 0.05, "batch_size": 8}
    found = walk(shop, [Member(0, values, 3), Member(1, values | {"learning_rate": 0.01}, 3)], looks)
    assert found.shape == (2, 5, 2)
    net = shop.module(Member(0, values, 3)).double()
    origin = [p.detach().clone() for p in net.parameters()]
    rule, done, expected = torch.optim.SGD(net.parameters(), 0.05), 0, []
    for epoch in range(10):
        ordered = shop.train.ordered(3, epoch)
        # An epoch of 50 examples has six whole mini-batches of 8; the rest is left out.
        for begin in range(0, 48, 8):
            if done < 23:
                rule.zero_grad()
                target = torch.from_numpy(ordered.y[begin : begin + 8])
                ((net(torch.from_numpy(ordered.x[begin : begin + 8]))[:, 0] - target) ** 2).mean().backward()
                rule.step()
                done += 1
                if done in looks:
                    expected.append([(p - o).norm().item() for p, o in zip(net.parameters(), origin, strict=True)])
    np.testing.assert_allclose(found[0], expected, rtol=1e-10)


def test_walks_have_a_constant_rate_and_one_size() -> None:
    shop, values = setup(), {"layers": 0, "batch_size": 8}
    with pytest.raises(UsageError, match="one batch size"):
        walk(shop, [Member(0, values, 0), Member(1, values | {"batch_size": 4}, 0)], [1])
    with pytest.raises(UsageError, match="constant learning rate"):
        walk(shop, [Member(0, values | {"schedule_shape": "cosine"}, 0)], [1])
    with pytest.raises(UsageError, match="mini-batch of 99"):
        walk(shop, [Member(0, values | {"batch_size": 99}, 0)], [1])
    assert diffusion_rate([1, np.e, np.e**2], [0.0, 2.0, 4.0]) == pytest.approx(2)
