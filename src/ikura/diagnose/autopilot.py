"""The autopilot: diagnose what was found, change the space as the recipe prescribes, search again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ikura.diagnose.pilot import Pilot
from ikura.errors import UsageError
from ikura.study.record.search_plans import DECISIONS, Ask
from ikura.study.replay import replay
from ikura.study.shortlist import has_weights, keep_weights, ranked

if TYPE_CHECKING:
    from ikura.api.study import Study
    from ikura.study.executor import Floor
    from ikura.study.record.setting import Setting

__all__ = ["ANSWERS", "decide"]

ANSWERS = ("accept", "skip", "stop")
"""What a user may answer to a decision."""

UNTRAINED = "no trial could be trained to its end, so there is nothing to diagnose"


def decide(study: Study, floor: Floor, setting: Setting, ask: Ask | None) -> bool:
    """Decide what follows the searches made so far, and record it with its reason.

    What is recorded is never decided again, so that a study that was killed goes on as it would have gone.

    Args:
        study: the study, whose searches are all carried out.
        floor: where it happens.
        setting: the study's.
        ask: is shown each decision before it counts.

    Returns:
        Whether another search follows; it is the last of `ikura.study.record.search_plans.plans`.
    """
    decisions = floor.store.fact(DECISIONS, [])
    if decisions and decisions[-1]["action"] == "stop":
        return False
    every = ranked(floor, "search")
    if not every or every[0]["state"] == "pruned":
        about = dict.fromkeys(("name", "best", "diagnosis", "plan", "answer"))
        return _recorded(floor, about | {"action": "stop", "after": 1, "reason": UNTRAINED, "sentence": UNTRAINED})
    if not has_weights(floor.run, every[0]["number"]):
        # The time limit cut a round short: nobody had ended yet.
        keep_weights(floor.run, [replay(study, floor.store, every[0])])
    with floor.store.timed("diagnosis"):
        pilot = Pilot(study, floor, setting, every)
    for offer in pilot.offers():
        decision = pilot.decision(offer)
        floor.progress.say(decision["sentence"])
        if decision["action"] == "search" and ask is not None:
            decision |= _asked(ask, decision)
        if _recorded(floor, decision):
            return True
        if decision["action"] == "stop":
            return False
    raise AssertionError("the last offer is to stop")


def _asked(ask: Ask, decision: Mapping[str, Any]) -> dict[str, Any]:
    """What a user's answer makes of a decision to search.

    Raises:
        UsageError: it is no answer.
    """
    answer = ask(decision)
    if answer not in ANSWERS:
        raise UsageError(f"ask must return one of {', '.join(ANSWERS)}, but returned {answer!r}")
    if answer == "accept":
        return {"answer": answer}
    return {"answer": answer, "action": answer, "plan": None}


def _recorded(floor: Floor, decision: dict[str, Any]) -> bool:
    """Add a decision to those on record; whether it is to search."""
    floor.store.set_fact(DECISIONS, [*floor.store.fact(DECISIONS, []), decision])
    return decision["action"] == "search"
