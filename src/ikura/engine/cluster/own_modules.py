"""Modules of the caller's from which something is sent by name: whether a node has the same ones."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import ModuleType

from ikura.errors import UsageError

__all__ = ["check_sources", "sources"]

LIBRARIES = tuple(str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platlib", "purelib"))
COMPARED = ("ikura", "ray", "torch", "numpy", "numba", "llvmlite", "__main__", *sys.stdlib_module_names)
"""Packages whose versions are compared already, and what travels by value."""


def sources(names: Iterable[str]) -> dict[str, str]:
    """Digests of the files of modules, and of those of the caller's that they use.

    Args:
        names: of imported modules.

    Returns:
        Digest by the name of the module; without what is compared by its version, and what is no Python file.

    Example:
        >>> sources(["pickle", "numpy.linalg"])
        {}
    """
    found: dict[str, str] = {}
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        if name in seen or module is None or name.partition(".")[0] in COMPARED:
            continue
        seen.add(name)
        if (digest := _digest(module)) is None:
            continue
        found[name] = digest
        if not str(Path(str(module.__file__)).resolve()).startswith(LIBRARIES):
            waiting += _used(module)
    return dict(sorted(found.items()))


def check_sources(expected: Mapping[str, str]) -> None:
    """Refuse modules that are others on this machine than where the study is led.

    Args:
        expected: what `sources` returned there; modules that are not imported here are not compared.

    Raises:
        UsageError: naming them.
    """
    others = [name for name, digest in expected.items() if _digest(sys.modules.get(name)) not in (None, digest)]
    if not others:
        return
    first = sys.modules[others[0]]
    more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
    raise UsageError(
        f"the module {others[0]}{more} of what the study is given is another one there, {first.__file__}; bring the "
        "same file to every node"
    )


def _used(module: ModuleType) -> Collection[str]:
    """Names of the modules of which a module has something."""
    found = set[str]()
    for value in vars(module).values():
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str):
            found.add(name)
    return found


def _digest(module: ModuleType | None) -> str | None:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return None
    with suppress(OSError):
        return blake2b(Path(file).read_bytes(), digest_size=8).hexdigest()
    return None
