"""What a study's bits depend on besides its seed: versions of the libraries, and the kind of processor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.metadata import version

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
    found = {name: version(name) for name in LIBRARIES[1:]}
    return {"ikura": __version__, **found, "processor": processor()}


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
