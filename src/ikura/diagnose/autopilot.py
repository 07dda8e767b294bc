"""The autopilot: diagnose what was found, change the space as the recipe prescribes, search again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ikura.diagnose.next_steps import NextSteps
from ikura.errors import UsageError
from ikura.study.record.decision import Action, Answer, Ask, Decision, EndRecord, OfferRecord
from ikura.study.record.facts import DECISIONS
from ikura.study.record.trial import Purpose, ranked
from ikura.study.replay import replay
from ikura.study.shortlist import has_weights, keep_weights
from ikura.trial_state import State

if TYPE_CHECKING:
    from ikura.study.executor import Executor
    from ikura.study.record.record import Record
    from ikura.study.record.setting import Setting

__all__ = ["decide"]

UNTRAINED = "no trial could be trained to its end, so there is nothing to diagnose"


def decide(record: Record, executor: Executor, setting: Setting, ask: Ask | None) -> bool:
    """Decide what follows the searches made so far, and record it with its reason.

    What is recorded is never decided again, so that a study that was killed goes on as it would have gone.

    Args:
        record: of the study, whose searches are all carried out.
        executor: where it happens.
        setting: the study's.
        ask: is shown each decision before it counts.

    Returns:
        Whether another search follows; it is the last of `ikura.study.record.search_plans.plans`.
    """
    decisions = executor.store.fact(DECISIONS) or []
    if decisions and decisions[-1].action is Action.STOP:
        return False
    every = ranked(executor.store.trials(purpose=Purpose.SEARCH), executor.sign)
    if not every or every[0].state is State.PRUNED:
        return _recorded(executor, EndRecord(after=1, best=None, diagnosis=None, reason=UNTRAINED, sentence=UNTRAINED))
    if not has_weights(executor.run, every[0].number):
        # The time limit cut a round short: nobody had ended yet.
        keep_weights(executor.run, [replay(record, every[0])])
    with executor.store.timed("diagnosis"):
        pilot = NextSteps(record, executor, setting, every)
    for offer in pilot.offers():
        decision = pilot.decision(offer)
        executor.progress.say(decision.sentence)
        if ask is not None and isinstance(decision, OfferRecord):
            decision = _asked(ask, decision)
        if _recorded(executor, decision):
            return True
        if decision.action is Action.STOP:
            return False
    raise AssertionError("the last offer is to stop")


def _asked(ask: Ask, decision: OfferRecord) -> OfferRecord:
    """A decision to search as a user's answer makes it.

    Raises:
        UsageError: it is no answer.
    """
    answer = ask(decision)
    if answer not in tuple(Answer):
        raise UsageError(f"ask must return one of {', '.join(Answer)}, but returned {answer!r}")
    if answer == Answer.ACCEPT:
        return replace(decision, answer=Answer.ACCEPT)
    return replace(decision, answer=Answer(answer), action=Action(answer), plan=None)


def _recorded(executor: Executor, decision: Decision) -> bool:
    """Add a decision to those on record; whether it is to search."""
    executor.store.set_fact(DECISIONS, [*(executor.store.fact(DECISIONS) or []), decision])
    return decision.action is Action.SEARCH
