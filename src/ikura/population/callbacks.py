"""Functions of the caller's that are told of every epoch of every trial, and may stop it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ikura.errors import UsageError
from ikura.population.member import Hyperparameters
from ikura.wording import one_line

__all__ = ["Callback", "EpochRecord", "as_callback", "stopped_by"]


@dataclass(frozen=True)
class EpochRecord:
    """What a callback is told after an epoch of a trial.

    Attributes:
        trial: its number.
        epoch: the epoch that has ended, from 1.
        train_loss, dev_loss, dev_score: of this epoch.
        hyperparameters: of the trial, also read as attributes.
        curve: (train loss, dev loss, dev score) of all its epochs so far, float64 of shape (epoch, 3).
        values: what else is recorded of this epoch, by name: what a training step tells, and the metric of stop_on.

    Example:
        >>> EpochRecord(3, 1, 0.7, 0.6, 0.5, Hyperparameters(l2=0.1), np.array([[0.7, 0.6, 0.5]])).hyperparameters.l2
        0.1
    """

    trial: int
    epoch: int
    train_loss: float
    dev_loss: float
    dev_score: float
    hyperparameters: Hyperparameters
    curve: np.ndarray
    values: Mapping[str, float] = field(default_factory=dict)


Callback = Callable[[EpochRecord], Any]
"""Called after each epoch of each trial; True stops the trial, False and None let it go on."""


def as_callback(name: str, thing: Any) -> Callback:
    """Refuse what is no function.

    Raises:
        UsageError: it cannot be called.

    Example:
        >>> as_callback("mine", 5)
        Traceback (most recent call last):
        ikura.errors.UsageError: the callback 'mine' must be a function of an epoch's record, but is 5
    """
    if not callable(thing) or isinstance(thing, type):
        shown = one_line(repr(thing), 60)
        raise UsageError(f"the callback {name!r} must be a function of an epoch's record, but is {shown}")
    return thing  # type: ignore[no-any-return]


def stopped_by(callbacks: Sequence[Callback], record: EpochRecord) -> bool:
    """Tell all callbacks of an epoch; whether any of them stops the trial.

    Raises:
        UsageError: one fails, or returns something else than True, False or None.

    Example:
        >>> record = EpochRecord(0, 1, 0.7, 0.6, 0.5, Hyperparameters(), np.array([[0.7, 0.6, 0.5]]))
        >>> stopped_by([lambda one: one.dev_loss < 0.5], record), stopped_by([lambda one: one.epoch == 1], record)
        (False, True)
    """
    stops = False
    for callback in callbacks:
        name = getattr(callback, "__qualname__", type(callback).__qualname__)
        who = f"trial {record.trial}: the callback {name}, after epoch {record.epoch},"
        try:
            answer = callback(record)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UsageError(f"{who} failed with {reason}") from error
        if not (answer is None or isinstance(answer, bool | np.bool_)):
            shown = one_line(repr(answer), 60)
            raise UsageError(f"{who} must return True to stop the trial, False or None to go on, but returned {shown}")
        stops |= bool(answer)
    return stops
