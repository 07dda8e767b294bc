"""Grid search: a few levels of each hyperparameter, in all combinations."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np
from typing_extensions import override

from ikura.search._base import Observation, Proposal, Proposer, Stage, check_budget
from ikura.space import TIERS, Choice, Integer, Space, Value

__all__ = ["GridSearch"]

_SHUFFLED_WHOLE = 2**20
_BYTES = 32
_FINEST = 8
_LOOKED_AT = 2**15
_PRIORITY = [name for tier in TIERS for name in tier.names]


@dataclass(frozen=True)
class _Part:
    """Configurations that agree in all hyperparameters that others depend on.

    Attributes:
        chosen: the values of those.
        names: the other hyperparameters that are open then.
        size: how many configurations there are.
    """

    chosen: dict[str, Value]
    names: tuple[str, ...]
    size: int


class Grid:
    """All combinations of the hyperparameters' levels, each configuration once.

    A hyperparameter that a configuration leaves out has no levels there, so the grid of a conditional space is a union
    of grids, one for each combination of the values that others depend on.

    Args:
        space: what is searched.
        levels: name to its levels, for every hyperparameter of the space.

    Example:
        >>> from ikura.space import choice, linear, when
        >>> space = Space(when(optimizer="momentum", momentum=linear(0, 1)), optimizer=choice("sgd", "momentum"))
        >>> grid = Grid(space, {"optimizer": ["sgd", "momentum"], "momentum": [0.25, 0.75]})
        >>> grid.size, [grid[i] for i in range(grid.size)][-1]
        (3, {'optimizer': 'momentum', 'momentum': 0.75})
    """

    def __init__(self, space: Space, levels: Mapping[str, Sequence[Value]]) -> None:
        self.space, self.levels = space, levels
        parents = sorted({parent for name in space for parent in space.condition(name) or {}})
        self.parts: list[_Part] = []
        seen: set[tuple[tuple[str, Value], ...]] = set()
        for values in product(*(levels[name] for name in parents)):
            given = dict(zip(parents, values, strict=True))
            active = space.active(given)
            chosen = {name: value for name, value in given.items() if name in active}
            if (identity := tuple(chosen.items())) in seen:
                continue
            seen.add(identity)
            names = tuple(sorted(name for name in active if name not in chosen))
            self.parts.append(_Part(chosen, names, prod(len(levels[name]) for name in names)))
        self.ends = np.cumsum([part.size for part in self.parts], dtype=object)

    @property
    def size(self) -> int:
        """How many configurations there are."""
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> dict[str, Value]:
        which = int(np.searchsorted(self.ends, index, side="right"))
        part = self.parts[which]
        index -= int(self.ends[which]) - part.size
        found = dict(part.chosen)
        for name in part.names:
            index, level = divmod(index, len(self.levels[name]))
            found[name] = self.levels[name][level]
        return {name: found[name] for name in self.space if name in found}


class GridSearch(Proposer):
    """Try combinations of evenly spaced levels; the number of levels follows from the number of trials.

    A choice has its options as levels. A number has the middles of equal parts of its range on its own scale, two at
    least where there is more than one hyperparameter, and as many more, one hyperparameter after another, as the
    smallest grid with at least as many configurations as trials needs: √N each for N trials on two numbers. Those of
    the highest priority (`ikura.space.TIERS`, then by name) come first. A grid that is larger than the number of trials
    is cut: configurations are tried in a keyed order, and the last ones are left out. No configuration comes twice,
    unless there are fewer in all than trials. Those that violate a constraint are left out, and the grid is as much
    finer as so many trials need; where too few are found, draws from the whole space follow.

    Example:
        >>> from ikura.space import linear, log
        >>> search = GridSearch(Space(learning_rate=log(1e-4, 1), dropout=linear(0, 0.4)), seed=0)
        >>> [stage] = search.stages(trials=16, epochs=100)
        >>> tried = [one.configuration for one in search.ask(stage, 16, [])]
        >>> sorted({round(one["learning_rate"], 6) for one in tried}), sorted({one["dropout"] for one in tried})
        ([0.000316, 0.003162, 0.031623, 0.316228], [0.05, 0.15000000000000002, 0.25, 0.35000000000000003])

    References:
        Bergstra and Bengio, Random search for hyper-parameter optimization, JMLR 13, 2012: why a grid tries few values
        of what matters.
    """

    name: ClassVar[str] = "grid"

    @override
    def stages(self, trials: int, epochs: int) -> list[Stage]:
        check_budget(trials, epochs)
        return [Stage(0, "grid", trials, epochs)]

    @override
    def ask(self, stage: Stage, count: int, history: Sequence[Observation]) -> list[Proposal]:
        if not self.space.constraints:
            grid = self.grid(stage.trials)
            return [Proposal(grid[index]) for index in self._order(grid.size, stage, count)]
        met, whole = self._feasible(stage)
        if not met or (len(met) < count and not whole):
            return met[:count] + self.proposals(self.whole(stage, count), count)[len(met) :]
        return [met[i % len(met)] for i in range(count)]

    def _feasible(self, stage: Stage) -> tuple[list[Proposal], bool]:
        """Configurations that meet the constraints, of a grid that is fine enough for as many as there are trials.

        Returns:
            The configurations, in a keyed order, and whether they are all that there are.
        """
        trials = stage.trials
        while True:
            grid = self.grid(trials)
            order = self._order(grid.size, stage, min(grid.size, _FINEST * trials))
            met = [Proposal(one) for one in map(grid.__getitem__, order) if self.space.feasible(one)]
            none_finer = grid.size < trials
            if len(met) >= stage.trials or none_finer or _FINEST * trials >= _LOOKED_AT:
                return met, none_finer
            trials *= 2

    def grid(self, trials: int) -> Grid:
        """Make the smallest grid with at least as many configurations as trials, if there is one.

        Args:
            trials: number of trials, at least 1.

        Returns:
            The grid.
        """
        names = sorted(self.space.dimensions, key=_priority)
        growing = [name for name in names if self.space[name].numeric]
        least = 1 if len(names) == 1 else 2

        def size(parts: int, further: int = 0) -> int:
            """Size of the grid in which the first few have one level more than the others."""
            counts = {name: parts + (place < further) for place, name in enumerate(growing)}
            return Grid(
                self.space, {name: _levels(self.space, name, counts.get(name, 1), True) for name in self.space}
            ).size

        parts = least
        most = _FINEST * trials
        if size(most) > size(least):
            parts = bisect_left(range(least + 1, most + 1), trials, key=size) + least
        further = next((n for n in range(len(growing)) if size(parts, n) >= trials), len(growing))
        counts = {name: parts + (place < further) for place, name in enumerate(growing)}
        return Grid(self.space, {name: _levels(self.space, name, counts.get(name, 1)) for name in self.space})

    def _order(self, size: int, stage: Stage, count: int) -> list[int]:
        """The first places of a keyed order of a grid, again from the beginning behind its end."""
        luck = np.random.default_rng(self.key("order", stage))
        if size <= _SHUFFLED_WHOLE:
            order = luck.permutation(size).tolist()
            return [order[i % size] for i in range(count)]
        found: dict[int, None] = {}
        while len(found) < min(count, size):
            found.setdefault(int.from_bytes(luck.bytes(_BYTES), "little") * size >> 8 * _BYTES)
        order = list(found)
        return [order[i % size] for i in range(count)]


def _priority(name: str) -> tuple[int, str]:
    return (_PRIORITY.index(name) if name in _PRIORITY else len(_PRIORITY)), name


def _levels(space: Space, name: str, parts: int, counting: bool = False) -> Sequence[Value]:
    """The middles of equal parts of a range, the options of a choice, the value of what is fixed.

    Args:
        space: what is searched.
        name: the hyperparameter.
        parts: number of parts of a range; an integer has no more levels than values.
        counting: whether only the number of levels of a real number matters.
    """
    one = space[name]
    if isinstance(one, Choice):
        return one.options
    if not one.varies:
        return [one.from_unit(0.5)]
    if isinstance(one, Integer):
        if parts >= one.high - one.low + 1:
            return range(one.low, one.high + 1)
        return list(dict.fromkeys(one.from_unit((i + 0.5) / parts) for i in range(parts)))
    return range(parts) if counting else [one.from_unit((i + 0.5) / parts) for i in range(parts)]
