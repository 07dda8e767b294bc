"""The compiled training step of the built-in network."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["sources"]

_FOLDERS = (Path(__file__).parent, Path(__file__).parents[1] / "convolution")


def sources() -> list[Path]:
    """The files that the compiled code is made of."""
    return [*(source for folder in _FOLDERS for source in folder.glob("*.py")), _FOLDERS[0].parent / "update_rules.py"]


def _forget_stale() -> None:
    """Remove compiled code that is older than any source of the kernel.

    A function's cache on disk is checked against its own file only, not against the files of what it calls.
    """
    with suppress(OSError):
        newest = max(source.stat().st_mtime for source in sources())
        for path in (path for folder in _FOLDERS for path in (folder / "__pycache__").glob("*.nb[ic]")):
            if path.stat().st_mtime < newest:
                path.unlink(missing_ok=True)


_forget_stale()
