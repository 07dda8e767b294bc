"""Sobol' points against those of PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.quasirandom import SobolEngine

from ikura.search.quasi_random import sobol
from ikura.search.sobol_sequence import KNOWN, sobol_points


@settings(max_examples=60)
@given(dimensions=st.integers(1, KNOWN), count=st.integers(1, 300), seed=st.integers(0, 2**63 - 1))
def test_points_are_those_of_torch(dimensions: int, count: int, seed: int) -> None:
    wanted = SobolEngine(dimensions, scramble=True, seed=seed).draw(count, dtype=torch.float64).numpy()
    np.testing.assert_array_equal(sobol_points(dimensions, count, seed), wanted)


@pytest.mark.parametrize("dimensions", [KNOWN, KNOWN + 1])
def test_more_dimensions_come_from_torch(dimensions: int) -> None:
    wanted = SobolEngine(dimensions, scramble=True, seed=3).draw(9, dtype=torch.float64).numpy()
    np.testing.assert_array_equal(sobol(dimensions, 9, 3), wanted)
