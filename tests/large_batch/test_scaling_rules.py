"""Scaling rules against what they are to keep constant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.large_batch.scaling_rules import candidates, scaled
from ikura.population.update_rules import RULES
from ikura.space import DEFAULTS

RATIOS = st.floats(1, 512)
RATES = st.floats(1e-5, 1)
MANY = 1_000_000
"""Updates beside which every memory is short."""


def values(optimizer: str, **given: Any) -> dict[str, Any]:
    return {**DEFAULTS, **RULES[optimizer].defaults, "optimizer": optimizer, **given}


@given(RATES, RATIOS)
def test_the_root_keeps_the_covariance_of_a_step_and_the_linear_rule_its_progress(rate: float, ratio: float) -> None:
    small = values("sgd", learning_rate=rate)
    root = scaled(small, ratio, "sqrt", MANY).changes["learning_rate"]
    linear = scaled(small, ratio, "linear", MANY).changes["learning_rate"]
    # Covariance of a step: rate² / batch; progress for each example: rate / batch. Three roundings of 1e-16 each.
    assert root**2 / ratio == pytest.approx(rate**2, rel=1e-15)
    assert linear / ratio == pytest.approx(rate, rel=1e-15)


@given(RATES, RATIOS, st.floats(0, 0.99), st.integers(1, 3000), st.sampled_from(["momentum", "nesterov"]))
def test_the_effective_rate_is_what_is_scaled(
    rate: float, ratio: float, beta: float, updates: int, optimizer: str
) -> None:
    found = scaled(values(optimizer, learning_rate=rate, momentum=beta), ratio, "linear", updates).changes
    after = found.get("momentum", beta)
    # (1 - β) loses at most a factor 1/(1 - β) = 100 of the 1e-16.
    assert found["learning_rate"] / (1 - after) == pytest.approx(ratio * rate / (1 - beta), rel=1e-13)
    assert after <= beta
    # The memory is renewed ten times, or there is none.
    assert after == 0 or updates * (1 - after) >= 10 * (1 - 1e-6)


def test_momentum_stays_where_its_memory_is_short() -> None:
    assert "momentum" not in scaled(values("momentum", momentum=0.9), 16, "sqrt", 100).changes
    assert scaled(values("momentum", momentum=0.9), 16, "sqrt", 99).changes["momentum"] < 0.9


@given(RATIOS, st.floats(0.9, 0.99999), st.sampled_from(["adam", "adamw", "rmsprop"]))
def test_squared_gradients_are_remembered_over_as_many_examples(ratio: float, beta2: float, optimizer: str) -> None:
    found = scaled(values(optimizer, beta2=beta2), ratio, "sqrt", MANY).changes
    if beta2 == 0.9:
        assert "beta2" not in found
        return
    wanted = 1 - ratio * (1 - beta2)
    # Rounded to twelve places.
    assert found["beta2"] == pytest.approx(max(wanted, 0.9), abs=1e-11)
    assert found["learning_rate"] == pytest.approx(ratio**0.5 * DEFAULTS["learning_rate"], rel=1e-15)


@pytest.mark.parametrize("optimizer", ["adadelta", "smorms3"])
def test_rules_that_set_their_own_steps_are_left_alone(optimizer: str) -> None:
    (rule,) = candidates("auto", optimizer)
    assert scaled(values(optimizer), 8, rule, MANY).changes == {}
    assert scaled(values(optimizer), 9, "sqrt", MANY).changes == {"learning_rate": 3 * DEFAULTS["learning_rate"]}


@pytest.mark.parametrize("rule", ["sqrt", "linear", "none"])
@pytest.mark.parametrize("ratio", [1.5, 4, 32])
def test_an_average_of_weights_spans_as_many_examples(ratio: float, rule: str) -> None:
    given = values("smorms3" if rule == "none" else "adam") | {"ema_decay": 0.99}
    found = scaled(given, ratio, rule, MANY)
    # The weight that is left of one update after the examples of 100 small ones; rounded to twelve places.
    assert found.changes["ema_decay"] ** (100 / ratio) == pytest.approx(0.99**100, rel=1e-9)
    assert "as many examples" in found.reason
    assert "ema_decay" not in scaled(given | {"ema_decay": 0.0}, ratio, rule, MANY).changes


@pytest.mark.parametrize("optimizer", RULES)
def test_auto_settles_on_rules_that_can_be_applied(optimizer: str) -> None:
    for rule in candidates("auto", optimizer):
        assert scaled(values(optimizer), 4, rule, MANY).reason


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown rule 'lienar', did you mean 'linear'"):
        candidates("lienar", "sgd")
    with pytest.raises(UsageError, match="unknown rule"):
        scaled(values("sgd"), 2, "lienar", 10)
