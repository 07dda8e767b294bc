"""Hyperparameters of a member: what they may be, and the learning rate of an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.population.member import Hyperparameters, Member, check_value
from ikura.space import DEFAULTS

ALLOWED: dict[str, list[Any]] = {
    "learning_rate": [0, 1e-6, 1e30],
    "momentum": [0, 0.999],
    "beta1": [0.0, 0.999999],
    "beta2": [0.0, 0.999999],
    "epsilon": [0, 1.0],
    "layers": [0, 64],
    "units": [1, 8.0, 1_000_000],
    "batch_size": [1, 32.0, 10**9],
    "learning_rate_decay": [0, 5],
    "l2": [0, 100],
    "dropout": [0, 0.999],
    "activation": ["relu"],
    "optimizer": ["sgd"],
    "initialisation": ["zeros"],
    "flip": [1, 0.5],
    "rotation": [180],
    "crop": [4, 2.5],
    "colour": [0.3],
    "contrast": [1],
    "noise": [0.1, 3],
    "erasing": [0.25],
}
REFUSED: dict[str, list[Any]] = {
    "learning_rate": [-1e-9, float("nan"), "0.1", None, True],
    "momentum": [1, 1.5, -0.1],
    "beta1": [1, -0.1, float("nan")],
    "beta2": [1, -0.1],
    "epsilon": [-1e-9],
    "layers": [-1, 65, 1.5],
    "units": [0, 1_000_001, 2.5, "8"],
    "batch_size": [0, 0.5, 1.5, -1, float("inf")],
    "learning_rate_decay": [-0.1],
    "l2": [-1e-9],
    "dropout": [1, 1.5, -0.1],
    "activation": ["rel", None],
    "optimizer": ["adm", 3],
    "initialisation": ["hee", 0.5],
    "flip": [1.1, -0.1, True],
    "rotation": [181, "10"],
    "crop": [-1, float("inf")],
    "colour": [1.5, None],
    "contrast": [-0.5],
    "noise": [float("nan"), -1],
    "erasing": [1.5],
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_values(name: str) -> None:
    for value in (DEFAULTS[name], *ALLOWED[name]):
        check_value(name, value, built_in=True)
    for value in REFUSED[name]:
        with pytest.raises(UsageError) as caught:
            check_value(name, value, built_in=True)
        assert repr(value) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_only_a_built_in_network_has_is_free_for_others() -> None:
    for name in ("layers", "units", "dropout", "activation", "initialisation", "noise"):
        check_value(name, "wide", built_in=False)
    with pytest.raises(UsageError, match="batch_size"):
        check_value("batch_size", "wide", built_in=False)


def test_a_message_names_the_trial() -> None:
    with pytest.raises(UsageError, match=r"trial 7: momentum must be a number of at least 0 and below 1, but is 1\.5"):
        Member(7, {"momentum": 1.5}, 0)


def test_what_is_left_out_has_its_default() -> None:
    values = Member(0, {"units": 3, "own": "x"}, 0).values
    assert values == {**DEFAULTS, "units": 3, "own": "x"}
    assert values.own == values["own"]
    with pytest.raises(AttributeError, match="no hyperparameter 'unit'"):
        Hyperparameters(units=1).unit  # noqa: B018


@given(st.floats(1e-6, 10), st.floats(0, 10), st.integers(0, 1000))
def test_learning_rate_decays_with_the_epoch(rate: float, decay: float, epoch: int) -> None:
    member = Member(0, {"learning_rate": rate, "learning_rate_decay": decay}, 0)
    assert member.learning_rate(0) == rate
    # Three operations in either order.
    assert 1 / member.learning_rate(epoch) == pytest.approx((1 + decay * epoch) / rate, rel=1e-14)
    assert np.diff([member.learning_rate(e) for e in range(5)]).max() <= 0
