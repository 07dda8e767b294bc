"""What gives each hyperparameter its effect: the one table of which others, and which data, it acts with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ikura.space._base import Value
from ikura.space.hyperparameters import DEFAULTS, layer_of

__all__ = ["EFFECTS", "OPTIONS", "Effect", "Need", "Place", "default_of", "effect_of", "first_epoch"]


@dataclass(frozen=True)
class Place:
    """Where a study trains, as far as it is known.

    Attributes:
        network: name of the network; "own" for one of the caller's, "pretrained" for one that begins as a model.
        task: "binary", "multiclass" or "regression".
        images: whether the data are images.
        rows: training examples.
        epochs: of a trial at most.
        pretrained: whether weights of a pretrained network learn.
    """

    network: str = "mlp"
    task: str | None = None
    images: bool | None = None
    rows: int | None = None
    epochs: int | None = None
    pretrained: bool | None = None


@dataclass(frozen=True)
class Need:
    """Values of another hyperparameter with which one acts.

    Attributes:
        name: the other one.
        accepts: whether a value of it is such a one.
        words: which those are.
        opens: values to choose among where the caller says nothing of it; empty where that is theirs to say.
        networks: those in which it is needed; empty for all.
    """

    name: str
    accepts: Callable[[Any], bool] = field(repr=False)
    words: str
    opens: tuple[Value, ...] = ()
    networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Effect:
    """What a hyperparameter acts with.

    Attributes:
        needs: of each group one need must be met.
        place: what of the place must be so: (question of place and least value, None where it is not known; its words).
        below: another hyperparameter that must be able to be greater than this one.
        of_layers: whether single layers may have values of their own in its place.
    """

    needs: tuple[tuple[Need, ...], ...] = ()
    place: tuple[tuple[Callable[[Place, Any], bool | None], str], ...] = ()
    below: str = ""
    of_layers: bool = False


def _one_of(name: str, *values: Value, opens: tuple[Value, ...] = ()) -> Need:
    return Need(name, values.__contains__, f"{name} {' or '.join(map(str, values))}", opens)


def _above_zero(name: str) -> Need:
    return Need(name, lambda value: value > 0, f"{name} above 0")


def _rules(*names: str, opens: tuple[Value, ...] = ()) -> Effect:
    return Effect(((_one_of("optimizer", *names, opens=opens or names),),))


def _shape(*names: str) -> tuple[Need, ...]:
    return (_one_of("schedule_shape", *names, opens=names[:1]),)


def _known(given: Any, holds: Callable[[Any], bool]) -> bool | None:
    return None if given is None else holds(given)


def first_epoch(text: Any) -> int:
    """The first epoch of pairs such as "30:5 60:25"; 0 where it is no such text.

    Example:
        >>> first_epoch("30:5 60:25"), first_epoch("")
        (30, 0)
    """
    begin = str(text).split(":", 1)[0]
    return int(begin) if begin.isdigit() else 0


_ALWAYS = Effect()
_HIDDEN = (Need("layers", lambda value: value >= 1, "layers of at least 1", networks=("mlp",)),)
_IMAGES = Effect(place=((lambda place, least: place.images, "images"),))
_CLASSES = ((lambda place, least: _known(place.task, lambda task: task != "regression"), "classes"),)
_BEGINS = (lambda place, least: _known(place.epochs, lambda epochs: first_epoch(least) < epochs), "that many epochs")
_REACHED = (lambda place, least: _known(place.epochs, lambda epochs: least < epochs), "more epochs than that")

EFFECTS: dict[str, Effect] = {
    "learning_rate": _ALWAYS,
    "momentum": _rules("momentum", "nesterov"),
    "beta1": _rules("adam", "adamw", opens=("adam",)),
    "beta2": _rules("adadelta", "rmsprop", "adam", "adamw", opens=("adam",)),
    "epsilon": _rules("adagrad", "adadelta", "rmsprop", "smorms3", "adam", "adamw", opens=("adam",)),
    "layers": _ALWAYS,
    "units": Effect((_HIDDEN,), of_layers=True),
    "batch_size": Effect(
        place=((lambda place, least: _known(place.rows, lambda rows: least < rows), "more training rows than that"),)
    ),
    "batch_growth": Effect(place=(_BEGINS,)),
    "learning_rate_decay": Effect((_shape("inverse_time", "exponential"),)),
    "l2": _ALWAYS,
    "l1": _ALWAYS,
    "weight_decay": _ALWAYS,
    "max_norm": _ALWAYS,
    "label_smoothing": Effect(place=_CLASSES),
    "clip_norm": _ALWAYS,
    "clip_value": _ALWAYS,
    "clip_steps": Effect(((_above_zero("clip_norm"), _above_zero("clip_value")),)),
    "gradient_noise": _ALWAYS,
    "dropconnect": _ALWAYS,
    "label_noise": _ALWAYS,
    "schedule_shape": _ALWAYS,
    "warm_up": _ALWAYS,
    "step_epochs": Effect((_shape("step"),), (_REACHED,)),
    "step_factor": Effect((_shape("step", "plateau", "distance"),)),
    "pieces": Effect((_shape("pieces"),), (_BEGINS,)),
    "final_share": Effect(
        (
            (
                *_shape("cosine", "one_cycle", "exponential", "step", "pieces", "plateau", "distance"),
                _above_zero("learning_rate_decay"),
            ),
        )
    ),
    "initial_share": Effect((_shape("one_cycle"),)),
    "peak_at": Effect((_shape("one_cycle"),)),
    "plateau_patience": Effect((_shape("plateau"),), (_REACHED,)),
    "distance_growth": Effect((_shape("distance"),)),
    "pretrained_rate": Effect(place=((lambda place, least: place.pretrained, "a pretrained network that learns"),)),
    "dropout": Effect((_HIDDEN,), of_layers=True),
    "activation": Effect((_HIDDEN,)),
    "optimizer": _ALWAYS,
    "initialisation": _ALWAYS,
    "initial_scale": Effect(
        ((Need("initialisation", lambda value: value != "zeros", "an initialisation other than zeros", ("he",)),),)
    ),
    "dropout_input": _ALWAYS,
    "normalisation": Effect((_HIDDEN,)),
    "ghost_size": Effect(((_one_of("normalisation", "ghost", opens=("ghost",)),), _HIDDEN), below="batch_size"),
    "normalisation_momentum": Effect(((_one_of("normalisation", "batch", "ghost", opens=("batch",)),), _HIDDEN)),
    "flip": _IMAGES,
    "rotation": _IMAGES,
    "crop": _IMAGES,
    "colour": _IMAGES,
    "contrast": _IMAGES,
    "noise": _IMAGES,
    "erasing": _IMAGES,
    "blocks": _ALWAYS,
    "channels": _ALWAYS,
    "kernel_size": _ALWAYS,
}
"""Name to what it acts with; a value that is the default says nothing and is never refused."""

OPTIONS: dict[tuple[str, Value], tuple[Need, str]] = {
    ("schedule_shape", "exponential"): (_above_zero("learning_rate_decay"), "learning_rate_decay = 0.1"),
    ("schedule_shape", "pieces"): (Need("pieces", bool, "pieces"), 'pieces = "81:0.1"'),
}
"""Options that are the same as another one (schedule_shape constant) unless a need is met, and what to write then."""

_ZOO = {"normalisation": "batch"}
"""Defaults of the networks by name, but for mlp and cnn, where they are others."""


def effect_of(name: str) -> Effect | None:
    """What a hyperparameter acts with; None for one that is not ikura's.

    Example:
        >>> effect_of("momentum").needs[0][0].words, effect_of("units_2") == effect_of("units"), effect_of("my_own")
        ('optimizer momentum or nesterov', True, None)
    """
    return EFFECTS.get(layer_of(name)[0])


def default_of(name: str, network: str) -> Value | None:
    """The value that a hyperparameter has in a network where nothing is said; None where that is not known.

    Example:
        >>> default_of("normalisation", "mlp"), default_of("normalisation", "resnet20")
        ('none', 'batch')
    """
    zoo = {} if network in ("mlp", "cnn") else _ZOO
    return (DEFAULTS | zoo).get(layer_of(name)[0])
