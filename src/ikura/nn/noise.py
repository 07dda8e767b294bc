"""Keyed noise: random numbers as a pure function of what they are for.

A draw depends on (seed, purpose, epoch or step) and on its own row and column, never on which network asks, on how
many networks there are, or on how rows are grouped into mini-batches. Two networks of different widths share the draws
of the units they both have, so a difference between two trials is the doing of their hyperparameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np

__all__ = [
    "Draws",
    "bits",
    "connection_bits",
    "current_draws",
    "drawing",
    "example_noise",
    "key",
    "label_draws",
    "layer_stream",
    "normal",
    "permutation",
]  # fmt: skip

MOST_CACHED = 1 << 18
"""Members share their draws; tables of up to this many cells are kept for the next member."""

GOLDEN_64 = np.uint64(0x9E3779B97F4A7C15)
GOLDEN_32 = np.uint32(0x9E3779B1)


def key(seed: int, purpose: str, *numbers: int) -> int:
    """Derive the 64-bit key of one purpose.

    Args:
        seed: the study's (or a replicate's) seed.
        purpose: what the draws are for, such as "order" or "dropout".
        numbers: epoch, step or layer, whatever tells this use from the others.

    Returns:
        An integer in [0, 2**63).

    Example:
        >>> key(0, "order", 1) == key(0, "order", 1), key(0, "order", 1) == key(0, "order", 2)
        (True, False)
    """
    text = ":".join([str(seed), purpose, *map(str, numbers)]).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") >> 1


def mixed(stream: int, first: int, rows: int) -> np.ndarray:
    """Mix a stream's key with row numbers (splitmix64): uint64 of shape (rows,)."""
    z = np.uint64(stream) + np.arange(first + 1, first + rows + 1, dtype=np.uint64) * GOLDEN_64
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def row_keys(stream: int, first: int, rows: int) -> np.ndarray:
    """Give each row a key of its own within a stream: uint32 of shape (rows,)."""
    return (mixed(stream, first, rows) >> np.uint64(32)).astype(np.uint32)


def bits(stream: int, rows: int, columns: int, first: int = 0) -> np.ndarray:
    """Draw 32 random bits for each cell of a table.

    Args:
        stream: a key from `key`.
        rows: number of rows.
        columns: number of columns; a narrower table is the left part of a wider one.
        first: number of the first row; rows do not depend on where a table starts.

    Returns:
        uint32 of shape (rows, columns).

    Example:
        >>> whole = bits(key(0, "example"), 4, 3)
        >>> bool((bits(key(0, "example"), 2, 2, first=1) == whole[1:3, :2]).all())
        True

    References:
        Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014 (the row's key);
        Wellons: Prospecting for hash functions, 2018 (the cell's 32-bit finaliser).
    """
    h = row_keys(stream, first, rows)[:, None] ^ (np.arange(1, columns + 1, dtype=np.uint32) * GOLDEN_32)[None, :]
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    mixed: np.ndarray = h ^ (h >> np.uint32(16))
    return mixed


def normal(stream: int, rows: int, columns: int) -> np.ndarray:
    """Draw standard normal numbers by Box and Muller's transform: float64 of shape (rows, columns).

    Example:
        >>> bool((normal(7, 2, 3) == normal(7, 5, 5)[:2, :3]).all())
        True
    """
    wide = _rounded_up(rows), _rounded_up(columns)
    if wide[0] * wide[1] > MOST_CACHED:
        return _normal_table(stream, rows, columns)
    return _cached_table(stream, *wide)[:rows, :columns]


def _rounded_up(count: int) -> int:
    return -(-count // 64) * 64


def _normal_table(stream: int, rows: int, columns: int) -> np.ndarray:
    radius = (bits(stream, rows, columns) + 0.5) / 2.0**32
    angle = (bits(stream ^ 0x5851F42D4C957F2D, rows, columns) + 0.5) / 2.0**32
    return np.sqrt(-2.0 * np.log(radius)) * np.cos(2.0 * np.pi * angle)


_cached_table = lru_cache(maxsize=32)(_normal_table)


def permutation(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Order the training examples for one epoch: int64 of shape (rows,), the same for every member."""
    return np.random.Generator(np.random.Philox(key=key(seed, "order", epoch))).permutation(rows)


def example_noise(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Draw ε of each example for multiplicative gradient noise 1 + σ ε: float64 of shape (rows,), for every member.

    Row i belongs to the i-th example in the order of the epoch, whatever mini-batch it falls into.
    """
    return normal(key(seed, "gradient noise", epoch), rows, 1)[:, 0]


def connection_bits(stream: int, first: int, matrix: int, units: int, inputs: int) -> np.ndarray:
    """Draw the bits that decide which weights of one matrix are left out in one mini-batch.

    Args:
        stream: `key(seed, "dropconnect", epoch)`.
        first: position in the epoch of the mini-batch's first row.
        matrix: number of the matrix among those of its network.
        units, inputs: its shape; a narrower network's bits are the corner of a wider one's.

    Returns:
        uint32 of shape (units, inputs); a weight is kept if its bits are at least rate · 2³².
    """
    return bits(layer_stream(int(mixed(stream, first, 1)[0]) >> 1, matrix), units, inputs)


def label_draws(seed: int, epoch: int, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw what label noise of any strength is made of in one epoch, for every member.

    Args:
        seed: of the members.
        epoch: of the training.
        rows: training examples, in the order of the epoch.
        classes: number of classes; 0 for regression.

    Returns:
        u of each example, uniform on [0, 1), and the class that replaces its label where u is below the share of noisy
        labels; for regression standard normal noise in place of the class. Both float64 of shape (rows,).

    Example:
        >>> u, others = label_draws(0, 1, 4, 3)
        >>> bool((others == label_draws(0, 1, 9, 3)[1][:4]).all())
        True
    """
    stream = key(seed, "label noise", epoch)
    if not classes:
        return np.zeros(rows), normal(stream, rows, 1)[:, 0].copy()
    uniform = bits(stream, rows, 2) / 2.0**32
    return uniform[:, 0].copy(), np.floor(uniform[:, 1] * classes)


@dataclass(frozen=True)
class Draws:
    """The noise of one mini-batch: its key and the position of its first row in the epoch."""

    stream: int
    first: int = 0

    def bits(self, layer: int, rows: int, columns: int) -> np.ndarray:
        """Draw the bits of one layer: uint32 of shape (rows, columns)."""
        return bits(layer_stream(self.stream, layer), rows, columns, self.first)


def layer_stream(stream: int, layer: int) -> int:
    """Give each layer its own stream within a mini-batch's."""
    return (stream + layer * 0x2545F4914F6CDD1D) & 0x7FFFFFFFFFFFFFFF


_CURRENT: ContextVar[Draws | None] = ContextVar("ikura_draws", default=None)


def current_draws() -> Draws | None:
    """Return the noise of the mini-batch in work, None outside of training by ikura."""
    return _CURRENT.get()


@contextmanager
def drawing(draws: Draws) -> Iterator[None]:
    """Make keyed noise available to the layers that run inside the block."""
    token = _CURRENT.set(draws)
    try:
        yield
    finally:
        _CURRENT.reset(token)
