"""Losses of the caller's own that read the network's weights, and errors that only a random direction sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

import ikura
from ikura.checks.gradient import compare

torch.set_num_threads(1)

DATA = {"train": (np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32), np.arange(80) % 3)}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))


class Wrong(torch.autograd.Function):
    """A square whose backward pass forgets the factor 2."""

    @staticmethod
    def forward(context: Any, w: Tensor) -> Tensor:
        context.save_for_backward(w)
        return (w**2).sum()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (w,) = context.saved_tensors
        return gradients[0] * w


def right(w: Tensor) -> Tensor:
    return (w**2).sum()


def detached(w: Tensor) -> Tensor:
    return (w.detach() ** 2).sum()


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize(
    ("penalty", "verdict"), [(right, "pass"), (detached, "fail"), (lambda w: Wrong.apply(w), "fail")]
)
def test_a_penalty_within_the_loss_is_checked(
    penalty: Callable[[Tensor], Tensor], verdict: str, captured: bool
) -> None:
    net = network()
    held = list(net.parameters())

    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        read = held if captured else net.parameters()
        return functional.cross_entropy(outputs, y) + 0.1 * sum((penalty(w) for w in read), torch.tensor(0.0))

    before = {name: one.clone() for name, one in net.state_dict().items()}
    modes = [part.training for part in net.modules()]
    places = [p.data_ptr() for p in net.parameters()]
    found = ikura.check(DATA, network=net, loss=loss, only=["gradient"])["gradient"]
    assert found.verdict == verdict, found.finding
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())
    assert [part.training for part in net.modules()] == modes
    assert [p.data_ptr() for p in net.parameters()] == places
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize(("penalty", "verdict"), [(right, "pass"), (detached, "fail")])
def test_a_penalty_of_a_factory_is_checked(penalty: Callable[[Tensor], Tensor], verdict: str, place: int) -> None:
    """The loss reads the first network that the factory made, or the newest."""
    made: list[nn.Module] = []

    def factory() -> nn.Module:
        made.append(network())
        return made[-1]

    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        read = made[place].parameters()
        return functional.cross_entropy(outputs, y) + 0.1 * sum((penalty(w) for w in read), torch.tensor(0.0))

    found = ikura.check(DATA, network=factory, loss=loss, only=["gradient"])["gradient"]
    assert found.verdict == verdict, found.finding


@given(st.integers(0, 2**31), st.integers(1000, 4000))
@settings(max_examples=15)
def test_the_component_that_is_named_is_a_wrong_one(seed: int, size: int) -> None:
    """One wrong component of thousands: it is hardly ever sampled, and a direction of ±1 sees it."""
    random = np.random.default_rng(seed)
    place = int(random.integers(size))
    w = torch.from_numpy(random.normal(size=size)).requires_grad_()

    class Twisted(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, w: Tensor) -> Tensor:
            context.save_for_backward(w)
            return (w**2).sum() + 40 * w[place]

        @staticmethod
        def backward(context: Any, *gradients: Tensor) -> Tensor:
            (w,) = context.saved_tensors
            return gradients[0] * 2 * w

    [one] = compare(lambda: Twisted.apply(w), {"w": w}, components=60, seed=seed)
    assert one.error > 1e-3
    found, numeric, analytic = one.worst[0]
    assert found == (place,)
    assert numeric - analytic == pytest.approx(40, rel=1e-3)
