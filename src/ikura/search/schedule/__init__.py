"""Who goes on training, and until when."""

from ikura.errors import UsageError, nearest
from ikura.search.schedule._base import Copy, Plan, Round, Schedule, Standing
from ikura.search.schedule.asha import Asha
from ikura.search.schedule.check import check_round
from ikura.search.schedule.early_stopping import EarlyStopping, NoSchedule
from ikura.search.schedule.hyperband import Hyperband
from ikura.search.schedule.pbt import PopulationBasedTraining
from ikura.search.schedule.racing import Racing
from ikura.search.schedule.successive_halving import SuccessiveHalving

__all__ = [
    "SCHEDULES",
    "Asha",
    "Copy",
    "EarlyStopping",
    "Hyperband",
    "NoSchedule",
    "Plan",
    "PopulationBasedTraining",
    "Racing",
    "Round",
    "Schedule",
    "Standing",
    "SuccessiveHalving",
    "check_round",
    "schedule",
]

SCHEDULES: dict[str, type[Schedule]] = {
    one.name: one
    for one in (EarlyStopping, NoSchedule, SuccessiveHalving, Hyperband, Asha, PopulationBasedTraining, Racing)
}
"""Name to schedule."""


def schedule(name: str) -> Schedule:
    """Make a schedule by name, with its default settings.

    Args:
        name: one of `SCHEDULES`.

    Returns:
        The schedule.

    Raises:
        UsageError: the name is unknown; the nearest is offered.

    Example:
        >>> schedule("successive-halving").name
        'successive-halving'
    """
    if name not in SCHEDULES:
        raise UsageError(f"unknown schedule {name!r}{nearest(name, SCHEDULES)}: use {', '.join(SCHEDULES)}")
    return SCHEDULES[name]()
