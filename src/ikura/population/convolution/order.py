"""A convolution's weights in the orders that the products want; the vector keeps PyTorch's: (units, channels, k, k)."""

from __future__ import annotations

from typing import Any

from ikura.population.kernel._compile import compiled

__all__ = ["from_columns", "from_rows", "to_columns", "to_rows"]


@compiled
def to_columns(weights: Any, places: int, out: Any) -> None:
    """Write flat weights as (places · channels, units), places being the k · k pixels under the kernel."""
    units = out.shape[1]
    channels = out.shape[0] // places
    for u in range(units):
        for c in range(channels):
            for p in range(places):
                out[p * channels + c, u] = weights[(u * channels + c) * places + p]


@compiled
def from_columns(table: Any, places: int, weights: Any) -> None:
    """The reverse of `to_columns`."""
    units = table.shape[1]
    channels = table.shape[0] // places
    for u in range(units):
        for c in range(channels):
            for p in range(places):
                weights[(u * channels + c) * places + p] = table[p * channels + c, u]


@compiled
def to_rows(weights: Any, places: int, out: Any) -> None:
    """Write flat weights as (units, places · channels)."""
    units = out.shape[0]
    channels = out.shape[1] // places
    for u in range(units):
        for c in range(channels):
            for p in range(places):
                out[u, p * channels + c] = weights[(u * channels + c) * places + p]


@compiled
def from_rows(table: Any, places: int, weights: Any) -> None:
    """The reverse of `to_rows`."""
    units = table.shape[0]
    channels = table.shape[1] // places
    for u in range(units):
        for c in range(channels):
            for p in range(places):
                weights[(u * channels + c) * places + p] = table[u, p * channels + c]
