"""Who goes on training, and until when."""

from ikura import built_in
from ikura.registry import Registry
from ikura.search.schedule._base import Copy, Round, Schedule, StageContext, Standing
from ikura.search.schedule.asha import Asha
from ikura.search.schedule.early_stopping import EarlyStopping, NoSchedule
from ikura.search.schedule.hyperband import Hyperband
from ikura.search.schedule.pbt import PopulationBasedTraining
from ikura.search.schedule.racing import Racing
from ikura.search.schedule.round_check import check_round
from ikura.search.schedule.successive_halving import SuccessiveHalving

__all__ = [
    "SCHEDULES",
    "Asha",
    "Copy",
    "EarlyStopping",
    "Hyperband",
    "NoSchedule",
    "PopulationBasedTraining",
    "Racing",
    "Round",
    "Schedule",
    "StageContext",
    "Standing",
    "SuccessiveHalving",
    "check_round",
    "schedule",
]

SCHEDULES: Registry[type[Schedule]] = built_in.SCHEDULES
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
    return SCHEDULES.look_up(name)()
