"""The generators of random numbers that belong to the whole process: torch's, NumPy's and Python's."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np

from ikura.lazy_torch import torch, torch_is_imported

__all__ = ["GeneratorStates", "preserved", "reseed", "reseed_torch", "seeded"]

_LOCK = RLock()
if hasattr(os, "register_at_fork"):
    # A child that is forked while another thread draws would find the lock held for ever.
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


@dataclass(frozen=True)
class GeneratorStates:
    """How far all generators have come.

    Example:
        >>> place = GeneratorStates.now()
        >>> first = random.random()
        >>> place.go()
        >>> random.random() == first
        True
    """

    cpu: torch.Tensor | None
    python: Any
    numpy: Any
    device: str | torch.device
    other: torch.Tensor | None

    @classmethod
    def now(cls, device: str | torch.device = "cpu") -> GeneratorStates:
        """Where they are, that of a GPU included."""
        cuda = None if device == "cpu" else _cuda(device)
        other = None if cuda is None else cuda.get_state()
        cpu = torch.get_rng_state() if torch_is_imported() or cuda is not None else None
        return cls(cpu, random.getstate(), np.random.get_state(legacy=False), device, other)

    def go(self) -> None:
        """Bring them there again."""
        if self.cpu is not None:
            torch.set_rng_state(self.cpu)
        elif torch_is_imported():
            torch.default_generator.manual_seed(torch.Generator().initial_seed())
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        if self.other is not None:
            _cuda(self.device).set_state(self.other)


@contextmanager
def preserved(device: str | torch.device = "cpu", dtype: str | None = None) -> Iterator[None]:
    """Leave all generators as they were when the block ends; one thread at a time is in such a block.

    Networks of the caller's own draw initial weights and noise from generators that all threads share, and make tensors
    in a default precision that they share too. Two of them that seeded one at once would get each other's numbers. Work
    for other threads is not to be waited for inside.

    Args:
        device: whose generator is kept besides that of the CPU.
        dtype: torch's default precision in the block, "float32" or "float64"; None leaves it.

    Example:
        >>> random.seed(1); expected = random.random(); random.seed(1)
        >>> with preserved():
        ...     ignored = random.random()
        >>> random.random() == expected
        True
    """
    with _LOCK:
        place, known = GeneratorStates.now(device), dtype is not None or torch_is_imported()
        precision = torch.get_default_dtype() if known else None
        if dtype is not None:
            torch.set_default_dtype(getattr(torch, dtype))
        try:
            yield
        finally:
            if precision is not None:
                torch.set_default_dtype(precision)
            place.go()


@contextmanager
def seeded(stream: int, device: str | torch.device = "cpu", dtype: str | None = None) -> Iterator[None]:
    """Draw keyed numbers from all generators inside the block; see `preserved`.

    Args:
        stream: a key (`ikura.nn.noise.key`), from 0.
        device: whose generator is seeded besides that of the CPU.
        dtype: torch's default precision in the block; None leaves it.

    Example:
        >>> with seeded(7):
        ...     one = torch.rand(2), np.random.rand(), random.random()
        >>> with seeded(7):
        ...     other = torch.rand(2), np.random.rand(), random.random()
        >>> torch.equal(one[0], other[0]), one[1:] == other[1:]
        (True, True)
    """
    with preserved(device, dtype):
        reseed(stream, device)
        yield


def reseed(stream: int, device: str | torch.device = "cpu") -> None:
    """Begin the numbers of a key anew, inside of a block of `preserved` or `seeded`."""
    reseed_torch(stream, device)
    random.seed(stream)
    np.random.seed(stream & 0xFFFFFFFF)


def reseed_torch(stream: int, device: str | torch.device = "cpu") -> None:
    """As `reseed`, for torch's generators alone."""
    torch.default_generator.manual_seed(stream)
    cuda = _cuda(device)
    if cuda is not None:
        cuda.manual_seed(stream)


def _cuda(device: str | torch.device) -> Any:
    """The generator of a GPU; None for another device."""
    device = torch.device(device)
    if device.type != "cuda":
        return None
    torch.cuda.init()
    return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
