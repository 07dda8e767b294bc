"""Inverted dropout: the expected activation stays, and nothing is dropped at evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ikura.nn import Dropout
from ikura.nn.noise import Draws, bits, drawing, key, layer_stream

STREAM = key(0, "noise", 0)
RATES = (0.05, 0.3, 0.5, 0.9)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("keyed", [True, False])
def test_the_expected_activation_stays(rate: float, keyed: bool) -> None:
    ones = torch.ones(400, 250, dtype=torch.float64)
    torch.manual_seed(0)
    if keyed:
        with drawing(Draws(STREAM)):
            dropped = Dropout(rate)(ones)
    else:
        dropped = Dropout(rate)(ones)
    # Each cell is 1/(1 - rate) with probability 1 - rate, so its variance is rate / (1 - rate); five standard errors.
    assert abs(dropped.mean().item() - 1) < 5 * np.sqrt(rate / (1 - rate) / ones.numel())
    assert torch.unique(dropped).tolist() == [0.0, 1 / (1 - rate)]


@pytest.mark.parametrize("rate", [0.0, *RATES])
def test_nothing_is_dropped_at_evaluation(rate: float) -> None:
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    with drawing(Draws(STREAM)):
        assert torch.equal(Dropout(rate).eval()(x), x)


def test_nothing_is_dropped_at_rate_zero() -> None:
    with drawing(Draws(STREAM)):
        assert torch.equal(Dropout(0.0)(torch.ones(50, 40)), torch.ones(50, 40))


def test_the_mask_is_the_keyed_bits_of_the_layer() -> None:
    with drawing(Draws(STREAM, first=3)):
        dropped = Dropout(0.25, layer=2)(torch.ones(30, 8))
    expected = bits(layer_stream(STREAM, 2), 30, 8, first=3) >= 2**30
    np.testing.assert_array_equal(dropped.numpy() > 0, expected)
    assert not np.array_equal(expected, bits(layer_stream(STREAM, 1), 30, 8, first=3) >= 2**30)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.floats(0, 0.95))
def test_the_mask_does_not_depend_on_mini_batches(sizes: list[int], rate: float) -> None:
    x = torch.ones(sum(sizes), 6)
    layer = Dropout(rate)
    with drawing(Draws(STREAM)):
        whole = layer(x)
    parts, begin = [], 0
    for size in sizes:
        with drawing(Draws(STREAM, begin)):
            parts.append(layer(x[begin : begin + size]))
        begin += size
    assert torch.equal(torch.cat(parts), whole)


def test_a_higher_rate_drops_what_a_lower_one_drops() -> None:
    x = torch.ones(100, 20)
    with drawing(Draws(STREAM)):
        low, high = Dropout(0.2)(x), Dropout(0.6)(x)
    assert not (high[low == 0] > 0).any()


def test_inner_dimensions_are_kept() -> None:
    with drawing(Draws(STREAM)):
        flat = Dropout(0.5)(torch.ones(4, 6))
        folded = Dropout(0.5)(torch.ones(4, 3, 2))
    assert torch.equal(folded.reshape(4, 6), flat)


def test_the_gradient_goes_through_what_is_kept() -> None:
    x = torch.ones(10, 10, dtype=torch.float64, requires_grad=True)
    with drawing(Draws(STREAM)):
        y = Dropout(0.5)(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, y.detach())


def test_nan_passes_on() -> None:
    x = torch.full((10, 10), torch.nan)
    assert Dropout(0.5).eval()(x).isnan().all()
    with drawing(Draws(STREAM)):
        assert Dropout(0.5)(x).isnan().all()
