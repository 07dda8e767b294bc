"""Activations of the built-in network."""

from __future__ import annotations

from collections.abc import Callable

from ikura.errors import UsageError, nearest
from ikura.lazy_torch import Tensor, functional, torch

__all__ = ["ACTIVATIONS", "activation"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda z: functional.relu(z),
    "tanh": lambda z: torch.tanh(z),
    "sigmoid": lambda z: torch.sigmoid(z),
    "leaky_relu": lambda z: functional.leaky_relu(z),
    "elu": lambda z: functional.elu(z),
    "gelu": lambda z: functional.gelu(z),
    "silu": lambda z: functional.silu(z),
}
"""Name to function, from z to a of the same shape."""


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Look an activation up by name.

    relu: max(z, 0); leaky_relu: z for z > 0, else z/100; elu: z for z > 0, else e^z - 1; tanh; sigmoid: 1/(1 + e^-z);
    gelu: z Φ(z) with Φ the normal distribution function (exact, by erf); silu: z/(1 + e^-z). All of them pass NaN on.

    Args:
        name: one of `ACTIVATIONS`.

    Returns:
        The element-wise function.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> activation("relu")(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]

    References:
        Clevert et al. 2016 (elu, arXiv:1511.07289); Hendrycks and Gimpel 2016 (gelu and silu, arXiv:1606.08415).
    """
    if name not in ACTIVATIONS:
        raise UsageError(f"unknown activation {name!r}{nearest(str(name), ACTIVATIONS)}: use {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
