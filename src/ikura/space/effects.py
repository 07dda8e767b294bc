"""What a hyperparameter acts with: others, and what must be so of data and network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ikura.space._base import Value

__all__ = [
    "ALWAYS", "BEGINS", "CLASSES", "EMBEDDED", "HIDDEN", "IMAGES", "NUMERIC", "REACHED", "VALUES", "Effect", "Need",
    "Place", "above_zero", "first_epoch", "known", "of_rules", "of_shapes", "one_of",
]  # fmt: skip


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
        own_optimizer: whether the caller's own optimizer stands in the place of ikura's update rules.
        numeric: whether the data are a table with columns of numbers.
        embedded: whether they are one with categories of so many levels that these are embedded.
    """

    network: str = "mlp"
    task: str | None = None
    images: bool | None = None
    rows: int | None = None
    epochs: int | None = None
    pretrained: bool | None = None
    own_optimizer: bool = False
    numeric: bool | None = None
    embedded: bool | None = None


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


def one_of(name: str, *values: Value, opens: tuple[Value, ...] = ()) -> Need:
    """Some values of another one."""
    return Need(name, values.__contains__, f"{name} {' or '.join(map(str, values))}", opens)


def above_zero(name: str) -> Need:
    """Values above 0 of another one."""
    return Need(name, lambda value: value > 0, f"{name} above 0")


def of_rules(*names: str, opens: tuple[Value, ...] = ()) -> Effect:
    """Acts with some update rules only; `opens` are those to choose among where the caller says nothing."""
    return Effect(((one_of("optimizer", *names, opens=opens or names),),))


def of_shapes(*names: str) -> tuple[Need, ...]:
    """Some learning-rate schedules, of which the first is opened."""
    return (one_of("schedule_shape", *names, opens=names[:1]),)


def known(given: Any, holds: Callable[[Any], bool]) -> bool | None:
    """Whether something holds; None where it is not known."""
    return None if given is None else holds(given)


def first_epoch(text: Any) -> int:
    """The first epoch of pairs such as "30:5 60:25"; 0 where it is no such text.

    Example:
        >>> first_epoch("30:5 60:25"), first_epoch("")
        (30, 0)
    """
    begin = str(text).split(":", 1)[0]
    return int(begin) if begin.isdigit() else 0


ALWAYS = Effect()
HIDDEN = (Need("layers", lambda value: value >= 1, "layers of at least 1", networks=("mlp",)),)
IMAGES = Effect(place=((lambda place, least: place.images, "images"),))
NUMERIC = ((lambda place, least: place.numeric, "a table with numeric columns"),)
EMBEDDED = ((lambda place, least: place.embedded, "a category of more than 16 levels"),)
CLASSES = ((lambda place, least: known(place.task, lambda task: task != "regression"), "classes"),)
VALUES = ((lambda place, least: known(place.task, lambda task: task == "regression"), "values to predict"),)
BEGINS = (lambda place, least: known(place.epochs, lambda epochs: first_epoch(least) < epochs), "that many epochs")
REACHED = (lambda place, least: known(place.epochs, lambda epochs: least < epochs), "more epochs than that")
