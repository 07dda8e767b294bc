"""Every update rule, schedule and regulariser: what each of them must do, in the kernel and stacked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.schedule import SHAPES
from ikura.population.setup import TrainingSetup
from ikura.population.update_rules import RULES

from ..sweep import swept
from .reference import Net, train_by_hand
from .table import EVERY_ROW, NETWORK, RULE_ROWS, SCHEDULES, Row

EPOCHS = 5
WAYS = pytest.mark.parametrize("way", ["compiled", "stacked"])
OF_EVERY_ROW = pytest.mark.parametrize("row", EVERY_ROW, ids=str)

# Float64 rounds by 1e-16; an output is a few hundred operations, and 25 steps amplify differences some hundred times at
# these learning rates: 1e-16 * 300 * 100 = 3e-12, and ten times that for rules that divide by small numbers.
RELATIVE = 3e-11


def test_every_rule_and_every_shape_has_a_row() -> None:
    assert [row.name for row in RULE_ROWS] == list(RULES)
    assert {row.given["schedule_shape"] for row in SCHEDULES} == set(SHAPES)


def by_hand(setup: TrainingSetup, member: Member, coupled: bool = False) -> np.ndarray:
    """The reference's curve."""
    net = Net(member, setup.train.x.shape[1], setup.outputs, setup.cardinalities, setup)
    return train_by_hand(setup, member, net, EPOCHS, coupled)


def curve(setup: TrainingSetup, member: Member) -> np.ndarray:
    """The member's curve when it is alone."""
    training = setup.training([member])
    training.run(EPOCHS)
    return training.curve(0)


@pytest.mark.parametrize("task", swept(["binary", "multiclass"], core=["multiclass"]))
@OF_EVERY_ROW
def test_equals_an_ordinary_loop(setup: Callable[..., TrainingSetup], row: Row, task: str) -> None:
    member = Member(0, row.hyperparameters, 7)
    compiled, stacked = (setup(task, (20,), stacked=way) for way in (False, True))
    expected = by_hand(compiled, member)
    np.testing.assert_allclose(curve(compiled, member), expected, rtol=RELATIVE)
    np.testing.assert_allclose(curve(stacked, member), expected, rtol=RELATIVE)


@pytest.mark.parametrize("decay", ["l2", "weight_decay"])
@pytest.mark.parametrize("row", RULE_ROWS, ids=str)
def test_decays_weights_as_parameter_groups_do(setup: Callable[..., TrainingSetup], row: Row, decay: str) -> None:
    if (row.name, decay) == ("adamw", "l2"):
        pytest.skip("AdamW's parameter groups decay in the other way")
    member = Member(0, row.hyperparameters | {decay: 0.1}, 7)
    compiled, stacked = (setup("regression", (20,), stacked=way) for way in (False, True))
    expected = by_hand(compiled, member, coupled=True)
    np.testing.assert_allclose(curve(compiled, member), expected, rtol=RELATIVE)
    np.testing.assert_allclose(curve(stacked, member), expected, rtol=RELATIVE)


@pytest.mark.parametrize("row", [row for row in EVERY_ROW if row.name not in RULES], ids=str)
def test_makes_a_difference(setup: Callable[..., TrainingSetup], row: Row) -> None:
    plain = {n: v for n, v in row.hyperparameters.items() if n not in row.given or n in ("learning_rate", "optimizer")}
    made = setup("multiclass")
    same = np.array_equal(curve(made, Member(0, row.hyperparameters, 7)), curve(made, Member(0, plain, 7)))
    assert same == (row.name == "constant")


@pytest.fixture(scope="module")
def together() -> dict[str, dict[str, np.ndarray]]:
    """Curves of a population of all rows, by way."""
    return {}


@WAYS
@OF_EVERY_ROW
def test_trains_alone_as_among_all_the_others(
    setup: Callable[..., TrainingSetup], together: dict[str, dict[str, np.ndarray]], row: Row, way: str
) -> None:
    made = setup("multiclass", (20,), stacked=way == "stacked")
    if way not in together:
        together[way] = {}
        # Stacked members share the form of their encoding; all others are one tile.
        for tile in pack(made, [Member(n, one.hyperparameters, 7) for n, one in enumerate(EVERY_ROW)], len(EVERY_ROW)):
            training = made.training(tile)
            training.run(EPOCHS)
            together[way] |= {str(EVERY_ROW[one.number]): training.curve(place) for place, one in enumerate(tile)}
    alone = curve(made, Member(0, row.hyperparameters, 7))
    if way == "compiled":
        np.testing.assert_array_equal(together[way][str(row)], alone)
    np.testing.assert_allclose(together[way][str(row)], alone, rtol=RELATIVE)


@pytest.mark.parametrize("rows", [120, 121])
@pytest.mark.parametrize("normalisation", ["none", "batch", "ghost", "layer"])
@pytest.mark.parametrize("row", [row for row in SCHEDULES if row.name in ("cosine", "exponential+warm_up")], ids=str)
def test_an_epoch_has_as_many_learning_rates_as_updates(
    setup: Callable[..., TrainingSetup], row: Row, normalisation: str, rows: int
) -> None:
    # A last row left alone joins the mini-batch before it where statistics are taken over rows.
    member = Member(0, row.hyperparameters | {"batch_size": 40, "normalisation": normalisation}, 7)
    compiled, stacked = (setup("multiclass", (20,), rows=rows, stacked=way) for way in (False, True))
    np.testing.assert_allclose(curve(compiled, member), curve(stacked, member), rtol=RELATIVE)


@WAYS
def test_a_members_state_has_no_room_for_what_its_rule_does_not_keep(
    setup: Callable[..., TrainingSetup], way: str
) -> None:
    tile = setup(stacked=way == "stacked").tile([Member(n, row.hyperparameters, 7) for n, row in enumerate(RULE_ROWS)])
    for place, row in enumerate(RULE_ROWS):
        state = tile.extract(place)
        assert state["moments"].size == RULES[row.name].moments * state["weights"].size


def test_a_decoupled_decay_of_adamw_is_its_own_default() -> None:
    assert Member(0, {"optimizer": "adamw"}, 0).values.weight_decay == 0.01
    assert Member(0, {"optimizer": "adamw", "weight_decay": 0.0}, 0).values.weight_decay == 0
    assert Member(0, NETWORK, 0).values.weight_decay == 0
