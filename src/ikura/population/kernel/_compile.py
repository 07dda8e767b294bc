"""How the kernel is compiled: without the interpreter's lock, cached on disk, sums and products free to be reordered.

NaN and infinity keep their meaning (no `nnan`, `ninf`): a member that diverges must be seen to diverge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from numba import njit
from numba.extending import register_jitable

from ikura.population.kernel import forget_stale

__all__ = ["FLAGS", "also_compiled", "by_number", "compiled", "inlined", "inlined_as"]

FLAGS = {"contract", "reassoc", "arcp", "nsz"}

_cached: Callable[..., Any] = njit(nogil=True, cache=True, fastmath=FLAGS, error_model="numpy")
inlined: Callable[..., Any] = njit(nogil=True, fastmath=FLAGS, error_model="numpy")
_F = TypeVar("_F", bound=Callable[..., Any])
_spliced: Callable[..., Any] = njit(inline="always")


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function, or load it from the cache on disk where that was made of the same sources."""
    made = _cached(function)
    if made is not function:
        forget_stale(Path(made.stats.cache_path))
    return made


def also_compiled(function: _F) -> _F:
    """Mark a function that Python calls as it is written and the kernel compiles."""
    marked: _F = register_jitable(function)
    return marked


def inlined_as(name: str) -> Callable[[_F], _F]:
    """As `inlined`, for one of several functions that are written once; each gets a name of its own.

    Code in the cache finds what it calls by its name and by how many functions its process had compiled before. That is
    another number where a part came from the cache, as where two processes compile at once: of functions of one name
    the wrong one would be called, without a word.
    """

    def made(function: _F) -> _F:
        function.__qualname__ = f"{function.__qualname__}.{name}"
        result: _F = inlined(function)
        return result

    return made


def by_number(functions: Sequence[Callable[..., None]], kind: str) -> Callable[[int, tuple[Any, ...]], None]:
    """Make the function of the kernel that hands its arguments on to the one of `functions` with a number.

    What is compiled is a chain of comparisons, written into its caller.

    Args:
        functions: compiled ones; their numbers are their places.
        kind: what they are, for the message of the ValueError that every other number raises.
    """
    message = f"the kernel has no {kind} of this number"

    @_spliced
    def unknown(number: int, arguments: tuple[Any, ...]) -> None:
        raise ValueError(message)

    choose = unknown
    for place in reversed(range(len(functions))):
        choose = _before(place, functions[place], choose)
    return choose


def _before(place: int, own: Callable[..., None], others: Callable[..., None]) -> Callable[..., None]:
    @_spliced
    def choose(number: int, arguments: tuple[Any, ...]) -> None:
        if number == place:
            own(*arguments)
        else:
            others(number, arguments)

    return choose
