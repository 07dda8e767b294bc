"""What to try next, and who goes on training."""

from ikura import built_in
from ikura.registry import Registry
from ikura.search._base import EARLIER, Observation, Proposal, Proposer, Region, Stage, Widening
from ikura.search.cma_es import CMAESSearch
from ikura.search.coarse_to_fine import CoarseToFine
from ikura.search.gp import GPSearch
from ikura.search.grid import GridSearch
from ikura.search.quasi_random import HaltonSearch, SobolSearch
from ikura.search.random import RandomSearch
from ikura.search.schedule import SCHEDULES, Schedule, schedule
from ikura.search.tpe import TPESearch
from ikura.space import Space

__all__ = [
    "EARLIER",
    "PROPOSERS",
    "SCHEDULES",
    "CMAESSearch",
    "CoarseToFine",
    "GPSearch",
    "GridSearch",
    "HaltonSearch",
    "Observation",
    "Proposal",
    "Proposer",
    "RandomSearch",
    "Region",
    "Schedule",
    "SobolSearch",
    "Stage",
    "TPESearch",
    "Widening",
    "proposer",
    "schedule",
]

PROPOSERS: Registry[type[Proposer]] = built_in.SEARCHES
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
    return PROPOSERS.look_up(name)(space, seed)
