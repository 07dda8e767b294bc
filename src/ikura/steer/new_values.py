"""New values of hyperparameters: which may change while a network trains, and what they can be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ikura.errors import UsageError, listed, nearest
from ikura.population.member import check_value
from ikura.space.effects import Effect, Need, Place
from ikura.space.hyperparameters import DEFAULTS, EACH_LAYER, OF_IMAGES, effect_of, layer_of
from ikura.space.limits import BOUNDS
from ikura.study.record.networks import OWN, PRETRAINED
from ikura.study.record.record import Record
from ikura.study.record.trial import Trial

__all__ = ["changeable", "changeable_values", "check_values"]

BUILT_IN = ("mlp", "cnn")
OF_TRAINING = ("dropout", "dropout_input", "normalisation_momentum")
"""What the built-in networks have and can change while they train."""


def changeable(record: Record) -> list[str]:
    """Name the hyperparameters that can be given other values while a network of a study trains.

    What decides on a network's form, or how it begins, stays as it is, and so do choices.
    """
    network = record.setting.network
    names = [*BOUNDS, *(OF_TRAINING if network in BUILT_IN else ())]
    augments = network != "mlp" or any(name in record.setting.space for name in OF_IMAGES)
    return [*names, *OF_IMAGES] if record.summary.get("images") and augments else names


def changeable_values(record: Record, trial: Trial) -> dict[str, float]:
    """The hyperparameters that can be given other values while a trial trains and would then act, with their values.

    One that acts only with others is among them where those can change too.

    Args:
        record: of the study.
        trial: the trial.

    Returns:
        By name the value that the trial began with, which may be the default.
    """
    values, known, place = trial.member.values, changeable(record), _place(record)

    def acts(name: str) -> bool:
        effect = effect_of(name) or Effect()
        held = name == "batch_size" or all(holds(place, values[name]) is not False for holds, _ in effect.place)
        return held and all(
            any(need.name in known or need.accepts(values.get(need.name)) for need in needs)
            for needs in _needs(effect, place.network)
        )

    numbers = [name for name in known if type(values.get(name)) in (int, float)]
    return {name: values[name] for name in numbers if acts(name)}


def check_values(record: Record, trial: Trial, values: Mapping[str, Any]) -> None:
    """Refuse values that a trial cannot be given while it trains, or that would have no effect.

    Args:
        record: of the study.
        trial: the trial.
        values: hyperparameters and their new values.

    Raises:
        UsageError: naming the value that is wrong and what would be right.
    """
    if not values:
        raise UsageError("nothing to set; name a hyperparameter and its value, such as learning_rate=0.003")
    for name, value in values.items():
        _check_name(record, name)
        if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value):
            raise UsageError(f"{name} must be a number, but is {value!r}")
        check_value(name, value, built_in=record.setting.network != OWN)
    for name in values:
        _check_effect(record, trial.number, name, {**trial.member.values, **values})


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


def _place(record: Record) -> Place:
    """Where a study trains."""
    network = record.setting.network
    images, rows = bool(record.summary.get("images")), record.summary.get("parts", {}).get("train")
    return Place(network, record.task, images, rows, record.setting.epochs, network == PRETRAINED)


def _needs(effect: Effect, network: str) -> list[list[Need]]:
    """The groups of needs that there are in a network, of each of which one must be met."""
    groups = ([need for need in group if not need.networks or network in need.networks] for group in effect.needs)
    return [needs for needs in groups if needs]
