"""Networks that compute different functions of their weights are told apart; others can be stacked."""

from __future__ import annotations

from collections.abc import Callable
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
        return out


def touched(net: Net, change: Callable[[Net], object]) -> Net:
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
    "new attribute": lambda: (Net(), touched(Net(), lambda net: setattr(net, "more", 1))),
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
