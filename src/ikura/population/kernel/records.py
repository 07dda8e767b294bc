"""The records that the kernel is given: members' networks, settings and state, examples, one epoch.

Arrays of the members have one row for each; what has a size of its own for each of them lies in `Parts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ikura.population.kernel._compile import also_compiled
from ikura.population.update_rules import rule
from ikura.space.hyperparameters import KERNEL

__all__ = ["SETTINGS", "Draws", "Inputs", "Networks", "Parts", "State", "joined", "part", "setting_of"]

_WHOLE = ("optimizer", "batch_size", "pretrained")
SETTINGS = np.dtype([(name, np.int64) for name in _WHOLE] + [(name, np.float64) for name in KERNEL])
"""What the kernel reads of a member's hyperparameters: the update rule's number, mini-batch size, how many of the first
weights have a learning rate of their own (`pretrained`), and numbers by their names."""


def setting_of(values: Mapping[str, Any], pretrained: int = 0) -> tuple[float, ...]:
    """Read a row of `SETTINGS` from a member's hyperparameters.

    Example:
        >>> from ikura.space import DEFAULTS
        >>> np.array([setting_of(DEFAULTS)], SETTINGS)["momentum"]
        array([0.9])
    """
    given = {**values, "optimizer": rule(values["optimizer"]).code, "pretrained": pretrained}
    return tuple(given[name] for name in SETTINGS.names or ())


class Parts(NamedTuple):
    """Arrays of all members, one after another.

    Attributes:
        values: the rows of all of them.
        places: where each member's begin and the last one's end, shape (members + 1,).
    """

    values: np.ndarray
    places: np.ndarray


def joined(arrays: Iterable[Any], dtype: Any = None) -> Parts:
    """Lay the members' arrays one after another.

    Example:
        >>> joined([[1.0, 2.0], [], [3.0]])
        Parts(values=array([1., 2., 3.]), places=array([0, 2, 2, 3]))
    """
    every = list(arrays)
    return Parts(np.concatenate(every, dtype=dtype), np.cumsum([0, *map(len, every)], dtype=np.int64))


@also_compiled
def part(parts: Parts, member: int) -> np.ndarray:
    """One member's array, as a view."""
    return parts.values[parts.places[member] : parts.places[member + 1]]


class Inputs(NamedTuple):
    """Examples as the networks read them.

    Attributes:
        x: numeric features, shape (rows, inputs).
        codes: embedded categories, shape (rows, number of tables).
        weights: of the examples in training, in the precision of x, shape (rows,); (0,) where they count alike.
    """

    x: Any
    codes: Any
    weights: Any


class Networks(NamedTuple):
    """The networks of a tile's members.

    Attributes:
        loss: number of the loss.
        parameter: the number that it takes.
        tables: (cardinality, size) of each embedding, shape (members, number of tables, 2).
        widths: joined inputs, hidden units, outputs, shape (members, deepest + 2).
        depths: number of hidden layers, shape (members,).
        matrices: (place, rows, columns) of the weights that are no biases, shape (matrices, 3) each.
        activations: codes, shape (members,).
        dropout: rates of the inputs, then of each hidden layer, shape (members, 1 + deepest).
        normalisations: codes, shape (members,).
        ghost_sizes: rows of a ghost, shape (members,).
        momenta: share of one mini-batch (or ghost) in the running statistics, float64, shape (members,).
        targets: row of the targets that each member learns, shape (members,).
        ahead: weights ahead of the layers, shape (members,).
        scales: number of factors on the joined inputs, which come first among the weights, shape (members,).
        plans: what becomes of each column of x, shape (columns, 4) each; see `ikura.population.kernel.encoding`.
        statistics: what plans read, in the precision of x.
        waves: learnt waves, shape (members, 4): encoded columns, frequencies, numbers of each column, whether PBLD.
    """

    loss: Any
    parameter: Any
    tables: Any
    widths: Any
    depths: Any
    matrices: Parts
    activations: Any
    dropout: Any
    normalisations: Any
    ghost_sizes: Any
    momenta: Any
    targets: Any
    ahead: Any
    scales: Any
    plans: Parts
    statistics: Parts
    waves: Any


class State(NamedTuple):
    """What training changes in place.

    Attributes:
        weights: of each member, flat.
        moments: of its update rule, flat.
        running: running statistics, flat.
        steps: updates made so far, shape (members,).
        active: False for members that diverged or were stopped, shape (members,).
        limits: cost above which a member counts as exploded, shape (members,); only read.
    """

    weights: Parts
    moments: Parts
    running: Parts
    steps: Any
    active: Any
    limits: Any


class Draws(NamedTuple):
    """The noise of one epoch.

    Attributes:
        dropout: key of the dropout noise.
        dropconnect: key of DropConnect.
        examples: what gradient noise is made of, in the precision of x, shape (rows,); empty if no member has any.
        chance, others: what label noise is made of, float64 of shape (rows,); empty if no member has any.
    """

    dropout: Any
    dropconnect: Any
    examples: Any
    chance: Any
    others: Any
