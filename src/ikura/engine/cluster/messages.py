"""What is said between the driver of a study and the workers on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ikura.population.changes import Change
from ikura.population.job import TileProgress

__all__ = ["Answer", "Attempt", "Control", "Curves", "Hearing", "News", "Values"]


Curves = Mapping[int, np.ndarray]
Values = Mapping[int, Mapping[str, np.ndarray]]


class Attempt(NamedTuple):
    """One training of a tile, by which results and everything said of it are named.

    Attributes:
        stage: which of the study's trainings it belongs to, counted.
        tile: the tile's number.
        attempt: how many were begun before.
    """

    stage: int
    tile: int
    attempt: int


class Hearing(NamedTuple):
    """A worker asks what a hand wants of its tile now, and waits for the answer.

    Attributes:
        question: its number.
        trials: that train.
        epoch: how many epochs they have trained.
    """

    question: int
    trials: Sequence[int]
    epoch: int


class News(NamedTuple):
    """What a worker tells.

    Attributes:
        attempt: of which training.
        progress: since the last news; None for none.
        curves: the arguments of `Listener.show`; None where nothing is to be shown now.
        hearing: a question, if there is one.
    """

    attempt: Attempt
    progress: TileProgress | None = None
    curves: tuple[Curves, Values, int] | None = None
    hearing: Hearing | None = None


class Answer(NamedTuple):
    """What a worker is to change now.

    Attributes:
        question: which hearing this answers.
        changes: that take effect now.
        next_epoch: after how many epochs it is to ask again, whatever it is told until then; None for not before.
    """

    question: int
    changes: Sequence[Change]
    next_epoch: int | None


class Control(NamedTuple):
    """What a worker is told of the tile that it trains.

    Attributes:
        attempt: of which training.
        stop: whether it is to save the tile and leave it.
        over: whether the training is to end now, as if its time were over.
        held: whether the whole training stands still before a hand says otherwise; None for as before.
        asked: whether something may be asked of its trials, so that it asks the driver after this epoch.
        answer: to what it has asked.
    """

    attempt: Attempt
    stop: bool = False
    over: bool = False
    held: bool | None = None
    asked: bool = False
    answer: Answer | None = None
