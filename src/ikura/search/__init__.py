"""What to try next, and who goes on training."""

from ikura.errors import UsageError, nearest
from ikura.search._base import Observation, Proposal, Proposer, Region, Stage
from ikura.search.coarse_to_fine import CoarseToFine
from ikura.search.random import RandomSearch
from ikura.search.schedule import SCHEDULES, Schedule, schedule
from ikura.space import Space

__all__ = [
    "PROPOSERS",
    "SCHEDULES",
    "CoarseToFine",
    "Observation",
    "Proposal",
    "Proposer",
    "RandomSearch",
    "Region",
    "Schedule",
    "Stage",
    "proposer",
    "schedule",
]

PROPOSERS: dict[str, type[Proposer]] = {one.name: one for one in (RandomSearch, CoarseToFine)}
"""Name to proposer."""


def proposer(name: str, space: Space, seed: int = 0) -> Proposer:
    """Make a proposer by name.

    Args:
        name: one of `PROPOSERS`.
        space: what is searched.
        seed: key of all draws, a non-negative integer.

    Returns:
        The proposer.

    Raises:
        UsageError: the name is unknown; the nearest is offered. Or the seed is negative.

    Example:
        >>> from ikura.space import log
        >>> proposer("random", Space(learning_rate=log(1e-4, 1))).name
        'random'
    """
    if name not in PROPOSERS:
        raise UsageError(f"unknown search {name!r}{nearest(name, PROPOSERS)}: use {', '.join(PROPOSERS)}")
    return PROPOSERS[name](space, seed)
