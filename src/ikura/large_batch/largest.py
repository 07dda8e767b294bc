"""The largest batch that holds the score, and the one that is soonest as good as the small batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ikura.json_values import JsonObject
from ikura.large_batch.comparison import Row, choose_column, with_epoch_seconds
from ikura.large_batch.scaling_columns import SMALL, Column, Winner, columns

__all__ = ["Size", "Sizes", "sizes"]

ENOUGH = 2
"""Sizes in a row that lose, after which no larger one is tried."""

Measure = Callable[[list[Column], str], list[Row]]


@dataclass(frozen=True)
class Size:
    """One batch size that was tried, with all measures, or where they lose with what does best.

    Attributes:
        batch_size: examples in a mini-batch.
        rule: of the learning rate: the better of those that were tried.
        row: its measurements.
    """

    batch_size: int
    rule: str
    row: Row

    def to_json(self) -> JsonObject:
        """Return plain values."""
        return {"batch_size": self.batch_size, "rule": self.rule, **self.row.to_json()}


@dataclass(frozen=True)
class Sizes:
    """All batch sizes that were tried, the run's own first.

    Attributes:
        tried: in ascending order.
        largest: the largest one that holds; the run's own if there is no other.
        possible: the largest one that does not lose; the run's own if there is no other.
        soonest: of those that hold, the one that is soonest as good as the small batch on this device.
    """

    tried: list[Size]
    largest: int
    possible: int
    soonest: int

    def to_json(self) -> JsonObject:
        """Return plain values."""
        numbers = {"largest": self.largest, "possible": self.possible, "soonest": self.soonest}
        return {"tried": [one.to_json() for one in self.tried], **numbers}


def sizes(
    winner: Winner,
    rules: tuple[str, ...],
    ghost: int | None,
    factor: Callable[[float], float],
    measure: Measure,
    time: Callable[[list[Column]], dict[str, float]],
    sign: float,
) -> Sizes:
    """Double the batch until two sizes in a row lose, or the training set is one batch.

    Args:
        winner: the tuned network.
        rules: of the learning rate; each is tried, and the better one counts.
        ghost: examples in a ghost; by default those of the small batch.
        factor: ratio of the batch sizes to the factor by which the schedule is stretched.
        measure: trains columns, the small batch first, and compares them; told what to call it.
        time: gives the seconds of an epoch, by name of the column.
        sign: 1 if a greater score is better, -1 otherwise.
    """
    found, kept, lost = [], [], 0
    first: Row | None = None
    batch = 2 * winner.batch
    while batch <= winner.rows and lost < ENOUGH:
        first, size, column = _size(winner, batch, rules, ghost, factor(batch / winner.batch), measure, sign)
        found.append(size)
        kept.append(column)
        lost = lost + 1 if size.row.loses else 0
        batch *= 2
    if first is None:
        return Sizes([], winner.batch, winner.batch, winner.batch)
    small = columns(winner, 2 * winner.batch, rules[0], ghost=ghost)[0][0]
    rows = with_epoch_seconds([first, *(one.row for one in found)], time([small, *kept]))
    tried = [Size(winner.batch, "none", rows[0])]
    tried += [replace(one, row=row) for one, row in zip(found, rows[1:], strict=True)]
    good = [one for one in tried if one.row.holds or one.row.name == SMALL]
    soonest = min(good, key=lambda one: (one.row.seconds_to_score, one.batch_size))
    possible = max(one.batch_size for one in tried if not one.row.loses)
    return Sizes(tried, max(one.batch_size for one in good), possible, soonest.batch_size)


def _size(
    winner: Winner,
    batch: int,
    rules: tuple[str, ...],
    ghost: int | None,
    factor: float,
    measure: Measure,
    sign: float,
) -> tuple[Row, Size, Column]:
    """Try one size: all measures at first, and if they lose, also fewer of them.

    Returns:
        The small batch's row, the size, and its column.
    """
    plans = {rule: columns(winner, batch, rule, ghost=ghost, factor=factor)[0] for rule in rules}
    small = plans[rules[0]][0]
    named = {
        rule: [replace(one, name=f"batch {batch}: {_with(one, rule)}") for one in plan[1:]]
        for rule, plan in plans.items()
    }
    stage = f"batch {batch}"
    first, *rows = measure([small, *(plan[-1] for plan in named.values())], stage)
    pairs = list(zip(rules, rows, strict=True))
    rule, row = max(pairs, key=lambda pair: (pair[1].holds, not pair[1].diverged, sign * pair[1].dev))
    plan = named[rule]
    if row.loses and len(plan) > 1:
        row = choose_column(measure([small, *plan], stage), sign)
    column = next(one for one in plan if one.name == row.name)
    return first, Size(batch, rule, row), column


def _with(column: Column, rule: str) -> str:
    return f"{column.name} ({rule})" if column.name.startswith("+") else column.name
