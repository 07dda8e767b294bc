"""Values that differ in nothing here: a search over nothing else is refused, others are said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

from ikura.errors import SpaceError
from ikura.space._base import Value
from ikura.space.effects import Place, first_epoch
from ikura.space.hyperparameters import default_of
from ikura.space.space import Space

__all__ = ["Alike", "alike"]


@dataclass(frozen=True)
class Alike:
    """What a space says of one hyperparameter, where some of its values may be the same.

    Attributes:
        name: of the hyperparameter.
        values: every value of it, or the ends of its range.
        countable: whether these are all.
        searched: whether it has more than one.
    """

    name: str
    values: list[Value]
    countable: bool
    searched: bool


def alike(named: list[Alike], space: Space, place: Place, values_of: Callable[[str], list[Value]]) -> list[str]:
    """Refuse searched hyperparameters all of whose values are the same here, and say which values are.

    A mini-batch holds at most the training rows, a ghost at most the mini-batch, and what first happens after the last
    epoch or update never happens.

    Args:
        named: the hyperparameters that the space names.
        space: what is searched.
        place: where.
        values_of: every value of a hyperparameter, its default where the space does not name it.

    Returns:
        A sentence for each hyperparameter of which only some values are the same, or whose one value changes nothing.

    Raises:
        SpaceError: of a searched one all values are the same; the message says why.
    """
    here = _Here(space, place, values_of)
    notes = []
    for one in named:
        becomes = (_BECOMES if one.countable else _BECOMES | _OF_RANGES).get(one.name)
        if becomes is None:
            continue
        usual = default_of(one.name, place.network)
        found = [becomes(here, value) for value in one.values]
        why = here.reason(one.name)
        if one.searched and len(set(found)) == 1:
            raise SpaceError(
                f"[{one.name}] has no effect: all its values do the same, {why}; change that, or leave {one.name} out"
            )
        if not one.searched:
            # A constant schedule is what it says.
            if usual is not None and one.values not in ([usual], ["constant"]) and found == [becomes(here, usual)]:
                notes.append(f"{one.name} {_told(one.values)} changes nothing: {why}")
            continue
        if one.countable:
            groups = [[v for v, other in zip(one.values, found, strict=True) if other == same] for same in set(found)]
            groups.sort(key=lambda group: one.values.index(group[0]))
            for group in groups:
                if len(group) > 1:
                    notes.append(f"{one.name} {_told(group)} do the same: {why}")
        elif found[-1] != one.values[-1]:
            notes.append(f"{one.name} of {found[-1]} and more does the same: {why}")
    return notes


def _told(values: list[Value]) -> str:
    shown = [repr(one) if one == "" else f"{one:g}" if isinstance(one, float) else str(one) for one in values]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


@dataclass(frozen=True)
class _Here:
    """What is known of the trials of a space; what is not known counts as without end."""

    space: Space
    place: Place
    values_of: Callable[[str], list[Value]]

    @property
    def epochs(self) -> float:
        return float("inf") if self.place.epochs is None else self.place.epochs

    @property
    def rows(self) -> float:
        return float("inf") if self.place.rows is None else self.place.rows

    @cached_property
    def batches(self) -> tuple[float, float]:
        """The least and the greatest mini-batch at first."""
        sizes = [min(float(one), self.rows) for one in self._numbers("batch_size")]
        return min(sizes), max(sizes)

    @cached_property
    def updates(self) -> float:
        """The most updates of a trial."""
        if float("inf") in (self.rows, self.epochs):
            return float("inf")
        return ceil(self.rows / self.batches[0]) * self.epochs

    @cached_property
    def shapes(self) -> set[Any]:
        """What the schedules of the space come to."""
        return {self.shape(one) for one in self.values_of("schedule_shape")}

    def _numbers(self, name: str) -> list[Any]:
        return [one for one in self.values_of(name) if isinstance(one, int | float)]

    def shape(self, name: Any) -> Any:
        """A schedule, or constant where it never changes the rate."""
        decays = max(self._numbers("learning_rate_decay")) > 0
        moves = {
            "inverse_time": decays and self.epochs > 1,
            "exponential": decays,
            "pieces": any(self.pairs(one) for one in self.values_of("pieces")),
            "step": min(self._numbers("step_epochs")) < self.epochs,
            "plateau": min(self._numbers("plateau_patience")) < self.epochs - 2,
            "distance": self.epochs > 2,
        }
        return name if moves.get(name, True) else "constant"

    def pairs(self, text: Any) -> tuple[str, ...]:
        """Of pairs such as "30:5 60:25" those that a trial reaches."""
        return tuple(one for one in str(text).split() if first_epoch(one) < self.epochs)

    def growth(self, text: Any) -> tuple[str, ...]:
        """The same, of mini-batches that can grow."""
        return () if self.batches[0] >= self.rows else self.pairs(text)

    def ghost(self, size: Any) -> Any:
        """The rows of a ghost."""
        return size if any(self.values_of("batch_growth")) else min(size, self.batches[1])

    def clipped(self, steps: Any) -> Any:
        """The updates that are clipped; 0 asks for all."""
        return min(steps, self.updates) if steps else self.updates

    def reason(self, name: str) -> str:
        """Why values are the same."""
        trial = f"a trial has at most {self.epochs:g} epoch{'' if self.epochs == 1 else 's'}"
        rows = f"there are {self.rows:g} training rows"
        reasons = {
            "batch_size": rows,
            "batch_growth": rows if self.batches[0] >= self.rows else trial,
            "ghost_size": f"a mini-batch has at most {self.batches[1]:g} rows",
            "clip_steps": f"a trial makes at most {self.updates:g} updates",
        }
        return self._lacking(trial) if name in _OF_SHAPES else reasons.get(name, trial)

    def _lacking(self, trial: str) -> str:
        """Why schedules never change the rate."""
        still = [one for one in self.values_of("schedule_shape") if self.shape(one) != one]
        needs = {
            "inverse_time": "learning_rate_decay",
            "exponential": "learning_rate_decay",
            "pieces": "pieces",
            "step": "step_epochs",
            "plateau": "plateau_patience",
        }
        told = []
        for name in dict.fromkeys(needs[str(one)] for one in still if one in needs):
            values = _told([min(self.values_of(name), key=lambda one: (isinstance(one, str), one))])
            told.append(f"{name} is {values}")
        late = self.epochs <= 1 or {"step", "plateau", "distance"} & set(still)
        return ", ".join([trial, *told] if late else told)


_OF_SHAPES = ("schedule_shape", "step_factor", "final_share")

_BECOMES: dict[str, Callable[[_Here, Any], Any]] = {
    "batch_size": lambda here, size: min(size, here.rows),
    "batch_growth": _Here.growth,
    "ghost_size": _Here.ghost,
    "clip_steps": _Here.clipped,
    "schedule_shape": _Here.shape,
    "pieces": _Here.pairs,
    "step_epochs": lambda here, epochs: min(epochs, here.epochs),
    "plateau_patience": lambda here, epochs: min(epochs, max(here.epochs - 2, 0)),
    "distance_growth": lambda here, growth: growth if here.epochs > 2 else 0,
    "step_factor": lambda here, factor: factor if here.shapes & {"step", "plateau", "distance"} else 0,
    "final_share": lambda here, share: share if here.shapes - {"constant"} else 0,
    "learning_rate_decay": lambda here, decay: (
        decay if here.epochs > 1 or "exponential" in here.values_of("schedule_shape") else 0
    ),
}
"""Name to what a value of it comes to here: values that come to one are the same."""

_OF_RANGES: dict[str, Callable[[_Here, Any], Any]] = {"clip_steps": lambda here, steps: min(steps, here.updates)}
"""The same for the ends of ranges, of which what is between is between; 0 clip steps, which are all, are beyond."""
