"""Numbers too small to be normal, taken as 0 by the processor where they would slow it down.

Each thread has a register that says so. PyTorch writes to it, but takes a second to import; here the C library does it.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ikura.lazy_torch import torch

__all__ = ["flushed", "taken_as_zero"]

SIZE = 64
"""Bytes that hold the C library's `fenv_t` of each machine."""
# Place of the register in Linux's `fenv_t`, and its bits: results and operands (x86-64), both (ARM).
REGISTERS = {"x86_64": (28, 0x8040), "aarch64": (0, 1 << 24)}


def flushed() -> bool:
    """Whether this thread takes numbers too small to be normal as 0.

    Example:
        >>> with taken_as_zero():
        ...     flushed()
        True
    """
    return not sys.float_info.min * 0.5


@contextmanager
def taken_as_zero() -> Iterator[None]:
    """Let this thread take numbers too small to be normal as 0 until the block ends."""
    before = flushed()
    _set(True)
    try:
        yield
    finally:
        _set(before)


def _set(flush: bool) -> None:
    if sys.platform != "linux" or platform.machine() not in REGISTERS:
        torch.set_flush_denormal(flush)
        return
    place, bits = REGISTERS[platform.machine()]
    library, environment = ctypes.CDLL("libm.so.6"), ctypes.create_string_buffer(SIZE)
    library.fegetenv(environment)
    register = ctypes.c_uint32.from_buffer(environment, place)
    register.value = register.value | bits if flush else register.value & ~bits
    library.fesetenv(environment)
