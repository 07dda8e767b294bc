"""Where weights lie: the order of PyTorch's parameters, biases of zero, padding that changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.nn import ACTIVATIONS, INITIALISATIONS, NORMALISATIONS
from ikura.population.layout import Layout
from ikura.population.member import Member

layouts = st.builds(
    Layout,
    st.integers(1, 5),
    st.integers(1, 3),
    st.lists(st.integers(1, 6), max_size=3).map(tuple),
    st.lists(st.integers(1, 30), max_size=2).map(tuple),
    st.sampled_from(list(NORMALISATIONS)),
)


def member(**hyperparameters: Any) -> Member:
    """A member."""
    return Member(0, hyperparameters, 3)


@given(layouts)
def test_weights_lie_in_the_order_of_the_modules_parameters(layout: Layout) -> None:
    net = layout.module(member())
    assert layout.size == sum(p.numel() for p in net.parameters())
    flat = torch.nn.utils.parameters_to_vector(net.parameters()).detach().numpy()
    np.testing.assert_array_equal(flat, layout.initial(member()))
    matrices = np.concatenate([np.full(p.numel(), p.dim() > 1) for p in net.parameters()])
    np.testing.assert_array_equal(layout.penalised(), matrices)
    statistics = [(name, len(buffer)) for name, buffer in net.named_buffers() if "running" in name]
    assert layout.running == statistics
    running = [net.get_buffer(name).numpy() for name, _ in statistics]
    np.testing.assert_array_equal(layout.initial_running(), np.concatenate([np.empty(0), *running]))


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_biases_begin_at_zero_and_layers_differ(name: str) -> None:
    net = Layout(6, 6, (6, 6)).module(member(initialisation=name))
    for layer in range(3):
        assert not net.get_parameter(f"layers.{layer}.bias").any()
    first, second = (net.get_parameter(f"layers.{layer}.weight") for layer in (0, 1))
    assert torch.equal(first, second) == (name in {"zeros", "plus_minus_one"})


def test_embeddings_begin_with_rows_of_length_about_one() -> None:
    table = Layout(1, 1, (), (2000,)).module(member()).get_parameter("tables.0.weight").detach()
    # Σ z²/16 of 16 standard normal numbers has mean 1 and variance 2/16; five standard errors of 2000 rows.
    assert abs(float((table**2).sum(1).mean()) - 1) < 5 * np.sqrt(2 / 16 / 2000)


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(max_examples=25)
@given(layout=layouts, more=st.lists(st.integers(0, 4), min_size=3, max_size=3))
def test_a_padded_network_computes_the_same(name: str, layout: Layout, more: list[int]) -> None:
    wide = Layout(
        layout.inputs,
        layout.outputs,
        tuple(u + m for u, m in zip(layout.units, more, strict=False)),
        layout.cardinalities,
        layout.normalisation,
    )
    if layout.normalisation == "layer":
        wide = layout
    one = member(activation=name)
    weights, free = layout.padded(one, wide)
    assert weights.shape == free.shape == (wide.size,)
    np.testing.assert_array_equal(weights[free], layout.initial(one))
    assert not weights[~free].any()
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((4, layout.inputs)))
    codes = torch.from_numpy(np.stack([rng.integers(0, c, 4) for c in layout.cardinalities] or [np.zeros(4, int)], 1))
    narrow, padded = layout.module(one), wide.module(one, weights)
    # Zeros more in sums of at most 20 products, each of size up to 10 after three layers.
    torch.testing.assert_close(padded(x, codes), narrow(x, codes), rtol=0, atol=1e-12)


def test_building_a_module_leaves_the_callers_generator_alone() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    Layout(6, 6, (6, 6)).module(member())
    assert torch.equal(torch.rand(3), wanted)


def test_read_from_hyperparameters() -> None:
    layout = Layout.of(member(layers=3, units=5, units_3=7, normalisation="ghost"), 4, 2, [100, 9])
    assert layout == Layout(4, 2, (5, 5, 7), (100, 9), "ghost")
    assert layout.widths == [4 + 10 + 3, 5, 5, 7, 2]
    assert layout.tables == [(100, 10), (9, 3)]
