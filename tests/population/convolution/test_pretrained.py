"""Small convolutional networks that begin pretrained, in the compiled kernel: the same curves as stacked modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ikura.errors import UsageError
from ikura.nn.zoo.cnn import cnn
from ikura.population.convolution import ConvolutionTile
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.stacked import StackedTile
from ikura.population.update_rules import RULES
from ikura.study.record.pretrained import Pretrained

# float64, 1e-16 an operation, amplified by some ten steps.
RELATIVE = 1e-9
BASE = {"learning_rate": 0.01, "batch_size": 16, "pretrained_rate": 0.3}
OTHERS: list[dict[str, Any]] = [
    {}, {"pretrained_rate": 1.0}, {"pretrained_rate": 0.0}, {"weight_decay": 0.5}, {"clip_norm": 0.5}, {"l2": 0.1},
    {"max_norm": 0.5}, {"clip_value": 0.02},
    *({"optimizer": name, "learning_rate": 0.003} for name in RULES),
]  # fmt: skip


def start(normalisation: str, side: int = 8) -> Pretrained:
    """A network of two classes whose weights and running statistics are not those of a beginning."""
    hyperparameters = {"shape": [1, side, 7], "outputs": 2, "channels": 3, "units": 6, "dropout": 0.2, "ghost_size": 5}
    hyperparameters["normalisation"] = normalisation
    torch.manual_seed(1)
    net = cnn(hyperparameters)
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.ndim:
                tensor += 0.2 * torch.rand_like(tensor)
    return Pretrained(net, "none", {"network": "cnn", "hyperparameters": hyperparameters})


def company() -> list[Member]:
    return [Member(number, BASE | other, 5) for number, other in enumerate(OTHERS)]


@pytest.mark.parametrize("normalisation", ["none", "batch", "ghost"])
def test_compiled_and_stacked_give_the_same_curves(
    normalisation: str, setup: Callable[..., TrainingSetup], curves: Callable[..., list[np.ndarray]]
) -> None:
    compiled, stacked = (setup(start(normalisation), stacked=one) for one in (False, True))
    assert isinstance(compiled.tile(company()), ConvolutionTile)
    assert isinstance(stacked.tile(company()), StackedTile)
    together = curves(compiled, company())
    for member, curve in zip(company(), together, strict=True):
        [expected] = curves(stacked, [member])
        np.testing.assert_allclose(curve, expected, rtol=RELATIVE, err_msg=str(member.hyperparameters))
    assert len({curve.tobytes() for curve in together}) >= len(OTHERS) - 1  # adam is there twice


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_member_alone_is_the_same_to_the_bit(
    dtype: str, setup: Callable[..., TrainingSetup], curves: Callable[..., list[np.ndarray]]
) -> None:
    made = setup(start("batch"), dtype=dtype)
    for member, curve in zip(company(), curves(made, company()), strict=True):
        np.testing.assert_array_equal(curves(made, [member])[0], curve)


def test_at_rate_zero_only_the_head_learns(setup: Callable[..., TrainingSetup]) -> None:
    network = start("none")
    made = setup(network)
    training = made.training([Member(0, BASE | {"pretrained_rate": 0.0}, 5)])
    training.run(2)
    training.tile.keep([0])
    trained = dict(made.trained(Member(0, BASE, 5), *training.tile.best(0)).named_parameters())
    for name, before in network.module.named_parameters():
        if not name.startswith("out."):
            assert torch.equal(trained[name], before.double()), name


def test_states_go_on_in_another_tile(setup: Callable[..., TrainingSetup], check_going_on: Callable[..., None]) -> None:
    check_going_on(setup(start("ghost")), company())


def test_images_of_another_size_are_refused_in_one_line(setup: Callable[..., TrainingSetup]) -> None:
    with pytest.raises(UsageError, match=r"the network fails on inputs of shape \(2, 1, 8, 7\)"):
        setup(start("none", side=16)).tile(company())


@pytest.mark.parametrize("freeze", ["all", "most"])
def test_what_freezes_a_part_is_stacked(freeze: str) -> None:
    whole = start("none")
    assert whole.convolutional
    assert not Pretrained(whole.module, freeze, whole.form).convolutional
