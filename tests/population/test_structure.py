"""Networks that compute different functions of their weights are told apart; others can be stacked."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ikura.nn import MLP
from ikura.population.inputs import takes_codes
from ikura.population.structure import structure


class Net(nn.Module):
    """A network with a plain attribute that its forward uses."""

    def __init__(self, attribute: Any = None, width: int = 3) -> None:
        super().__init__()
        self.attribute = attribute
        self.layer = nn.Linear(2, width)
        self.register_buffer("buffer", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        """One layer."""
        out: Tensor = self.layer(x)
        return out if self.attribute is None else -out


class KeepsHyperparameters(Net):
    """Keeps what it was made from, and reads it only when it is made."""

    def __init__(self, **hp: Any) -> None:
        super().__init__()
        self.hp = hp


class ReadsBy(KeepsHyperparameters):
    """Reads what it was made from in a way of its own."""

    def __init__(self, read: Callable[[Any], Any], rate: float) -> None:
        super().__init__(rate=rate)
        self.read = read


class ReadsText(KeepsHyperparameters):
    """Reads an attribute by its name as a text."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * attrgetter("hp")(self)["rate"]


def rate_of(net: KeepsHyperparameters) -> float:
    return float(net.hp["rate"])


class ReadsElsewhere(KeepsHyperparameters):
    """Lets a function read an attribute."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * rate_of(self)


class Parent(nn.Module):
    """Reads an attribute of a part."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.part = KeepsHyperparameters(rate=rate)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.part(x) * self.part.hp["rate"]
        return out


def touched(net: Any, change: Callable[[Any], object]) -> Any:
    """A network after a change."""
    change(net)
    return net


TOLD_APART: dict[str, Callable[[], tuple[nn.Module, nn.Module]]] = {
    "number": lambda: (Net(1.0), Net(2.0)),
    "int and float": lambda: (Net(1), Net(1.0)),
    "bool and int": lambda: (Net(True), Net(1)),
    "text": lambda: (Net("mean"), Net("max")),
    "none": lambda: (Net(None), Net(0)),
    "list": lambda: (Net([1, 2]), Net([2, 1])),
    "list and tuple": lambda: (Net([1, 2]), Net((1, 2))),
    "nested": lambda: (Net({"a": [1, (2, 3)]}), Net({"a": [1, (2, 4)]})),
    "set": lambda: (Net({1, 2}), Net({1, 3})),
    "function": lambda: (Net(torch.relu), Net(torch.tanh)),
    "class": lambda: (Net(nn.ReLU), Net(nn.ELU)),
    "lambda": lambda: (Net(lambda x: x), Net(lambda x: 2 * x)),
    "tensor": lambda: (Net(torch.zeros(2)), Net(torch.ones(2))),
    "object": lambda: (Net(SimpleNamespace(a=1)), Net(SimpleNamespace(a=2))),
    "shape": lambda: (Net(width=3), Net(width=4)),
    "dtype": lambda: (Net(), Net().double()),
    "mode": lambda: (Net(), Net().eval()),
    "missing bias": lambda: (nn.Linear(2, 2), nn.Linear(2, 2, bias=False)),
    "class of a part": lambda: (nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())),
    "number of parts": lambda: (nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU(), nn.ReLU())),
    "name of a part": lambda: (nn.ModuleDict({"a": nn.ReLU()}), nn.ModuleDict({"b": nn.ReLU()})),
    "attribute of a part": lambda: (nn.Sequential(nn.LeakyReLU(0.1)), nn.Sequential(nn.LeakyReLU(0.2))),
    "frozen weights": lambda: (Net(), touched(Net(), lambda net: net.layer.requires_grad_(False))),
    "new buffer": lambda: (Net(), touched(Net(), lambda net: net.register_buffer("more", torch.zeros(1)))),
    "attribute of a library's layer": lambda: (
        nn.ReLU(),
        touched(nn.ReLU(), lambda layer: setattr(layer, "more", 1)),
    ),
    "attribute read by its name": lambda: (ReadsText(rate=1.0), ReadsText(rate=2.0)),
    "attribute read by a function": lambda: (ReadsElsewhere(rate=1.0), ReadsElsewhere(rate=2.0)),
    "attribute read by a parent": lambda: (Parent(1.0), Parent(2.0)),
    "attribute that is a function": lambda: (ReadsBy(lambda net: net.hp, 1.0), ReadsBy(lambda net: net.hp, 2.0)),
    "attribute that a hook may read": lambda: (
        touched(KeepsHyperparameters(rate=1.0), lambda net: net.register_forward_hook(print)),
        touched(KeepsHyperparameters(rate=2.0), lambda net: net.register_forward_hook(print)),
    ),
    "hook": lambda: (Net(), touched(Net(), lambda net: net.register_forward_hook(lambda *_: None))),
    "activation": lambda: (MLP(2, 1, [3], "relu"), MLP(2, 1, [3], "tanh")),
}

ALIKE: dict[str, Callable[[], tuple[nn.Module, nn.Module]]] = {
    "other weights": lambda: (Net(), Net()),
    "other buffers": lambda: (Net(), touched(Net(), lambda net: net.get_buffer("buffer").add_(1))),
    "number": lambda: (Net(0.5), Net(0.5)),
    "function": lambda: (Net(torch.relu), Net(torch.relu)),
    "container": lambda: (Net({"a": [1, (2, 3)]}), Net({"a": [1, (2, 3)]})),
    "dropout rate of the package": lambda: (MLP(2, 1, [3], dropout=0.1), MLP(2, 1, [3], dropout=0.5)),
    "recurrent layers, which list their weights": lambda: (nn.LSTM(2, 3), nn.LSTM(2, 3)),
    "a weight that is an attribute as well": lambda: (
        touched(Net(), lambda net: setattr(net, "attribute", [net.layer.weight])),
        touched(Net(), lambda net: setattr(net, "attribute", [net.layer.weight])),
    ),
    "attribute that nothing reads": lambda: (KeepsHyperparameters(rate=1.0), KeepsHyperparameters(rate=2.0)),
    "sequential": lambda: (nn.Sequential(nn.Linear(2, 2), nn.ELU()), nn.Sequential(nn.Linear(2, 2), nn.ELU())),
}


@pytest.mark.parametrize("difference", TOLD_APART)
def test_told_apart(difference: str) -> None:
    one, other = TOLD_APART[difference]()
    assert structure(one) != structure(other)


@pytest.mark.parametrize("difference", ALIKE)
def test_alike(difference: str) -> None:
    one, other = ALIKE[difference]()
    assert structure(one) == structure(other)
    assert hash(structure(one)) == hash(structure(other))


@pytest.mark.parametrize("value", [lambda k: lambda x: k * x, torch.tensor, lambda k: SimpleNamespace(k=k)])
def test_what_cannot_be_compared_is_told_apart_after_the_network_is_gone(value: Callable[[int], Any]) -> None:
    assert len({structure(Net(value(k))) for k in range(50)}) == 50


def test_tied_weights_are_told_from_equal_ones() -> None:
    def net(tie: bool) -> nn.Module:
        made = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        if tie:
            made[1].weight = made[0].weight
        return made

    assert structure(net(True)) == structure(net(True))
    assert structure(net(True)) != structure(net(False))


def test_networks_that_take_codes() -> None:
    assert takes_codes(MLP(2, 1, []), 3)
    assert not takes_codes(Net(), 3)
