"""What a study searches: the caller's space, checked, or one chosen by the number of trials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ikura.data import Dataset
from ikura.errors import SpaceError, UsageError
from ikura.nn.augmentation import AUGMENTATIONS, check_strength
from ikura.population.member import check_value
from ikura.space import DEFAULTS, Space, check_feasible, default_space, fixed, image_space, layer_of, log
from ikura.space.effective import OF_RULES, effective
from ikura.space.effects import Place
from ikura.space.hyperparameters import OF_NETWORK
from ikura.space.limits import BOUNDS, WHOLE
from ikura.space.strength import too_strong
from ikura.study.record.networks import OWN, known_names
from ikura.study.record.objectives import OBJECTIVES
from ikura.study.record.store import ABOUT, RESULTS

__all__ = ["GIVEN", "ONE", "check_space", "chosen_space"]

GIVEN = "the space was given"
ONE = "one configuration; what it does not name has its default"
"""How the note on a space begins that was not chosen by the number of trials."""

HIGHEST_RATES = {"all": 0.1, "most": 0.03, "none": 0.03}
"""The highest learning rate that is searched for a pretrained network, by what is frozen of it."""

RESERVED = (*ABOUT, *RESULTS, *OBJECTIVES, "inputs", "outputs", "shape")


def chosen_space(
    space: Space | Mapping[str, Any] | None,
    network: str,
    trials: int,
    dataset: Dataset,
    freeze: str | None = None,
    epochs: int | None = None,
    own_optimizer: bool = False,
) -> tuple[Space, str]:
    """Choose what is searched, and say why: the caller's space, or one by the number of trials.

    Args:
        space: the caller's.
        network: name of the network.
        trials: number of trials.
        dataset: the data.
        freeze: what stays of a pretrained network; None if the network begins afresh.
        epochs: of a trial at most.
        own_optimizer: whether the caller's own optimizer stands in the place of ikura's update rules.

    Raises:
        SpaceError: the caller's space is wrong, or a hyperparameter in it can have no effect.
    """
    if space is not None:
        opened = Space.coerce(space)
        check_space(opened, network, dataset.summary.images is not None)
        if network == OWN:
            opened = opened.held(name for name in opened if name not in BOUNDS)
        images, learns = dataset.summary.images is not None, freeze is not None and freeze != "all"
        numeric, embedded = bool(dataset.encoder.numeric_columns), bool(dataset.encoder.cardinalities)
        place = Place(
            network,
            dataset.task.name,
            images,
            len(dataset.train),
            epochs,
            learns,
            own_optimizer,
            numeric,
            embedded,
        )
        opened, notes = effective(opened, place)
        notes += too_strong(opened, place)
        check_feasible(opened)
        alike = trials > 1 and not opened.dimensions
        notes += ["it holds one configuration, so one trial is enough"] * alike
        most = _most(opened)
        if 1 < most < trials:
            notes.append(
                f"it holds at most {most:.0f} configurations, so {most:.0f} trials are enough; what it leaves out "
                "keeps its default value and is not searched"
            )
        return opened, "; ".join([GIVEN if opened.dimensions or trials > 1 else ONE, *notes])
    rows = len(dataset.train) + len(dataset.dev) + len(dataset.test)
    if network == "cnn":
        found = image_space(trials, rows)
        return found.space, found.explanation
    chosen = default_space(trials, rows, dataset.train.numbers, bool(dataset.encoder.numeric_columns))
    if network == "mlp":
        return chosen.space, chosen.explanation
    conditions = chosen.space.as_dict()
    kept = {name: form for name, form in conditions.items() if name not in OF_NETWORK}
    whose = "your own" if network == OWN else network
    if freeze is not None:
        kept["learning_rate"] = log(1e-4, HIGHEST_RATES[freeze]).as_dict()
        if freeze != "all":
            kept["pretrained_rate"] = log(0.01, 1).as_dict()
    if own_optimizer:
        # Of the rules and of ikura's schedules its own arguments and its scheduler may know nothing.
        idle = {*OF_RULES, "learning_rate_decay"} - {"learning_rate"}
        kept = {name: form for name, form in kept.items() if name not in idle}
    return Space.from_dict(kept), f"{chosen.explanation} (the network is {whose}: only its training is searched)"


def check_space(space: Space, network: str, images: bool | None = None) -> None:
    """Refuse names that are not known or that a study's tables use, and values that a hyperparameter cannot have.

    Args:
        space: what is to be searched.
        network: name of the network; one of the caller's own may read any name.
        images: whether the data are images; None if that is not known yet.

    Raises:
        SpaceError: naming the hyperparameter.
    """
    custom = network == OWN
    if network == "mlp":
        single = {name: layer for name in space if (layer := layer_of(name)[1]) is not None}
        space.validate([*known_names(network), *single])
        _check_layers(space, single)
    elif not custom:
        space.validate(known_names(network))
    for name, parameter in space.items():
        if name in RESERVED:
            raise SpaceError(f"[{name}] is a column of a study's trials; call your hyperparameter otherwise")
        if name in AUGMENTATIONS and images is False and not custom:
            raise SpaceError(f"[{name}] changes training images, and these data are none; leave it out")
        values = [parameter.from_unit(0.0), parameter.from_unit(1.0)]
        if not parameter.numeric:
            values = parameter.as_dict().get("choices", values)
        for value in values:
            try:
                check_value(name, value, built_in=not custom)
                if name in AUGMENTATIONS and images and custom:
                    check_strength(AUGMENTATIONS, name, value)
            except UsageError as error:
                raise SpaceError(f"[{name}] {error}") from None
        if (
            parameter.varies
            and parameter.scale in ("linear", "log", "log-complement")
            and layer_of(name)[0] in WHOLE
            and (not custom or name in BOUNDS)
        ):
            raise SpaceError(f"[{name}] is a whole number; use the scale integer or integer-log, not {parameter.scale}")
    check_feasible(space)


def _check_layers(space: Space, single: Mapping[str, int]) -> None:
    """Refuse hyperparameters of a hidden layer that no network of the space has."""
    layers = space["layers"] if "layers" in space else fixed(DEFAULTS["layers"])
    options = layers.as_dict().get("choices", [layers.from_unit(0.0), layers.from_unit(1.0)])
    numbers = [option for option in options if isinstance(option, int | float)]
    for name, layer in single.items():
        if numbers and layer > max(numbers):
            raise SpaceError(f"[{name}] no network has a hidden layer {layer}: layers is at most {max(numbers):g}")


def _most(space: Space) -> float:
    """How many configurations a space of choices and whole numbers holds, conditions aside; infinite for others."""
    forms = [space[name].as_dict() for name in space.dimensions]
    counts = [
        len(form["choices"])
        if "choices" in form
        else form["high"] - form["low"] + 1
        if str(form.get("scale")).startswith("integer")
        else math.inf
        for form in forms
    ]
    return math.prod(counts)
