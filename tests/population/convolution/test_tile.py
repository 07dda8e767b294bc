"""A tile of small convolutional networks: the same curves as stacked modules, whoever its members are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ikura.data.encoder import PixelStandard
from ikura.population.convolution import ConvolutionTile
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup
from ikura.population.stacked import StackedTile
from ikura.population.update_rules import RULES

# float64, 1e-16 an operation, amplified by some ten steps.
RELATIVE = 1e-9
BASE = {"learning_rate": 0.01, "channels": 3, "units": 6, "batch_size": 16, "dropout": 0.2}
OTHERS: list[dict[str, Any]] = [
    {}, {"channels": 5}, {"blocks": 1}, {"blocks": 3}, {"kernel_size": 5}, {"units": 11}, {"dropout": 0.0},
    {"batch_size": 40}, {"normalisation": "batch"}, {"activation": "tanh"}, {"initialisation": "glorot"},
    {"l2": 0.01}, {"learning_rate_decay": 0.5}, {"normalisation": "batch", "normalisation_momentum": 0.3},
    {"normalisation": "ghost", "ghost_size": 5}, {"l1": 0.001}, {"weight_decay": 0.1}, {"max_norm": 0.5},
    {"label_smoothing": 0.1}, {"clip_norm": 0.5}, {"clip_value": 0.02}, {"initial_scale": 0.5}, {"warm_up": 2.0},
    {"schedule_shape": "cosine"}, {"schedule_shape": "one_cycle"}, {"schedule_shape": "distance"},
    {"batch_growth": "1:3"}, {"gradient_noise": 0.5}, {"dropconnect": 0.3}, {"label_noise": 0.3},
    {"ema_decay": 0.8}, {"ema_decay": 0.8, "normalisation": "batch"}, {"ema_decay": 0.5, "optimizer": "smorms3"},
    {"dropconnect": 0.5, "label_noise": 0.1, "l1": 0.001, "l2": 0.01, "normalisation": "ghost", "ghost_size": 5},
    {"gradient_noise": 1.0, "normalisation": "ghost", "ghost_size": 5, "label_smoothing": 0.1},
    *({"optimizer": name, "learning_rate": 0.003} for name in RULES),
]  # fmt: skip


def company() -> list[Member]:
    """Members that differ in one thing each."""
    return [Member(number, BASE | other, 5) for number, other in enumerate(OTHERS)]


def test_weights_of_examples_count_as_in_stacked_modules(
    setup: Callable[..., TrainingSetup], curves: Callable[..., list[np.ndarray]]
) -> None:
    member = Member(0, BASE | {"label_smoothing": 0.1, "gradient_noise": 0.2}, 3)
    found = []
    for stacked in (False, True):
        made = setup(stacked=stacked)
        drawn = np.random.default_rng(1).choice([0.0, 1.0, 5.0], len(made.train))
        [curve] = curves(replace(made, train=replace(made.train, weights=drawn / drawn.mean())), [member])
        found.append(curve)
    np.testing.assert_allclose(found[0], found[1], rtol=RELATIVE)
    assert not np.allclose(found[0], curves(setup(), [member])[0], rtol=1e-3)


def test_compiled_and_stacked_give_the_same_curves(
    setup: Callable[..., TrainingSetup], curves: Callable[..., list[np.ndarray]]
) -> None:
    compiled, stacked = setup(), setup(stacked=True)
    together = curves(compiled, company())
    for member, curve in zip(company(), together, strict=True):
        assert isinstance(stacked.tile([member]), StackedTile)
        [expected] = curves(stacked, [member])
        np.testing.assert_allclose(curve, expected, rtol=RELATIVE, err_msg=str(member.hyperparameters))


def test_images_of_bytes_are_augmented_member_by_member(
    setup: Callable[..., TrainingSetup], curves: Callable[..., list[np.ndarray]]
) -> None:
    random = np.random.default_rng(0)
    standard = PixelStandard((0.4, 0.5), (0.2, 0.3))
    x = random.integers(0, 256, (40, 2, 9, 8), dtype=np.uint8)
    images = Examples(x, np.zeros((40, 0), np.int32), random.integers(0, 3, 40).astype(float), standard)
    shops = [replace(setup(stacked=one), train=images, dev=images.head(10)) for one in (False, True)]
    strengths: list[dict[str, Any]] = [{}, {"flip": 0.5}, {"crop": 2, "noise": 0.1}, {"rotation": 20, "colour": 0.2}]
    members = [Member(number, BASE | one, 5) for number, one in enumerate(strengths)]
    found, expected = (curves(shop, members) for shop in shops)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=RELATIVE)
    assert len({curve.tobytes() for curve in found}) == len(members)


def test_every_hyperparameter_makes_a_difference(
    setup: Callable[..., TrainingSetup], curves: Callable[..., list[np.ndarray]]
) -> None:
    # The schedule by distance brakes only when weights have travelled far enough.
    members = [member for member in company() if member.values.schedule_shape != "distance"]
    found = curves(setup(), members)
    assert len({curve.tobytes() for curve in found}) == len(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_member_alone_is_the_same_to_the_bit(
    dtype: str, setup: Callable[..., TrainingSetup], curves: Callable[..., list[np.ndarray]]
) -> None:
    made = setup(dtype=dtype)
    assert isinstance(made.tile(company()), ConvolutionTile)
    together = curves(made, company())
    for member, curve in zip(company(), together, strict=True):
        np.testing.assert_array_equal(curves(made, [member])[0], curve)


@pytest.mark.parametrize("bad", [{"learning_rate": 1e30}, {"learning_rate": 1e4, "optimizer": "sgd"}])
def test_a_member_that_diverges_changes_nobody(
    bad: dict[str, Any], setup: Callable[..., TrainingSetup], curves: Callable[..., list[np.ndarray]]
) -> None:
    made = setup()
    members = company()[:4]
    calm = curves(made, members)
    training = made.training([members[0], Member(99, BASE | bad, 5), *members[2:]])
    training.run(3)
    assert training.diverged.tolist() == [False, True, False, False]
    for place in (0, 2, 3):
        np.testing.assert_array_equal(training.curve(place), calm[place])


def test_states_go_on_in_another_tile(setup: Callable[..., TrainingSetup], check_going_on: Callable[..., None]) -> None:
    check_going_on(setup(), company())


@pytest.mark.parametrize(
    ("rows", "normalisation", "batches"), [(33, "batch", 2), (33, "none", 3), (32, "batch", 2), (33, "ghost", 2)]
)
def test_a_last_row_alone_is_normalised_with_the_mini_batch_before(
    rows: int,
    normalisation: str,
    batches: int,
    setup: Callable[..., TrainingSetup],
    curves: Callable[..., list[np.ndarray]],
) -> None:
    member = Member(0, BASE | {"normalisation": normalisation}, 5)
    training = setup(rows=rows).training([member])
    training.run(1)
    assert training.tile.extract(0)["steps"][0] == batches
    np.testing.assert_allclose(training.curve(0), curves(setup(rows=rows, stacked=True), [member], 1)[0], rtol=RELATIVE)


def test_the_best_network_is_the_module(setup: Callable[..., TrainingSetup]) -> None:
    import torch

    made = setup()
    training = made.training(company())
    training.run(2)
    training.tile.recall()
    found = training.tile.outputs(made.dev)
    for place, member in enumerate(company()):
        net = made.trained(member, *training.tile.best(place))
        with torch.no_grad():
            expected = net(torch.from_numpy(made.dev.x)).numpy()
        np.testing.assert_allclose(found[place], expected, rtol=RELATIVE, atol=1e-12)


def test_the_penalty_is_that_of_the_weights(setup: Callable[..., TrainingSetup]) -> None:
    member = Member(0, BASE | {"l2": 0.1}, 5)
    compiled, stacked = setup().tile([member]), setup(stacked=True).tile([member])
    np.testing.assert_allclose(compiled.penalties(), stacked.penalties(), rtol=RELATIVE)


def test_costly_members_come_first(setup: Callable[..., TrainingSetup]) -> None:
    members = [Member(k, BASE | {"channels": channels}, 5) for k, channels in enumerate((2, 16, 4))]
    assert [tile[0].number for tile in pack(setup(), members, 1)] == [1, 2, 0]
