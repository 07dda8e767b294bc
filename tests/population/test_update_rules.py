"""Every update rule equals its counterpart in torch.optim, step for step, on tensors and in the compiled kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ikura.errors import UsageError
from ikura.population.kernel.update import apply_rule, one_of_rules
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.update_rules import RULES, Coefficients, Rule, StepSize, coefficients, rule

from .reference import optimizer

STEPS, WEIGHTS = 20, 13

# A step is some ten roundings of 2**-53 of numbers of size about 1; 20 steps: 20 * 10 * 2**-53 = 2e-14, and fifty times
# that for what an adaptive rule makes of a rounding when a gradient is small. Measured: 2e-16.
RELATIVE = 1e-12


def member(place: int) -> dict[str, float]:
    """Coefficients in which members differ in everything."""
    return {
        "learning_rate": [0.03, 0.2, 0.005][place],
        "momentum": [0.9, 0.1, 0.5][place],
        "beta1": [0.9, 0.5, 0.0][place],
        "beta2": [0.999, 0.9, 0.99][place],
        "epsilon": [1e-8, 1e-3, 1e-6][place],
    }


def start() -> np.ndarray:
    """Weights of three members."""
    return np.random.default_rng(0).standard_normal((3, WEIGHTS))


def gradient(w: Any, step: int) -> Any:
    """Gradient of a noisy quadratic, the same function of numpy arrays and tensors."""
    rng = np.random.default_rng([1, step])
    curvature, noise = rng.uniform(0.5, 2, WEIGHTS), rng.standard_normal(WEIGHTS)
    if isinstance(w, torch.Tensor):
        return torch.from_numpy(curvature) * w + torch.from_numpy(noise)
    return curvature * w + noise


def expected(name: str) -> np.ndarray:
    """Weights after every step by torch.optim: shape (steps, members, weights)."""
    every = []
    for place, w0 in enumerate(start()):
        w = torch.from_numpy(w0.copy()).requires_grad_()
        reference = optimizer({"optimizer": name, "weight_decay": 0.0} | member(place), [w], [])
        path = []
        for step in range(STEPS):
            w.grad = gradient(w.detach(), step)
            reference.step()
            path.append(w.detach().numpy().copy())
        every.append(path)
    return np.array(every).swapaxes(0, 1)


@pytest.mark.parametrize("name", RULES)
def test_on_tensors(name: str) -> None:
    w = torch.from_numpy(start())
    moments = [torch.zeros_like(w) for _ in range(RULES[name].moments)]
    for step, wanted in enumerate(expected(name)):
        table = torch.tensor([coefficients(**member(place), step=step + 1) for place in range(3)], dtype=torch.float64)
        c = Coefficients(*(table[:, i : i + 1] for i in range(table.shape[1])))
        w, *moments = RULES[name].update(w, gradient(w, step), *moments, c)
        np.testing.assert_allclose(w, wanted, rtol=RELATIVE, atol=RELATIVE)


@pytest.mark.parametrize("name", RULES)
def test_in_the_kernel(name: str) -> None:
    w = start()
    moments = np.zeros((3, RULES[name].moments * WEIGHTS))
    for step, wanted in enumerate(expected(name)):
        for place in range(3):
            c = coefficients(**member(place), step=step + 1)
            g = gradient(w[place], step)
            apply_rule(RULES[name].code, w[place], g, moments[place], c)
        np.testing.assert_allclose(w, wanted, rtol=RELATIVE, atol=RELATIVE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_nan_stays_with_its_weight(name: str, dtype: str) -> None:
    w, moments = np.ones(5, dtype), np.zeros(5 * RULES[name].moments, dtype)
    c = Coefficients(*(np.dtype(dtype).type(x) for x in coefficients(**member(0), step=1)))
    apply_rule(RULES[name].code, w, np.array([1, 1, np.nan, 1, 1], dtype), moments, c)
    assert np.isnan(w).tolist() == [False, False, True, False, False]
    assert not moments.size or np.isnan(moments.reshape(-1, 5)).any(0).tolist() == np.isnan(w).tolist()


@pytest.mark.parametrize("name", RULES)
def test_what_a_rule_says_it_uses(name: str) -> None:
    other = {"learning_rate": 0.11, "momentum": 0.4, "beta1": 0.3, "beta2": 0.7, "epsilon": 0.1}
    found = {}
    for changed in ("", *other):
        w, moments = np.ones(1), np.zeros(RULES[name].moments)
        given = member(0) | ({changed: other[changed]} if changed else {})
        for step in (1, 2, 3):
            apply_rule(RULES[name].code, w, np.array([step - 3.5]), moments, coefficients(**given, step=step))
        found[changed] = w[0]
    assert {n for n in other if found[n] != found[""]} == {"learning_rate", *RULES[name].uses}


def test_rules_share_a_number_in_the_kernel_only_with_their_update() -> None:
    assert len({one.code for one in RULES.values()}) == len({one.update for one in RULES.values()})
    assert all(RULES[name].name == name for name in RULES)


def polyak(w: Any, g: Any, v: Any, c: Coefficients) -> tuple[Any, Any]:
    """Momentum under another name: a tenth rule whose results are known."""
    v = c.momentum * v + g
    return w - c.learning_rate * v, v


@pytest.fixture
def tenth(monkeypatch: pytest.MonkeyPatch) -> Rule:
    """A made-up rule at the end of the table."""
    added = Rule("polyak", polyak, 1, StepSize.GRADIENT, ("momentum",))
    monkeypatch.setitem(RULES, added.name, added)
    return added


def test_a_line_of_the_table_is_all_that_a_tenth_rule_takes_in_the_kernel(tenth: Rule) -> None:
    apply = one_of_rules(RULES.values())
    for rule_of_table in RULES.values():
        w, g, moments = start()[0], start()[1], np.zeros(rule_of_table.moments * WEIGHTS)
        w_known, moments_known = w.copy(), moments.copy()
        known = RULES["momentum"] if rule_of_table is tenth else rule_of_table
        for step in (1, 2):
            c = coefficients(**member(0), step=step)
            apply(rule_of_table.code, w, g, moments, c)
            apply_rule(known.code, w_known, g, moments_known, c)
        np.testing.assert_allclose(w, w_known, rtol=1e-14)
        np.testing.assert_allclose(moments, moments_known, rtol=1e-14)


def test_a_rule_that_the_kernel_was_not_compiled_with_is_refused(
    setup: Callable[..., TrainingSetup], tenth: Rule
) -> None:
    given = {"units": 4, "layers": 1, "batch_size": 20, "learning_rate": 0.1, "momentum": 0.5}
    compiled, stacked = (setup("binary", (20,), stacked=way) for way in (False, True))
    made_up, momentum = (Member(0, given | {"optimizer": name}, 7) for name in ("polyak", "momentum"))
    with pytest.raises(ValueError, match="the kernel has no update rule of this number"):
        compiled.tile([made_up]).train_epoch(compiled.train, 0)
    weights = []
    for one in (made_up, momentum):
        tile = stacked.tile([one])
        tile.train_epoch(stacked.train, 0)
        weights.append(tile.flat(0))
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("code", [-1, max(one.code for one in RULES.values()) + 1])
def test_a_number_of_no_rule_is_refused(code: int) -> None:
    w = start()[0]
    with pytest.raises(ValueError, match="the kernel has no update rule of this number"):
        apply_rule(code, w, w, w, coefficients(**member(0), step=1))


@pytest.mark.parametrize("step", [1, 2, 50])
def test_corrections_of_the_moments(step: int) -> None:
    c = coefficients(0.1, 0.9, 0.8, 0.95, 1e-8, step)
    # A gradient of constant 1 has moments 1 - β^t, which the corrections bring back to 1; a few roundings.
    assert (1 - 0.8**step) * c.correction1 == pytest.approx(1, rel=1e-14)
    assert (1 - 0.95**step) * c.correction2**2 == pytest.approx(1, rel=1e-14)


def test_a_mistyped_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError, match="'adm', did you mean 'adam'"):
        rule("adm")
