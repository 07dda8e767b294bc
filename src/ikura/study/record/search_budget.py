"""What a hand made of a search's budget while it ran: trials, epochs and the time limit."""

from __future__ import annotations

from ikura.study.record.decision import SearchPlan
from ikura.study.record.intervention import Action
from ikura.study.record.interventions import Interventions
from ikura.study.record.store import Store

__all__ = ["full_epochs", "full_trials"]


def full_epochs(store: Store, plan: SearchPlan, number: int | None = None) -> int:
    """Epochs of a full training in a search.

    Args:
        store: of the study.
        plan: the search.
        number: of a trial, for what held when it was proposed; None for what holds now.
    """
    return _latest(store, "epochs", number) or plan.epochs


def full_trials(store: Store, plan: SearchPlan, number: int | None = None) -> int:
    """Trials of a search, by what held when a trial was proposed, or holds now."""
    return _latest(store, "trials", number) or plan.trials


def _latest(store: Store, name: str, number: int | None) -> int | None:
    changes = Interventions(store).of_search(Action.BUDGET)
    held = [one.values[name] for one in changes if name in one.values and (number is None or one.proposed <= number)]
    return int(held[-1]) if held else None
