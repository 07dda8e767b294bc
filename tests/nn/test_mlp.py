"""The fully connected network against matrices multiplied by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from ikura.nn import ACTIVATIONS, MLP
from ikura.nn.mlp import usual_size
from ikura.nn.noise import Draws, drawing


def parameter(module: torch.nn.Module, name: str) -> np.ndarray:
    """A parameter by name."""
    return module.get_parameter(name).detach().numpy()


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("units", [(), (5,), (4, 3)])
@pytest.mark.parametrize("cardinalities", [(), (20, 300)])
def test_forward(name: str, units: Sequence[int], cardinalities: Sequence[int]) -> None:
    net = MLP(3, 2, units, name, 0.9, cardinalities).double().eval()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 3))
    codes = np.stack([rng.integers(0, 20, 7), rng.integers(0, 300, 7)], 1).astype(np.int32)
    tables = [parameter(net, f"tables.{i}.weight")[codes[:, i]] for i in range(len(cardinalities))]
    h = np.concatenate([x, *tables], axis=1)
    for layer in range(len(units)):
        z = h @ parameter(net, f"layers.{layer}.weight").T + parameter(net, f"layers.{layer}.bias")
        h = ACTIVATIONS[name](torch.from_numpy(z)).numpy()
    expected = h @ parameter(net, f"layers.{len(units)}.weight").T + parameter(net, f"layers.{len(units)}.bias")
    got = net(torch.from_numpy(x), torch.from_numpy(codes)).detach().numpy()
    # Sums of at most 24 products of size about 1, three deep: well under a thousand roundings of 2**-53.
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


def test_a_rate_for_each_layer() -> None:
    net = MLP(3, 1, (4, 4), dropout=[0.0, 0.5])
    assert [net.get_buffer(f"dropouts.{i}.rate").item() for i in (0, 1)] == [0.0, 0.5]


def test_layers_drop_different_units() -> None:
    first, second = MLP(2, 1, (50, 50), dropout=0.5).dropouts
    with drawing(Draws(0)):
        assert not torch.equal(first(torch.ones(3, 50)), second(torch.ones(3, 50)))


def test_embedding_sizes() -> None:
    assert [usual_size(c) for c in (1, 2, 4, 5, 256, 257, 10**6)] == [1, 2, 2, 3, 16, 16, 16]
