"""The worst of the trials that train, by what each would keep now."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ikura.best_epoch import best_epochs
from ikura.errors import UsageError
from ikura.study.record.intervention import Action, Request, Status
from ikura.study.record.interventions import Interventions
from ikura.study.record.record import Record
from ikura.wording import shortened

__all__ = ["stops_of_worst"]


def stops_of_worst(record: Record, share: float, why: str) -> Sequence[Request]:
    """The requests that stop the worst of the trials that train.

    Args:
        record: the study.
        share: below 1 the share of the trials that train; otherwise their number.
        why: the reason.

    Raises:
        UsageError: the share is none, or there is nobody to stop.
    """
    number = isinstance(share, int | float) and not isinstance(share, bool)
    wrong = not number or not 0 < share < math.inf
    if wrong or (share >= 1 and share != int(share)):
        raise UsageError(
            f"the worst are a share below 1 or a whole number of trials, but got {shortened(repr(share))[1:-1]}"
        )
    best_first = _ranked(record)
    if not best_first:
        raise UsageError("no trial is in training; there is nothing to stop")
    wanted = math.floor(share * len(best_first)) if share < 1 else int(share)
    if not wanted:
        told = f"{100 * share:g} % of {len(best_first)} in training is less than one"
        raise UsageError(f"nobody is to be stopped: {told}; say how many")
    spared = {best_first[0], *Interventions(record.store).pinned()}
    worst = [number for number in reversed(best_first) if number not in spared][:wanted]
    if not worst:
        told = f"{len(best_first)} in training, {len(spared.intersection(best_first))} of them the leader or pinned"
        raise UsageError(f"nobody is to be stopped: {told}")
    reason = f"among the worst {len(worst)} of {len(best_first)}" + (f": {why}" if why else "")
    return [Request(action=Action.STOP, trial=number, why=reason) for number in worst]


def _ranked(record: Record) -> list[int]:
    """The trials that train, the best first: by the dev score at the epoch of the lowest dev loss, then by that."""
    store = record.store
    live = store.in_training()
    stopping = {
        one.trial
        for one in Interventions(store).every()
        if one.action is Action.STOP and (one.state is Status.APPLIED or (one.state.open and one.at is None))
    }
    rows = [one for one in store.trials() if one.searched and not one.state.ended and one.number not in stopping]
    training = [one.number for one in rows if one.epochs or one.number in live]
    keys: dict[int, tuple[float, float, int]] = {}
    for number, points in store.curves(training, live=True).groupby("number"):
        losses, scores = points["dev_loss"].to_numpy(), points["dev_score"].to_numpy()
        place = int(best_epochs(losses)[-1])
        score = record.sign * float(scores[place]) if place >= 0 and math.isfinite(scores[place]) else -math.inf
        keys[int(str(number))] = (-score, float(losses[place]) if score > -math.inf else math.inf, int(str(number)))
    return sorted(keys, key=lambda number: keys[number])
