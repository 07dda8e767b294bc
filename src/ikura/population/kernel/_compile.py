"""How the kernel is compiled: without the interpreter's lock, cached on disk, sums and products free to be reordered.

NaN and infinity keep their meaning (no `nnan`, `ninf`): a member that diverges must be seen to diverge.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ikura.population.kernel import forget_stale
from ikura.population.kernel._linking import LinkedFunction, compile_callback

__all__ = ["FLAGS", "also_compiled", "by_number", "called_by_address", "compiled"]

FLAGS = {"contract", "reassoc", "arcp", "nsz"}
_OPTIONS = {"nopython": True, "boundscheck": None, "nogil": True, "fastmath": FLAGS, "error_model": "numpy"}
_F = TypeVar("_F", bound=Callable[..., Any])


def _found(folder: str) -> None:
    forget_stale(Path(folder))


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function into those that call it; where Python calls it, load it from the cache on disk or fill that.

    What is there is loaded only where it was made of the same sources.
    """
    return LinkedFunction(function, dict(_OPTIONS), _found)


def also_compiled(function: _F) -> _F:
    """Mark a function that Python calls as it is written and the kernel compiles."""
    marked: Any = LinkedFunction(function, dict(_OPTIONS), _found, plain=True)
    result: _F = marked
    return result


def called_by_address(function: Callable[..., None], form: Any) -> Any:
    """Compile a function for one signature, or load it from the cache on disk; its `address` is that of its code."""
    return compile_callback(function, form, {"fastmath": FLAGS, "error_model": "numpy"})


def by_number(functions: Sequence[Callable[..., None]], kind: str) -> Any:
    """Make the function of the kernel that hands its arguments on to the one of `functions` with a number.

    Args:
        functions: compiled ones, with the same arguments; their numbers are their places.
        kind: what they are, for the message of the ValueError that every other number raises.
    """
    names: dict[str, Any] = {f"function_{place}": function for place, function in enumerate(functions)}
    arguments = ", ".join(inspect.signature(functions[0]).parameters)
    lines = [f"def choose(number, {arguments}):"]
    for place, name in enumerate(names):
        lines += [f"    {'elif' if place else 'if'} number == {place}:", f"        {name}({arguments})"]
    lines += ["    else:", f"        raise ValueError({f'the kernel has no {kind} of this number'!r})"]
    names["__name__"] = __name__
    exec("\n".join(lines), names)
    return compiled(names["choose"])
