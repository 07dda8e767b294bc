"""Networks as lists of operations: recorded, written, made again without their class."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from ikura.errors import RunError
from ikura.export.operations import RecordedNetwork, read_operations
from ikura.export.recording import NotRecordedError, record

X = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
NONE = torch.zeros(20, 0)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells, self.head = nn.LSTM(1, 4, 2, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cells(x[..., None])[0][:, -1])


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)
        self.embed, self.layers, self.head = nn.Linear(1, 8), nn.TransformerEncoder(layer, 1), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.embed(x[..., None])).mean(1))


class Tied(nn.Module):
    """One layer twice, a buffer that is not saved, a constant, and places that depend on the number of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = self.first
        self.head = nn.Linear(8, 1)
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(2 * len(x))[::2, None]
        return self.head(self.second(self.first(x).relu_())) * self.scale + places * torch.tensor(0.1)


def convolutions() -> nn.Module:
    layers = [nn.Unflatten(1, (1, 2, 4)), nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "dense": lambda: nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.GELU(), nn.Linear(4, 1)),
    "recurrent": Recurrent,
    "attention": Attention,
    "tied": Tied,
    "convolutions": convolutions,
    "parametrised": lambda: nn.Sequential(spectral_norm(nn.Linear(8, 4)), nn.Tanh(), weight_norm(nn.Linear(4, 1))),
    "double": lambda: nn.Linear(8, 1).double(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_recorded_equals_the_network(name: str) -> None:
    network = NETWORKS[name]().eval()
    x = X.double() if name == "double" else X
    form, constants = record(network, x, NONE)
    again = RecordedNetwork(read_operations(json.dumps(form).encode(), "graph.json"))
    again.load_state_dict(network.state_dict())
    buffers = dict(network.named_buffers())
    for one, buffer in again.named_buffers():
        buffer.copy_(buffers[one])
    again.give_constants(constants)
    assert list(again.state_dict()) == list(network.state_dict())
    assert {n for n, _ in again.named_parameters()} == {n for n, _ in network.named_parameters()}
    with torch.no_grad():
        for rows in (1, 7, 20):
            # The same operations on the same numbers; attention alone takes another way in plain evaluation.
            torch.testing.assert_close(again(x[:rows]), network(x[:rows]), atol=1e-6, rtol=1e-6)


def test_codes_are_an_input() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Embedding(5, 3), nn.Linear(11, 1)

        def forward(self, x: Tensor, codes: Tensor) -> Tensor:
            return self.head(torch.cat([x, self.table(codes[:, 0].long())], 1))

    network = Both().eval()
    codes = (torch.arange(20) % 5)[:, None].int()
    form, _ = record(network, X, codes)
    again = RecordedNetwork(form)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(X, codes), network(X, codes))


class _Wrong(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 1)


class Item(_Wrong):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) * (1 if x.mean().item() > 0 else 2)


class Branch(_Wrong):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) if x.sum() > 0 else self.head(-x)


class NumPy(_Wrong):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.from_numpy(np.asarray(x) * 2))


class Share(_Wrong):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) * (1 / len(x))


class Two(_Wrong):
    def forward(self, x: Tensor) -> Any:
        return self.head(x), x


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Item, "takes values of tensors to Python numbers"),
        (Branch, "takes values of tensors to Python numbers"),
        (NumPy, "takes values of tensors to NumPy"),
        (Share, "a number in it depends on the examples"),
        (Two, "its output is not one tensor"),
    ],
)
def test_what_is_no_list_of_operations_is_not_recorded(kind: type[nn.Module], why: str) -> None:
    with pytest.raises(NotRecordedError, match=why):
        record(kind().eval(), X, NONE)


@pytest.mark.parametrize(
    "step",
    [
        {"op": "from_file.default", "args": ["/etc/passwd"], "out": "0"},
        {"op": "__class__.default", "args": [], "out": "0"},
        {"op": "add.nothing", "args": [], "out": "0"},
        {"op": "os.system", "args": ["true"], "out": "0"},
        {"op": "add.Tensor", "args": [{"value": "x"}, {"code": "1"}], "out": "0"},
        {"op": "add.Tensor", "args": [{"value": "x"}, {"dtype": "load"}], "out": "0"},
        {"op": "add.Tensor", "args": [{"value": "x"}, {"device": "cuda"}], "out": "0"},
    ],
)
def test_a_file_cannot_name_anything_else(step: dict[str, Any]) -> None:
    form = {"format": 1, "tensors": {}, "constants": [], "steps": [step], "output": "0"}
    with pytest.raises(RunError, match=r"graph\.json: "):
        read_operations(json.dumps(form).encode(), "graph.json")
