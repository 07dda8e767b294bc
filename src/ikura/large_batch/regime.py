"""Regime adaptation: a schedule stretched, so that a large batch makes more of the updates of the small one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from ikura.errors import UsageError, nearest
from ikura.population.schedule import growth_of, pieces_of

__all__ = ["REGIMES", "Regime", "stretch", "stretched"]

REGIMES: dict[str, str] = {
    "same-epochs": "the schedule is left as it is",
    "between": "every phase is √ratio times as long",
    "same-updates": "every phase is ratio times as long",
}
"""Name to a one-line description; the ratio is that of the batch sizes."""


@dataclass(frozen=True)
class Regime:
    """A training's length and schedule.

    Attributes:
        epochs: passes over the training set at most.
        patience: epochs without improvement before it stops; None never stops.
        changes: hyperparameter of the schedule to its new value.
    """

    epochs: int
    patience: int | None
    changes: dict[str, float | str]


def stretch(regime: str, ratio: float) -> float:
    """Factor on every phase of the schedule.

    Args:
        regime: one of `REGIMES`, or the factor itself, such as "3".
        ratio: large batch / small batch.

    Raises:
        UsageError: it is neither, or the factor is below 1.

    Example:
        >>> stretch("between", 16), stretch("same-updates", 16), stretch("2.5", 16)
        (4.0, 16.0, 2.5)
    """
    known = {"same-epochs": 1.0, "between": sqrt(ratio), "same-updates": float(ratio)}
    if regime in known:
        return known[regime]
    try:
        factor = float(regime)
    except ValueError:
        raise UsageError(
            f"unknown regime {regime!r}{nearest(str(regime), REGIMES)}: use {', '.join(REGIMES)}, or a factor such as 3"
        ) from None
    if not 1 <= factor < float("inf"):
        raise UsageError(f"a schedule is stretched by a factor of at least 1, but regime is {regime}")
    return factor


def stretched(values: Mapping[str, Any], epochs: int, patience: int | None, factor: float) -> Regime:
    """Make every phase of a training longer by a factor.

    Phases are those of every shape of schedule: the epochs between drops, the pieces (whose beginnings are rounded to
    whole epochs), the time scale of a decay, warm-up, the patience of a plateau and of early stopping, and the epochs
    from which mini-batches grow. Shapes that end with the training (cosine, one cycle) follow its
    length. With the ratio of the batch sizes as the factor, the large batch makes as many updates in each phase as the
    small one did.

    Args:
        values: all hyperparameters.
        epochs, patience: of the training with the small batch.
        factor: at least 1.

    Returns:
        The longer training.

    Example:
        >>> from ikura.space import DEFAULTS
        >>> stretched(DEFAULTS | {"schedule_shape": "step", "step_epochs": 10}, 30, None, 4)
        Regime(epochs=120, patience=None, changes={'step_epochs': 40})
        >>> stretched(DEFAULTS | {"schedule_shape": "pieces", "pieces": "6:0.1 9:0.01"}, 12, None, 16).changes
        {'pieces': '96:0.1 144:0.01'}

    References:
        Hoffer, Hubara and Soudry 2017, arXiv:1705.08741, section 5.
    """
    shape = values["schedule_shape"]
    changes: dict[str, float | str] = {}
    if shape == "step":
        changes["step_epochs"] = factor * values["step_epochs"]
    if shape == "pieces":
        changes["pieces"] = _later(pieces_of(values["pieces"]), factor)
    if values["batch_growth"]:
        changes["batch_growth"] = _later(growth_of(values["batch_growth"]), factor)
    if shape in ("inverse_time", "exponential") and values["learning_rate_decay"]:
        changes["learning_rate_decay"] = values["learning_rate_decay"] / factor
    if shape == "plateau":
        changes["plateau_patience"] = round(factor * (values["plateau_patience"] + 1)) - 1
    if values["warm_up"]:
        changes["warm_up"] = factor * values["warm_up"]
    if factor == 1:
        changes = {}
    return Regime(ceil(factor * epochs - 1e-9), None if patience is None else ceil(factor * patience - 1e-9), changes)


def _later(pairs: Sequence[tuple[int, float]], factor: float) -> str:
    """(epoch, number) pairs with every epoch so many times as late, as the hyperparameter is written.

    Of a factor of at least 1, epochs that rose still rise after rounding.
    """
    return " ".join(f"{round(factor * epoch)}:{number:.15g}" for epoch, number in pairs)
