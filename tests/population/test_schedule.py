"""Learning rates: equal to torch's schedulers step for step, and what holds for every shape."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.population.feedback_rates import BEGIN, distance, plateau
from ikura.population.schedule import SHAPES, learning_rates, shape
from ikura.space import DEFAULTS

from .reference import Schedulers

TIMED = [name for name, one in SHAPES.items() if not one.follows]


def rates(values: dict[str, Any], steps: int, epochs: int) -> np.ndarray:
    """Learning rate of every step of a training."""
    every = [np.broadcast_to(learning_rates(values, epoch, steps, epochs), steps) for epoch in range(epochs)]
    return np.concatenate(every)


def of_torch(values: dict[str, Any], steps: int, epochs: int) -> np.ndarray:
    """The same by torch's schedulers."""
    rule = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], values["learning_rate"])
    schedulers, found = Schedulers(rule, values, steps, epochs), []
    for _ in range(epochs):
        for _ in range(steps):
            found.append(float(rule.param_groups[0]["lr"]))
            rule.step()
            schedulers.step()
        schedulers.epoch(0.0)
    return np.array(found)


@pytest.mark.parametrize("name", TIMED)
@given(data=st.data(), steps=st.integers(1, 7), epochs=st.integers(1, 12))
def test_equals_torch_step_for_step(name: str, data: st.DataObject, steps: int, epochs: int) -> None:
    own = data.draw(
        st.fixed_dictionaries(
            {
                "learning_rate": st.floats(1e-3, 10),
                "learning_rate_decay": st.floats(0, 2),
                "step_epochs": st.integers(1, 5),
                "step_factor": st.floats(0.1, 1),
                "pieces": st.sampled_from(["", "0:0.1 2:1 5:0.03", "3:0.5"]),
                "initial_share": st.floats(0.01, 1),
                "peak_at": st.floats(0.1, 0.9),
            }
        )
    )
    if name in ("cosine", "flat_cos", "coslog", "one_cycle"):
        own["final_share"] = data.draw(st.floats(1e-4, 1))
    if name == "one_cycle":
        assume(own["peak_at"] * steps * epochs > 1)
    elif name not in ("inverse_time", "pieces") and not own.get("final_share"):
        own["warm_up"] = data.draw(st.sampled_from([0.0, 1.0, 3.0]))
    values = DEFAULTS | own | {"schedule_shape": name}
    # Torch goes from step to step by factors, at most 84 of them, each rounded, and cosine near its end divides by
    # 1 + cos of nearly π, which is 1e-3 at 84 steps.
    np.testing.assert_allclose(rates(values, steps, epochs), of_torch(values, steps, epochs), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", SHAPES)
@given(st.floats(0, 12), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.9), st.integers(1, 9), st.integers(1, 12))
def test_every_shape_stays_between_its_floor_and_the_learning_rate(
    name: str, warm_up: float, final: float, initial: float, peak: float, steps: int, epochs: int
) -> None:
    values = DEFAULTS | {
        "schedule_shape": name, "learning_rate": 0.3, "learning_rate_decay": 0.7, "step_epochs": 1.5,
        "step_factor": 0.2, "pieces": "0:0.4 3:1 6:0.01",
        "warm_up": warm_up, "final_share": final, "initial_share": initial, "peak_at": peak,
    }  # fmt: skip
    found = rates(values, steps, epochs)
    assert found.shape == (steps * epochs,)
    assert (found <= 0.3 * (1 + 1e-12)).all()
    assert (found[ceil(warm_up * steps) :] >= 0.3 * min(final, initial if name == "one_cycle" else 1) - 1e-12).all()
    beyond = learning_rates(values, epochs + 50, steps, epochs)
    if name in ("cosine", "flat_cos", "coslog") or (name == "one_cycle" and steps * epochs > 1 and peak < 1):
        np.testing.assert_allclose(beyond, 0.3 * final, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SHAPES)
def test_only_what_changes_within_an_epoch_has_a_rate_for_each_step(name: str) -> None:
    values = DEFAULTS | {"schedule_shape": name}
    assert len(learning_rates(values, 3, 40, 10)) == (40 if SHAPES[name].continuous else 1)
    assert len(learning_rates(values | {"warm_up": 3.5}, 3, 40, 10)) == 40


def test_the_default_is_a_constant() -> None:
    assert [learning_rates(DEFAULTS, epoch, 10) for epoch in range(3)] == [[DEFAULTS["learning_rate"]]] * 3


losses = st.lists(st.floats(1e-3, 10) | st.sampled_from([1.0, 0.9999, 0.99985, 0.9]), min_size=1, max_size=30)


@given(losses, st.integers(0, 4), st.floats(0.1, 1), st.floats(0, 0.5))
def test_plateau_equals_torch(losses: list[float], patience: int, factor: float, final: float) -> None:
    assume(factor < 1)
    values = DEFAULTS | {"step_factor": factor, "plateau_patience": patience, "final_share": final}
    rule = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    wanted = torch.optim.lr_scheduler.ReduceLROnPlateau(rule, factor=factor, patience=patience, min_lr=final, eps=0)
    state = BEGIN
    for epoch, loss in enumerate(losses):
        wanted.step(loss)
        state = plateau(state, loss, epoch, values)
        assert state[0] == rule.param_groups[0]["lr"]


def test_each_growth_of_the_distance_is_a_drop() -> None:
    values = DEFAULTS | {"step_factor": 0.5, "distance_growth": 2.0}
    state, shares = BEGIN, []
    for epoch, travelled in enumerate([3.0, 4.0, 6.1, 5.0, 30.0, 20.0]):
        state = distance(state, travelled, epoch, values)
        shares.append(state[0])
    assert shares == [1, 1, 0.5, 0.5, 0.125, 0.125]


def test_the_distance_is_measured_by_the_first_epoch_after_the_warm_up() -> None:
    values = DEFAULTS | {"step_factor": 0.5, "distance_growth": 2.0, "warm_up": 1.5}
    state, shares = BEGIN, []
    for epoch, travelled in enumerate([0.1, 1.0, 3.0, 5.0, 6.1]):
        state = distance(state, travelled, epoch, values)
        shares.append(state[0])
    assert shares == [1, 1, 1, 1, 0.5]


def test_drops_of_a_logarithmic_walk_come_later_and_later() -> None:
    values = DEFAULTS | {"step_factor": 0.5, "distance_growth": 1.5}
    state, drops = BEGIN, []
    for epoch in range(1, 401):
        after = distance(state, np.log(1 + 10 * epoch), epoch - 1, values)
        drops += [epoch] * (after[0] < state[0])
        state = after
    # log(1 + 10 e) reaches 1.5^k log(11) at e = (11^(1.5^k) - 1) / 10.
    assert drops == [ceil((11 ** (1.5**k) - 1) / 10) for k in (1, 2, 3)]


def test_a_floor_stops_the_drops() -> None:
    values = DEFAULTS | {"step_factor": 0.1, "distance_growth": 1.1, "final_share": 0.05, "plateau_patience": 0}
    assert distance((1.0, 1.0, 0.0), 100.0, 5, values)[0] == 0.05
    assert plateau((0.06, 1.0, 0.0), 2.0, 5, values)[0] == 0.05


def test_a_mistyped_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError, match="'cosin', did you mean 'cosine'"):
        shape("cosin")
