"""The compiled training step of the built-in network."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["forget_stale", "sources", "sources_digest"]

_HOME = Path(__file__).parents[1]
_FOLDERS = (_HOME / "kernel", _HOME / "convolution", _HOME / "program" / "operations")
_KINDS = ("*.nb[ic]", "ikura-*.compiled", "ikura-*.sources")


def sources() -> list[Path]:
    """The files that the compiled code is made of."""
    return [*(source for folder in _FOLDERS for source in folder.glob("*.py")), _FOLDERS[0].parent / "update_rules.py"]


def sources_digest() -> str:
    """The SHA-256 of places and contents of the files that the compiled code is made of."""
    digest = hashlib.sha256()
    for source in sorted(sources()):
        digest.update(os.path.relpath(source, _FOLDERS[0]).encode() + hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


@cache
def forget_stale(folder: Path) -> None:
    """Remove compiled code from a folder if it was made of other sources than those that are there now.

    Numba checks a function's compiled code against the function's own file only, neither against the files of what it
    calls nor against the modules whose types it takes.
    """
    with suppress(OSError):
        mark = folder / f"ikura-{sources_digest()[:16]}.sources"
        if not mark.exists():
            for path in [path for kind in _KINDS for path in folder.glob(kind)]:
                path.unlink(missing_ok=True)
            mark.touch()
