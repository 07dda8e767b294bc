"""Options that say on which machines a study trains."""

from __future__ import annotations

from typing import Annotated

from ikura.cli.option_helpers import at_least, one_of, option, whole
from ikura.errors import UsageError

__all__ = ["Address", "Engine", "Workers", "check_engine"]

ENGINES = ("auto", "ray")
PANEL = "Budget"

Engine = Annotated[
    str, option("ENGINE", "auto trains on this machine, ray on the nodes of a Ray cluster (docs/cluster.md).", PANEL)
]
Address = Annotated[
    str | None,
    option(
        "ADDRESS",
        "Of the Ray cluster: auto for the one that `ray start` began here, HOST:PORT or ray://HOST:PORT for another "
        "machine's; by default local, one of this machine that ends with the study.",
        PANEL,
    ),
]
Workers = Annotated[
    int | None,
    option("N", "With --engine ray, workers on each node; by default one for each core, or each GPU.", PANEL, whole),
]


def check_engine(engine: str, address: str | None, workers: int | None) -> None:
    """Refuse what says nothing of a cluster.

    Raises:
        UsageError: the engine is unknown, or what is given is not of it.

    Example:
        >>> check_engine("auto", "local", None)
        Traceback (most recent call last):
        ikura.errors.UsageError: --address is of a Ray cluster; give --engine ray too
    """
    one_of("--engine", engine, ENGINES)
    at_least("--workers", workers, 1)
    for name, value in (("--address", address), ("--workers", workers)):
        if value is not None and engine != "ray":
            raise UsageError(f"{name} is of a Ray cluster; give --engine ray too")
