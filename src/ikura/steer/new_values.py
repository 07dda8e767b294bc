"""New values of hyperparameters: which may change while a network trains, and what they can be."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ikura.errors import UsageError, listed, nearest
from ikura.page.formatting import number
from ikura.population.member import check_value
from ikura.population.schedule import learning_rates, pieces_of, shape
from ikura.schema import Scalar
from ikura.space.effects import Effect, Need, Place
from ikura.space.hyperparameters import DEFAULTS, EACH_LAYER, EFFECTS, OF_IMAGES, OPTIONS, effect_of, layer_of
from ikura.space.limits import BOUNDS
from ikura.study.goals import Goals
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.networks import OWN, PRETRAINED
from ikura.study.record.record import Record
from ikura.study.record.study_tables import live_row_of, row_of
from ikura.study.record.trial import Trial
from ikura.study.steered import values_after

__all__ = [
    "SHAPE", "WORDS", "changeable", "changeable_values", "check_values", "values_at", "with_numbers_of_shape",
    "without_effect",
]  # fmt: skip

BUILT_IN = ("mlp", "cnn")
OF_TRAINING = ("dropout", "dropout_input", "normalisation_momentum")
"""What the built-in networks have and can change while they train."""
SHAPE, CONSTANT = "schedule_shape", "constant"
LOOKS = 4
"""At how many updates of an epoch a schedule is looked at."""
WORDS = (SHAPE, "pieces")
"""What can change and is no number."""
OF_SHAPES = tuple(
    name for name, effect in EFFECTS.items() if any(need.name == SHAPE for group in effect.needs for need in group)
)
"""What acts with some shapes of the schedule only."""


def changeable(record: Record) -> list[str]:
    """Name the hyperparameters that can be given other values while a network of a study trains.

    What decides on a network's form, or how it begins, stays as it is, and so do choices but for the schedule's shape.
    """
    network = record.setting.network
    names = [*BOUNDS, *WORDS, *(OF_TRAINING if network in BUILT_IN else ())]
    augments = network != "mlp" or any(name in record.setting.space for name in OF_IMAGES)
    return [*names, *OF_IMAGES] if record.summary.get("images") and augments else names


def values_at(record: Record, trial: Trial, at: int | None) -> dict[str, Any]:
    """The hyperparameters of a trial at an epoch, once all that was asked until then has taken effect.

    Args:
        record: of the study.
        trial: the trial.
        at: how many of its epochs are over; None for as many as it has trained.

    Returns:
        Name to value, but for what the trial leaves to defaults.
    """
    come = live_row_of(record.store, trial.number).epochs
    # What was applied is on record before it shows how far the trial has come; what a finalist repeats is long before.
    now = sys.maxsize if trial.searched else come
    found = values_after(record.store, trial, now if at is None else at)
    asked = [one for one in Interventions(record.store).unsettled([trial.number]) if one.action is Action.SET]
    begins = {one.number: come if one.at is None else one.at for one in asked}
    for one in sorted(asked, key=lambda one: begins[one.number]):
        if begins[one.number] <= (come if at is None else at):
            found |= one.values
    return found


def with_numbers_of_shape(record: Record, request: Request) -> Request:
    """A request for another shape of the schedule, with the defaults of what acts with it where the trial has none.

    Other requests are returned as they are.

    Args:
        record: of the study.
        request: what is asked.
    """
    wanted = request.values.get(SHAPE)
    if request.action not in (Action.SET, Action.FORK) or request.trial is None or wanted is None:
        return request
    known = values_at(record, row_of(record.store, request.trial), request.at) | dict(request.values)
    acting = [name for name in OF_SHAPES if name not in WORDS and name not in known and _acts_by_shape(name, wanted)]
    return replace(request, values={**request.values, **{name: DEFAULTS[name] for name in acting}})


def without_effect(record: Record, request: Request) -> str:
    """Say which values of its own a trial keeps without effect when its schedule has another shape; empty for none.

    Args:
        record: of the study.
        request: what is asked, or was.
    """
    wanted = request.values.get(SHAPE)
    if request.action not in (Action.SET, Action.FORK) or request.trial is None or wanted is None:
        return ""
    trial = row_of(record.store, request.trial)
    had = values_at(record, trial, request.at) | dict(request.values)
    now, network = replace(trial, hyperparameters=had).member.values, record.setting.network
    idle = [name for name in OF_SHAPES if had.get(name) and not _acts(name, now, network)]
    told = [f"{name} {number(had[name])}" for name in idle]
    whom, verb = "of its fork " if request.action is Action.FORK else "", "has" if len(told) == 1 else "have"
    return f"trial {trial.number}: {whom}{listed(told)} {verb} no effect with {SHAPE} {wanted}" if told else ""


def _acts(name: str, values: Mapping[str, Any], network: str) -> bool:
    """Whether a hyperparameter acts beside other values."""
    return all(any(need.accepts(values[need.name]) for need in needs) for needs in _needs(EFFECTS[name], network))


def _acts_by_shape(name: str, wanted: Scalar) -> bool:
    """Whether a hyperparameter acts with a shape of the schedule."""
    return any(need.name == SHAPE and need.accepts(wanted) for group in EFFECTS[name].needs for need in group)


def changeable_values(record: Record, trial: Trial) -> dict[str, Scalar]:
    """The hyperparameters that can be given other values while a trial trains and would then act, with their values.

    One that acts only with others is among them where those can change too.

    Args:
        record: of the study.
        trial: the trial.

    Returns:
        By name the value that the trial has with all that was asked by now, which may be the default.
    """
    now = replace(trial, hyperparameters=values_at(record, trial, None))
    values, known, place = now.member.values, changeable(record), _place(record)

    def acts(name: str) -> bool:
        effect = effect_of(name) or Effect()
        least = BOUNDS.get(name, (values[name],))[0]
        held = name == "batch_size" or all(holds(place, least) is not False for holds, _ in effect.place)
        return held and all(
            any(need.name in known or need.accepts(values.get(need.name)) for need in needs)
            for needs in _needs(effect, place.network)
        )

    ours = [name for name in known if name in WORDS or type(values.get(name)) in (int, float)]
    return {name: values[name] for name in ours if acts(name)}


def check_values(record: Record, trial: Trial, values: Mapping[str, Any], at: int | None = None) -> None:
    """Refuse values that a trial cannot be given while it trains, or that would have no effect.

    Args:
        record: of the study.
        trial: the trial.
        values: hyperparameters and their new values.
        at: after how many of its epochs it gets them; None for as many as it has trained.

    Raises:
        UsageError: naming the value that is wrong and what would be right.
    """
    if not values:
        raise UsageError("nothing to set; name a hyperparameter and its value, such as learning_rate=0.003")
    for name, value in values.items():
        _check_name(record, name)
        number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
        if name not in WORDS and not number:
            raise UsageError(f"{name} must be a number, but is {value!r}")
        check_value(name, value, built_in=record.setting.network != OWN)
    now = replace(trial, hyperparameters={**values_at(record, trial, at), **values}).member.values
    for name, value in values.items():
        need, line = OPTIONS.get((name, value), (None, ""))
        if need is not None and not need.accepts(now[need.name]):
            line = line.replace(" ", "")
            raise UsageError(f"{name} {value} is the same as constant without {need.words}; set {line} too")
        _check_effect(record, trial.number, name, now)
    if values.get(SHAPE, CONSTANT) != CONSTANT:
        begin = live_row_of(record.store, trial.number).epochs if at is None else at
        _check_shape(now, begin, Goals(record.setting, record.store).of(trial).epochs)


def _check_name(record: Record, name: str) -> None:
    known, network = changeable(record), record.setting.network
    kind, layer = layer_of(name)
    if name in known or (layer is not None and kind in known and kind in EACH_LAYER and network == "mlp"):
        return
    told = f"what can change: {listed(known, 50)}"
    if kind in DEFAULTS or name in record.setting.space:
        raise UsageError(f"{name} stays as it is while a network trains; {told}")
    raise UsageError(f"no hyperparameter {name!r}{nearest(name, known)}; {told}")


def _check_effect(record: Record, trial: int, name: str, values: Mapping[str, Any]) -> None:
    """Refuse what would act only in another place, or beside other values than the trial has."""
    effect, place = effect_of(name) or Effect(), _place(record)
    for holds, words in effect.place:
        if name != "batch_size" and holds(place, values[name]) is False:
            raise UsageError(f"{name} {values[name]} would have no effect: it needs {words}")
    for needs in _needs(effect, place.network):
        if not any(need.accepts(values[need.name]) for need in needs if need.name in values):
            words = " or ".join(need.words for need in needs)
            has = ", ".join(f"{need.name} {values.get(need.name)}" for need in needs)
            raise UsageError(f"{name} would have no effect: it acts only with {words}, but trial {trial} has {has}")


def _check_shape(values: Mapping[str, Any], at: int, epochs: int) -> None:
    """Refuse a shape of the schedule that leaves the learning rate as it is from an epoch on to the last one."""
    wanted = values[SHAPE]
    if shape(wanted).follows:
        waits = wanted == "plateau" and values["plateau_patience"] >= epochs - at - 2
        still = waits or 1 in (values["step_factor"], values["final_share"])
    else:
        # Beside pieces all shapes are elsewhere in the end than at first, if they move at all.
        begins = [begin for begin, _ in pieces_of(values["pieces"])] if wanted == "pieces" else []
        looked = {epoch for epoch in (at, *begins, epochs - 1) if at <= epoch < epochs}
        plain = {**values, "learning_rate": 1.0, "warm_up": 0.0}
        still = all(set(learning_rates(plain, epoch, LOOKS, epochs)) == {1.0} for epoch in looked)
    if still:
        told = listed([f"{name} {number(values[name])}" for name in OF_SHAPES if _acts_by_shape(name, wanted)])
        when = f"from epoch {at + 1} to {epochs}"
        raise UsageError(f"{SHAPE} {wanted} is the same as constant {when} with {told}; set other values too")


def _place(record: Record) -> Place:
    """Where a study trains."""
    network = record.setting.network
    images, rows = bool(record.summary.get("images")), record.summary.get("parts", {}).get("train")
    return Place(network, record.task, images, rows, record.setting.epochs, network == PRETRAINED)


def _needs(effect: Effect, network: str) -> list[list[Need]]:
    """The groups of needs that there are in a network, of each of which one must be met."""
    groups = ([need for need in group if not need.networks or network in need.networks] for group in effect.needs)
    return [needs for needs in groups if needs]
