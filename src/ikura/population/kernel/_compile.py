"""How the kernel is compiled: without the interpreter's lock, cached on disk, sums and products free to be reordered.

NaN and infinity keep their meaning (no `nnan`, `ninf`): a member that diverges must be seen to diverge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["FLAGS", "compiled", "inlined"]

FLAGS = {"contract", "reassoc", "arcp", "nsz"}

compiled: Callable[..., Any] = njit(nogil=True, cache=True, fastmath=FLAGS, error_model="numpy")
inlined: Callable[..., Any] = njit(nogil=True, fastmath=FLAGS, error_model="numpy")
