from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.space import DEFAULTS, HYPERPARAMETERS, TIERS, default_space, log
from ikura.space.discrete import Choice, Integer
from ikura.space.hyperparameter_table import TABLE
from ikura.space.hyperparameters import EFFECTS


@pytest.mark.parametrize(("trials", "tier"), [(1, 1), (15, 1), (16, 2), (47, 2), (48, 3), (511, 3), (512, 4)])
def test_a_larger_budget_opens_the_next_tier(trials: int, tier: int) -> None:
    opened = {one.name for one in TABLE if one.tables is not None and one.tables.tier <= tier}
    # Coefficients of update rules bring the choice of the rule with them.
    needed = {need.name for name in opened for needs in EFFECTS[name].needs for need in needs}
    opened |= needed & {"optimizer"}
    found = default_space(trials, rows=344, features=7)
    assert found.tier == tier
    assert set(found.opened) == opened
    assert found.opened[0] == "learning_rate"
    assert set(found.space.dimensions) == opened
    assert all(name in found.explanation for name in opened)
    assert "\n" not in found.explanation


@given(st.integers(1, 10_000), st.integers(1, 10_000_000), st.integers(1, 100_000))
def test_closed_ones_keep_their_defaults(trials: int, rows: int, features: int) -> None:
    found = default_space(trials, rows, features)
    found.space.validate(HYPERPARAMETERS)
    for name, one in found.space.items():
        if name not in found.opened and name != "batch_size":
            assert one.from_unit(0.5) == DEFAULTS[name]
    sizes = found.space["batch_size"]
    options = sizes.options if isinstance(sizes, Choice) else (sizes.from_unit(0.5),)
    assert all(isinstance(size, int) and size & (size - 1) == 0 for size in options)
    assert all(size <= 0.6 * rows for size in options[1:])


def test_every_hyperparameter_has_a_default_and_a_line() -> None:
    assert list(DEFAULTS) == list(HYPERPARAMETERS)
    assert {name for tier in TIERS for name in tier.names} <= set(HYPERPARAMETERS)
    assert all(line and "\n" not in line for line in HYPERPARAMETERS.values())


def test_an_update_rule_brings_its_own_coefficients() -> None:
    space = default_space(600, 344, 7).space
    point = dict.fromkeys(space.dimensions, 0.5)
    own = {"momentum", "beta1", "beta2", "epsilon"}
    optimizer = space["optimizer"]
    expected = {
        "adam": {"beta1", "beta2", "epsilon"},
        "momentum": {"momentum"},
        "rmsprop": {"beta2", "epsilon"},
        "sgd": set(),
    }
    for rule, names in expected.items():
        assert set(space.from_unit({**point, "optimizer": optimizer.to_unit(rule)})) & own == names


def test_momentum_can_be_asked_for_with_the_smallest_budget() -> None:
    space = default_space(4, 344, 7).space.replace(optimizer="momentum")
    assert "beta1" not in space
    assert space["learning_rate"] == log(1e-4, 1)


def test_sizes_follow_the_table() -> None:
    small, large = default_space(64, 344, 7).space, default_space(64, 300_000, 50).space
    assert small["batch_size"] == Choice((16, 32, 64, 128))
    assert large["batch_size"] == Choice((128, 256, 512, 1024))
    assert default_space(64, 60, 7).space["batch_size"] == Choice((16, 32))
    assert default_space(64, 20, 7).space["batch_size"].from_unit(0.5) == 16
    assert small["units"] == Integer(8, 128, log=True)
    assert large["units"] == Integer(16, 128, log=True)


@pytest.mark.parametrize("arguments", [(0, 10, 1), (10, 0, 1), (10, 10, 0)])
def test_refused(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="must be at least 1, but got 0"):
        default_space(*arguments)
