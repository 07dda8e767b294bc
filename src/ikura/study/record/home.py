"""Where the run folders of a study lie: what its database does not hold is there."""

from __future__ import annotations

import socket
from pathlib import Path

from typing_extensions import TypedDict

from ikura.schema import Name, Short

__all__ = ["HomeRecord", "home_here"]


class HomeRecord(TypedDict):
    """A run folder, and the machine on which a process worked in it."""

    host: Short
    folder: Name


def home_here(run: Path) -> HomeRecord:
    """A run folder of this machine, as it is recorded.

    Example:
        >>> home_here(Path("/runs/houses"))["folder"]
        '/runs/houses'
    """
    return HomeRecord(host=socket.gethostname(), folder=str(run.absolute()))
