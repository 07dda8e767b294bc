"""What the front of a study costs, measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING

from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.study.buildable import unbuildable
from ikura.study.network_cost import architecture, inference_seconds, parameters
from ikura.study.record.facts import COSTS
from ikura.study.record.objectives import MEASURED
from ikura.trial_state import State

if TYPE_CHECKING:
    from ikura.study.executor import Executor

__all__ = ["measure"]


def measure(executor: Executor) -> None:
    """Record what the trials of the search cost, in one fact; inference is timed once for each architecture.

    Nothing trains meanwhile. Where the deadline passes, what is left stays unknown.
    """
    wanted = [name for name in MEASURED if name in executor.objectives.objectives]
    if not wanted or executor.store.fact(COSTS) is not None:
        return
    trials = executor.store.trials()
    costs: dict[str, list[float | None]] = {name: [None] * len(trials) for name in wanted}
    call: Mapping[str, Callable[[TrainingSetup, Member], float]] = {
        "parameters": parameters,
        "inference_seconds": inference_seconds,
    }
    known: dict[Hashable, dict[str, float]] = {}
    with executor.store.timed("measure"):
        for trial in trials:
            ended = trial.state.trained and trial.dev_score is not None and math.isfinite(trial.dev_score)
            if not trial.searched or not (ended or trial.state is State.INFEASIBLE):
                continue
            member = trial.member
            if trial.state is State.INFEASIBLE and unbuildable(executor.setup, [member]):
                continue
            names = [name for name in wanted if name == "parameters" or (ended and not executor.late)]
            values = known.setdefault(architecture(executor.setup, member), {})
            for name in names:
                if name not in values:
                    values[name] = call[name](executor.setup, member)
                costs[name][trial.number] = values[name]
    executor.store.set_fact(COSTS, costs)
