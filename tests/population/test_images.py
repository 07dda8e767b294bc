"""Training on images that stay bytes, changed by augmentation for each member by its own strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ikura.data import Part
from ikura.data.encoder import PixelStandard
from ikura.data.images import pixel_memory
from ikura.metric import METRICS
from ikura.nn.augmentation import AUGMENTATIONS, Augment, draw
from ikura.population.batches import Batches
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.space.hyperparameters import OF_IMAGES

ROWS, CLASSES, SHAPE = 50, 3, (3, 6, 5)
BASE = {"learning_rate": 0.05, "batch_size": 16, "optimizer": "momentum"}
SOME = {"flip": 0.5, "rotation": 20.0, "crop": 1.0, "colour": 0.2, "contrast": 0.5, "noise": 0.2, "erasing": 0.3}

# As in test_solo: rounding of another order of summation, amplified by a few steps.
DOUBLE = 1e-9


class Small(nn.Module):
    """A convolution of a user's own."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4 * 6 * 5, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs of (rows, 3, 6, 5)."""
        out: Tensor = self.last(torch.relu(self.first(x)).flatten(1))
        return out


class Deciding(Small):
    """The same, with a decision by value, which vmap cannot run."""

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        return super().forward(x if float(x.sum().detach()) < 1e9 else -x)


def part(seed: int = 0) -> Part:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, ROWS)
    x = (rng.integers(0, 160, (ROWS, *SHAPE)) + 40 * y[:, None, None, None]).astype(np.uint8)
    return Part(x, np.zeros((ROWS, 0), np.int32), y, PixelStandard.fit(x))


def shop(
    network: Callable[..., nn.Module] | None = lambda hp: Small(), dtype: str = "float64", **more: Any
) -> TrainingSetup:
    train, dev = Examples.of(part(), dtype), Examples.of(part(1), dtype)
    dev = replace(dev, standard=train.standard)
    if network is None:
        train, dev = train.flat(), dev.flat()
    scorer = Scorer("multiclass", METRICS["log_loss"])
    return TrainingSetup(train, dev, scorer, CLASSES, network=network, dtype=dtype, **more)


def curves(setup: TrainingSetup, members: Sequence[Member], size: int = 99, epochs: int = 3) -> dict[int, np.ndarray]:
    found = {}
    for tile in pack(setup, members, size):
        training = setup.training(tile)
        training.run(epochs)
        found |= {member.number: training.curve(place) for place, member in enumerate(tile)}
    return found


def company() -> list[Member]:
    """One member for each augmentation, one for all of them, and one for none."""
    each = [{name: SOME[name]} for name in OF_IMAGES]
    return [Member(number, BASE | one, 5) for number, one in enumerate([*each, SOME, {}])]


@pytest.mark.parametrize("network", [Small, Deciding], ids=["together", "one after another"])
def test_members_are_as_if_alone(network: type[Small]) -> None:
    setup = shop(lambda hp: network())
    together, alone = curves(setup, company()), curves(setup, company(), 1)
    for member in company():
        np.testing.assert_allclose(together[member.number], alone[member.number], rtol=DOUBLE)
    assert len({curve.tobytes() for curve in together.values()}) == len(company())


def test_one_after_another_is_the_same_as_together() -> None:
    found, wanted = (curves(shop(lambda hp, net=net: net()), company()) for net in (Deciding, Small))
    for number in wanted:
        np.testing.assert_allclose(found[number], wanted[number], rtol=DOUBLE)


def test_a_plain_loop_gives_the_same() -> None:
    setup = shop()
    member = company()[-2]
    training = setup.training([member])
    net = setup.module(member).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    standard = setup.train.standard
    assert standard is not None
    mean, std = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (standard.mean, standard.std))
    for epoch in range(2):
        training.advance()
        order = setup.train.ordered(5, epoch).order
        total = 0.0
        for first in range(0, ROWS, 16):
            rows = order[first : first + 16]  # type: ignore[index]
            x = torch.from_numpy(setup.train.x[rows]).double() / 255
            for name, one in AUGMENTATIONS.items():
                draws = draw(one, SHAPE, len(rows), 5, epoch, first).double()
                x = one.function(x, torch.tensor(SOME[name], dtype=torch.float64), draws)
            cost = cross_entropy(net((x - mean) / std), torch.from_numpy(setup.train.y[rows]).long())
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            total += float(cost.detach()) * len(rows)
        np.testing.assert_allclose(training.curve(0)[epoch, 0], total / ROWS, rtol=1e-12)


def test_dev_images_are_never_changed() -> None:
    member = Member(0, BASE | SOME | {"learning_rate": 0.0}, 5)
    curve, plain = (curves(shop(), [one])[0] for one in (member, Member(0, BASE | {"learning_rate": 0.0}, 5)))
    np.testing.assert_array_equal(curve[:, 1:], plain[:, 1:])
    assert not np.allclose(curve[:, 0], plain[:, 0])
    assert len(set(curve[:, 0])) == 3


def test_a_strength_that_is_not_a_number_concerns_its_member_alone() -> None:
    bad = [Member(10 + i, BASE | {name: float("nan")}, 5) for i, name in enumerate(OF_IMAGES)]
    setup = shop()
    training = setup.training([*company(), *bad])
    training.run(3)
    copies = setup.training([*company(), *company()[: len(bad)]])
    copies.run(3)
    for place in range(len(company())):
        np.testing.assert_array_equal(training.curve(place), copies.curve(place))
    assert training.diverged[len(company()) :].sum() >= 4


def test_state_goes_round() -> None:
    training, again = (shop().training(company()) for _ in range(2))
    training.run(1)
    for place in range(len(company())):
        again.insert(place, training.extract(place))
    training.run(3)
    again.run(3)
    for place in range(len(company())):
        np.testing.assert_array_equal(training.curve(place), again.curve(place))


def test_images_in_a_file_train_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = curves(shop(), company())
    monkeypatch.setattr(pixel_memory, "memory_limit", lambda: 10)
    setup = shop()
    mapped = pixel_memory.allocate(setup.train.x.shape)
    mapped[:] = setup.train.x
    assert pixel_memory.is_mapped(mapped)
    found = curves(replace(setup, train=replace(setup.train, x=mapped)), company())
    for number in wanted:
        np.testing.assert_array_equal(found[number], wanted[number])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mini_batches_are_standardised_by_channel(dtype: str) -> None:
    examples = Examples.of(part(), dtype)
    pixels = examples.x / 255
    mean, std = pixels.mean((0, 2, 3), keepdims=True), pixels.std((0, 2, 3), keepdims=True)
    wanted = (pixels - mean) / std
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(examples.inputs(slice(None)), wanted, rtol=0, atol=tolerance)
    ordered = examples.ordered(3, 1)
    assert np.shares_memory(ordered.x, examples.x)
    batches = Batches(ordered, torch.device("cpu"), "multiclass")
    x, _, y = batches(slice(10, 30))
    # The table of the encoder and torch's operations round alike: predictions see what training saw.
    np.testing.assert_array_equal(x.numpy(), ordered.inputs(slice(10, 30)))
    np.testing.assert_array_equal(y.numpy(), examples.y[ordered.order[10:30]])  # type: ignore[index]
    np.testing.assert_array_equal(batches.numbers(slice(10, 30)), ordered.inputs(slice(10, 30)))
    np.testing.assert_array_equal(ordered.dense().x, ordered.inputs(slice(None)))
    np.testing.assert_array_equal(ordered.head(7).inputs(slice(None)), ordered.inputs(slice(7)))
    assert ordered.flat().inputs(slice(4)).shape == (4, 90)


def test_the_built_in_network_in_the_kernel_and_stacked() -> None:
    members = [Member(number, BASE | {"units": units}, 5) for number, units in enumerate((8, 5))]
    raw = shop(None)
    kernel = replace(raw, train=raw.train.dense(), dev=raw.dev.dense())
    assert kernel.compiled
    stacked = replace(raw, augmented=True)
    assert not stacked.compiled
    wanted, found = curves(kernel, members), curves(stacked, members)
    changed = curves(stacked, [Member(9, BASE | {"units": 8} | SOME, 5), *members])
    for number in (0, 1):
        np.testing.assert_allclose(found[number], wanted[number], rtol=DOUBLE)
        np.testing.assert_allclose(changed[number], wanted[number], rtol=DOUBLE)
    assert not np.allclose(changed[9], wanted[0])


def test_a_member_in_a_kernel_gets_the_images_it_would_get_in_a_tile() -> None:
    ordered = Examples.of(part(), "float64").ordered(5, 2)
    batches = Batches(ordered, torch.device("cpu"), "multiclass")
    rows = slice(16, 32)
    together = batches(rows, Augment([{}, SOME, {"flip": 1.0}], 5), 2)[0]
    alone = batches.numbers(rows, Augment([SOME], 5), 2)
    np.testing.assert_allclose(alone, together[1].numpy(), rtol=0, atol=1e-13)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu() -> None:
    wanted, found = curves(shop(), company()), curves(shop(device="cuda"), company())
    for number in wanted:
        # Sines and products of another library, in double precision.
        np.testing.assert_allclose(found[number], wanted[number], rtol=1e-6)
