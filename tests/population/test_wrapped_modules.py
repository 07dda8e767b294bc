"""Modules that are wrapped, hooked, lazy or compiled train as they would in a plain loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import parametrizations, prune

from ikura.errors import UsageError
from ikura.metric import metric
from ikura.nn.generators import preserved
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup

SPACE = {"learning_rate": 0.05, "batch_size": 16, "optimizer": "momentum"}
EPOCHS = 3


class Net(nn.Module):
    """Two layers."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(hp.inputs, 8), nn.Linear(8, hp.outputs)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.b(torch.tanh(self.a(x)))
        return outputs


class Drawn(Net):
    """Has a buffer and an attribute that NumPy drew."""

    def __init__(self, hp: Any) -> None:
        super().__init__(hp)
        self.register_buffer("factors", torch.from_numpy(np.random.normal(size=8)).float())
        self.shift = float(np.random.normal())

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.b(torch.tanh(self.a(x)) * self.factors + self.shift)
        return outputs


def changed(change: Callable[[Net], Any]) -> Callable[[Any], nn.Module]:
    def make(hp: Any) -> nn.Module:
        net = Net(hp)
        change(net)
        return net

    return make


def _frozen(net: Net) -> None:
    net.a.weight.requires_grad_(False)


MODULES: dict[str, Callable[[Any], nn.Module]] = {
    "spectral norm": changed(lambda net: parametrizations.spectral_norm(net.a)),
    "weight norm": changed(lambda net: parametrizations.weight_norm(net.a)),
    "orthogonal": changed(lambda net: parametrizations.orthogonal(net.a)),
    "pruned": changed(lambda net: prune.random_unstructured(net.a, "weight", 0.5)),
    "forward hook": changed(lambda net: net.a.register_forward_hook(lambda part, given, out: 2 * out)),
    "hook before": changed(lambda net: net.a.register_forward_pre_hook(lambda part, given: (given[0] / 2,))),
    "hook of a gradient": changed(lambda net: net.a.weight.register_hook(lambda gradient: gradient / 10)),
    "lazy": lambda hp: nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.Tanh(), nn.LazyLinear(hp.outputs)),
    "compiled": lambda hp: torch.compile(Net(hp), backend="eager"),  # type: ignore[return-value]
    "drawn by NumPy": Drawn,
    "frozen": changed(_frozen),
}


def examples(rows: int, seed: int) -> Examples:
    x = np.random.default_rng(seed).normal(size=(rows, 5))
    return Examples(x, np.zeros((rows, 0), np.int32), (x.sum(1) > 0).astype(float))


def setup_of(network: Callable[[Any], nn.Module]) -> TrainingSetup:
    scorer = Scorer("binary", metric("accuracy", "binary"))
    return TrainingSetup(examples(60, 0), examples(20, 1), scorer, 1, network=network, dtype="float64")


@pytest.mark.parametrize("name", MODULES)
def test_a_wrapped_module_trains_as_in_a_plain_loop(name: str) -> None:
    setup, member = setup_of(MODULES[name]), Member(0, SPACE, 3)
    alone = setup.training([member], budget=EPOCHS)
    alone.run(EPOCHS)
    beside = setup.training([Member(1, SPACE | {"learning_rate": 0.1}, 3), member], budget=EPOCHS)
    beside.run(EPOCHS)
    with preserved(dtype="float64"):
        module = setup.module(member).double().train()
        optimizer = torch.optim.SGD(module.parameters(), 0.05, momentum=0.9)
        for epoch in range(EPOCHS):
            ordered = setup.train.ordered(3, epoch)
            for first in range(0, len(ordered), 16):
                rows = slice(first, first + 16)
                x, y = torch.from_numpy(ordered.inputs(rows)), torch.from_numpy(ordered.y[rows])
                optimizer.zero_grad()
                F.binary_cross_entropy_with_logits(module(x)[:, 0], y).backward()
                optimizer.step()
        expected = module.eval()(torch.from_numpy(setup.dev.inputs(slice(None)))).detach().numpy()
    outputs = alone.tile.outputs(setup.dev)[0]
    np.testing.assert_allclose(np.ravel(outputs), np.ravel(expected), rtol=1e-9, atol=1e-11)
    assert np.array_equal(beside.tile.outputs(setup.dev)[1], outputs)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
@pytest.mark.parametrize("part", [False, True])
def test_a_scripted_module_is_refused_by_name(part: bool) -> None:
    def make(hp: Any) -> nn.Module:
        net = Net(hp)
        if part:
            net.b = torch.jit.script(net.b)
        return net if part else torch.jit.script(net)  # type: ignore[no-any-return]

    with pytest.raises(UsageError, match=r"the network is scripted.*give it unscripted"):
        setup_of(make).module(Member(0, SPACE, 3))
