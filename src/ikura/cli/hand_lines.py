"""What the live view of a network in training says: how a trial stands, what it is trained with, what was asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ikura.wording import figure, one_line

if TYPE_CHECKING:
    import pandas as pd

    from ikura.api.study import Study
    from ikura.schema import Scalar
    from ikura.study.record.trial import Trial

__all__ = ["asked", "moved", "others", "short", "standing", "told", "values_of"]


def standing(study: Study, trial: Trial, curve: pd.DataFrame, trials: int) -> str:
    """Which trial it is, of how many, and how it stands."""
    from ikura.study.goals import Goals

    total = Goals(study.setting, study.store).of(trial).epochs
    which = f"one of {trials}, " if trials > 1 else ""
    named = f"trial {trial.number} ({which}{_state(study, trial.number)})"
    if not len(curve):
        return f"{named}: epoch 0 of {total}"
    epoch, train, dev, score = (curve[name].tolist() for name in ("epoch", "train_loss", "dev_loss", "dev_score"))
    best = min((i for i, one in enumerate(dev) if math.isfinite(one)), key=lambda i: dev[i], default=None)
    kept = "" if best is None else f", kept: {figure(score[best])} at epoch {epoch[best]}"
    losses = f"training loss {figure(train[-1])}, dev loss {figure(dev[-1])}"
    return f"{named}: epoch {epoch[-1]} of {total}, {losses}, dev score {figure(score[-1])}{kept}"


def others(study: Study, trials: Sequence[int]) -> str:
    """How other trials stand that have not ended; empty for none."""
    states = {number: _state(study, number) for number in trials}
    return ", ".join(f"trial {number} {state}" for number, state in states.items())


def _state(study: Study, trial: int) -> str:
    from ikura.study.record.study_tables import live_row_of
    from ikura.trial_state import State

    state = live_row_of(study.store, trial).state
    if state.ended or (state is State.PAUSED and study.steer.paused(trial)):
        return str(state)
    return "in training" if state is State.RUNNING and study.store.in_training([trial]) else "waiting"


def moved(curve: pd.DataFrame) -> str:
    """How far the last epoch moved the weights, relative to their size, and how large gradients are."""
    sizes = curve[["update_norm", "weight_norm"]].dropna() if "update_norm" in curve else curve[:0]
    if not len(sizes):
        return ""
    length, size = sizes.iloc[-1]
    share = f", {length / size:.2g} of their size {figure(size, 3)}" if size > 0 else ""
    gradients = curve["gradient_norm"].dropna().tolist() if "gradient_norm" in curve else []
    slope = f"; a mini-batch's gradient has the norm {figure(gradients[-1], 3)}" if gradients else ""
    return f"the last epoch moved the weights by {figure(length, 3)}{share}{slope}"


def values_of(study: Study, trial: Trial) -> dict[str, Any]:
    """The hyperparameters in effect, and those that are asked for at once; the learning rate among them."""
    from ikura.steer.new_values import values_at

    return {"learning_rate": trial.member.values.learning_rate, **values_at(study, trial, None)}


def told(one: Any) -> str:
    """An intervention, and what became of it, in one line."""
    whom = "study" if one.trial is None else f"trial {one.trial}"
    if one.action == "note":
        return f"{whom}: note: {one_line(one.why)}"
    values = " ".join(f"{name}={short(value)}" for name, value in one.values.items())
    made = "" if one.made is None else f", as trial {one.made}"
    state = f"applied after epoch {one.epoch}{made}" if one.epoch is not None else f"{one.state} {one.reason}".rstrip()
    if one.at is not None and one.state in ("asked", "accepted"):
        state = f"{state}, after epoch {one.at}"
    if one.action in ("fork", "longer") and one.state in ("asked", "accepted"):
        still = " or stands still" if one.action == "fork" else ""
        state = f"waits until trial {one.trial} has ended{still}"
    return f"{whom}: {one.action} {values}".rstrip() + f": {state}"


def asked(one: Any) -> str:
    """What was asked just now, and of whom."""
    whom = "" if one.trial is None else f" trial {one.trial}"
    return ", ".join([f"asked: {one.action}{whom}", *(f"{name} {short(value)}" for name, value in one.values.items())])


def short(value: Scalar) -> str:
    """A value of any kind, a number with few digits."""
    return one_line(str(value)) if isinstance(value, bool | str) else f"{value:g}"
