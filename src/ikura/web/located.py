"""Where the page finds a study: a run folder with a database in it, or an address on a server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from ikura.study.record.address import Address, written_address

__all__ = ["CONFIG", "DATABASE", "Run", "Runs", "address_of"]

Run = Path | Address
"""A study as the page knows it: its run folder, or where it is on a server, if it is served from there."""
CONFIG, DATABASE = "config.toml", "study.db"


class Runs(Protocol):
    """The runs that are served."""

    single: bool

    @property
    def name(self) -> str:
        """What the page calls the place."""

    def all(self) -> Mapping[str, Run]:
        """Return the runs that are there, by name."""

    def get(self, name: str) -> Run:
        """Return a run."""


def address_of(run: Run) -> Address | None:
    """Where on a server a study is recorded; None if it is in its run folder."""
    if isinstance(run, Address):
        return run
    with suppress(OSError):
        path = run / CONFIG
        return _named(path, path.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=4096)
def _named(path: Path, changed: int) -> Address | None:
    """What a config.toml says of a server, read again when it was changed."""
    return written_address(path)
