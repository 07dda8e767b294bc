"""Every activation against its formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import special

from ikura.errors import UsageError
from ikura.nn.activation import ACTIVATIONS, activation

FORMULA: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.where(z > 0, z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_formula(name: str) -> None:
    z = np.linspace(-20, 20, 2001)
    # Two correctly rounded exponentials and a division or two: eight units in the last place. Torch takes Φ as half of
    # 1 + erf, which below zero leaves an error of one or two units of 1, times |z| up to where Φ is nothing, 8.
    absolute = 8 * 2.0**-52 if name == "gelu" else 0
    np.testing.assert_allclose(
        activation(name)(torch.from_numpy(z)), FORMULA[name](z), rtol=8 * 2.0**-52, atol=absolute
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nan_passes_on_in_the_same_precision(name: str, dtype: torch.dtype) -> None:
    a = activation(name)(torch.tensor([torch.nan, 1.0], dtype=dtype))
    assert a.dtype == dtype
    assert a.isnan().tolist() == [True, False]


def test_a_mistyped_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError, match="'sigmod', did you mean 'sigmoid'"):
        activation("sigmod")
