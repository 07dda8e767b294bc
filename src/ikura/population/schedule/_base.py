"""The shapes of learning-rate schedules, and the learning rates of one epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ikura.errors import UsageError, nearest
from ikura.population.schedule.by_time import (
    constant,
    cosine,
    coslog,
    exponential,
    flat_cos,
    inverse_time,
    one_cycle,
    pieces,
    stairs,
)

__all__ = ["SHAPES", "Shape", "follows_distance", "learning_rates", "shape", "steady_rates"]


@dataclass(frozen=True)
class Shape:
    """A shape of schedule.

    Attributes:
        name: what users call it.
        share: the share of the learning rate at an update, or at several if continuous, as a function of time.
        continuous: whether it changes within an epoch.
        floored: whether final_share is a floor; the others end there by themselves.
        follows: what besides time slows the member down: "" for nothing, "plateau" or "distance".
    """

    name: str
    share: Callable[[Any, int, int, Mapping[str, Any]], Any]
    continuous: bool = False
    floored: bool = True
    follows: str = ""


SHAPES: dict[str, Shape] = {
    one.name: one
    for one in (
        Shape("constant", constant),
        Shape("inverse_time", inverse_time),
        Shape("exponential", exponential, continuous=True),
        Shape("step", stairs),
        Shape("pieces", pieces),
        Shape("cosine", cosine, continuous=True, floored=False),
        Shape("flat_cos", flat_cos, continuous=True, floored=False),
        Shape("coslog", coslog, continuous=True, floored=False),
        Shape("one_cycle", one_cycle, continuous=True, floored=False),
        Shape("plateau", constant, follows="plateau"),
        Shape("distance", constant, follows="distance"),
    )
}


def shape(name: str) -> Shape:
    """Look a shape of schedule up by name.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> shape("cosine").continuous
        True
    """
    if not isinstance(name, str) or name not in SHAPES:
        raise UsageError(f"unknown schedule_shape {name!r}{nearest(str(name), SHAPES)}: use {', '.join(SHAPES)}")
    return SHAPES[name]


def follows_distance(values: Mapping[str, Any]) -> bool:
    """Whether a member's schedule needs its initial weights to be remembered."""
    return shape(values["schedule_shape"]).follows == "distance"


def steady_rates(values: Mapping[str, Any]) -> list[float]:
    """What `learning_rates` returns in every epoch, where that is a single one; empty where they change.

    Example:
        >>> from ikura.space import DEFAULTS
        >>> steady_rates(DEFAULTS | {"learning_rate": 0.5}), steady_rates(DEFAULTS | {"warm_up": 1.0})
        ([0.5], [])
    """
    share = shape(values["schedule_shape"]).share
    steady = share is constant or (share is inverse_time and not values["learning_rate_decay"])
    return [values["learning_rate"]] if steady and not values["warm_up"] else []


def learning_rates(values: Mapping[str, Any], epoch: int, steps: int, epochs: int = 0) -> list[float]:
    """Compute a member's learning rates in one epoch, but for what `FeedbackRates` take away.

    During the first `warm_up` epochs the rate grows linearly: at update n = 0, 1, … it is the shape's times
    min(1, (n + 1) / (warm_up · steps)).

    Args:
        values: hyperparameters.
        epoch: 0, 1, …
        steps: updates in an epoch.
        epochs: epochs of the whole training, at which those that end by themselves do; 0 for this one being the last.

    Returns:
        One for each update, or a single one where the rate does not change within the epoch.

    Example:
        >>> from ikura.space import DEFAULTS
        >>> values = DEFAULTS | {"schedule_shape": "cosine", "learning_rate": 1.0}
        >>> [round(rate, 2) for rate in learning_rates(values, 1, 2, 2)]
        [0.5, 0.15]
    """
    form, alpha, warm_up = shape(values["schedule_shape"]), values["learning_rate"], values["warm_up"]
    at = steps * epoch + np.arange(steps) if form.continuous else steps * epoch
    share = form.share(at, steps, epochs or epoch + 1, values)
    if form.floored and values["final_share"] > 0:
        share = np.maximum(share, values["final_share"]) if form.continuous else max(share, values["final_share"])
    if epoch < warm_up:
        grown = np.minimum(steps * epoch + np.arange(1, steps + 1), warm_up * steps) / (warm_up * steps)
        share = share * grown
    return [alpha * share] if isinstance(share, float) else (alpha * share).tolist()
