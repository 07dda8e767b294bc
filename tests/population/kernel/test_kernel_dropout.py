"""The kernel's dropout draws the same bits as `ikura.nn.noise`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ikura.nn import Dropout
from ikura.nn.noise import Draws, bits, drawing, key, layer_stream
from ikura.population.kernel.dropout import drop, stream_of_layer

STREAM = key(0, "noise", 0)


def dropped(rows: int, units: int, rate: float, stream: int, first: int = 0, dtype: str = "float64") -> np.ndarray:
    """What becomes of ones."""
    a, derivative = np.ones((rows, units), dtype), np.ones((rows, units), dtype)
    drop(a, derivative, rate, np.uint64(stream), first)
    np.testing.assert_array_equal(a, derivative)
    return a


@given(
    st.integers(0, 2**63 - 1), st.integers(0, 2**20), st.integers(1, 20), st.integers(1, 70), st.floats(2**-20, 0.999)
)
def test_the_mask_is_the_keyed_bits(stream: int, first: int, rows: int, units: int, rate: float) -> None:
    expected = bits(stream, rows, units, first) / 2.0**32 >= rate
    np.testing.assert_array_equal(dropped(rows, units, rate, stream, first) > 0, expected)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 20))
def test_the_mask_does_not_depend_on_mini_batches(sizes: list[int], units: int) -> None:
    starts = np.concatenate([[0], np.cumsum(sizes)])
    parts = [dropped(size, units, 0.4, STREAM, int(start)) for size, start in zip(sizes, starts, strict=False)]
    np.testing.assert_array_equal(np.concatenate(parts), dropped(sum(sizes), units, 0.4, STREAM))


@given(st.integers(0, 2**63 - 1), st.integers(0, 64))
def test_streams_of_layers(stream: int, layer: int) -> None:
    assert stream_of_layer(np.uint64(stream), layer) == layer_stream(stream, layer)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_kernel_and_module_drop_and_scale_alike(rate: float, dtype: str) -> None:
    layer = Dropout(rate, layer=1).to(getattr(torch, dtype))
    with drawing(Draws(STREAM, 5)):
        expected = layer(torch.ones(40, 30, dtype=getattr(torch, dtype)))
    # The scale 1/(1 - rate) is rounded once or twice.
    tolerance = 4 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(dropped(40, 30, rate, layer_stream(STREAM, 1), 5, dtype), expected, rtol=tolerance)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_the_expected_activation_stays(rate: float) -> None:
    a = dropped(400, 250, rate, STREAM)
    # Variance rate / (1 - rate) of a cell; five standard errors (the draws are fixed).
    assert abs(a.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / a.size)
