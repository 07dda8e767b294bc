"""What a study's bits depend on besides its seed: versions of the libraries, and the kind of processor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import version
from types import MappingProxyType

from ikura.process_state import processor
from ikura.version import __version__

__all__ = ["LIBRARIES", "difference", "versions"]

LIBRARIES = ("ikura", "torch", "numpy", "numba")


def versions() -> dict[str, str]:
    """Versions by name: ikura, torch, numpy, numba; under "processor" its kind.

    Example:
        >>> list(versions())
        ['ikura', 'torch', 'numpy', 'numba', 'processor']
    """
    return {"ikura": __version__, **_installed(), "processor": processor()}


@cache
def _installed() -> Mapping[str, str]:
    return MappingProxyType({name: version(name) for name in LIBRARIES[1:]})


def difference(before: Mapping[str, str], names: Collection[str] = (*LIBRARIES, "processor")) -> str:
    """Say what is otherwise here than where something was made; nothing where all is the same.

    Args:
        before: as `versions` returned it then; what it lacks is not compared.
        names: those that matter.

    Example:
        >>> difference(versions())
        ''
        >>> difference({"torch": "1.0", "processor": "abacus"}, ["torch"]).startswith("made with torch 1.0 (here ")
        True
    """
    now = versions()
    others = [
        f"{name} {before[name]} (here {now[name]})" for name in names if name in before and before[name] != now[name]
    ]
    return f"made with {', '.join(others)}: the last bits may differ" if others else ""
