"""Hyperband: several halvings at once, from many trials begun short to few begun long."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import ClassVar

from typing_extensions import override

from ikura.search.schedule._base import Round, Schedule, StageContext, Standing
from ikura.search.schedule.rungs import check_halving, climb, rungs

__all__ = ["Hyperband"]


class Hyperband(Schedule):
    """Halve in brackets s = s_max, …, 0; in bracket s trials begin with R η^-s epochs.

    In the paper bracket s has ⌈(s_max + 1) η^s / (s + 1)⌉ trials, which makes all brackets cost about the same. A stage
    has the trials that it has: they are shared out in these proportions, evenly mixed, and all brackets go on together,
    each a rung in a round, so that tiles are full.

    Args:
        eta: factor η between rungs, at least 2.
        shortest: epochs below which no comparison is made, at least 1.

    Raises:
        UsageError: eta is below 2 or shortest is below 1.

    Example:
        >>> Hyperband().brackets(81)
        [(81, [1, 3, 9, 27, 81]), (34, [3, 9, 27, 81]), (15, [9, 27, 81]), (8, [27, 81]), (5, [81])]

    References:
        Li et al., Hyperband: a novel bandit-based approach to hyperparameter optimization, JMLR 2018.
    """

    name: ClassVar[str] = "hyperband"

    def __init__(self, eta: int = 3, shortest: int = 1) -> None:
        check_halving(eta, shortest)
        self.eta, self.shortest = eta, shortest

    def brackets(self, epochs: int) -> list[tuple[int, list[int]]]:
        """List the paper's number of trials and the rungs of each bracket, the shortest beginning first.

        Args:
            epochs: R, how long a trial may train at most.
        """
        ladder = rungs(epochs, self.eta, self.shortest)
        most = len(ladder) - 1
        return [(ceil((most + 1) * self.eta**s / (s + 1)), ladder[most - s :]) for s in range(most, -1, -1)]

    def share(self, trials: int, epochs: int) -> list[int]:
        """Say which bracket each trial begins in: at any time the one that is furthest behind its share.

        Args:
            trials: how many begin.
            epochs: how long a trial may train at most.

        Returns:
            Index into `brackets` of each trial, in their order; more trials begin with the same indices.

        Example:
            >>> shares = Hyperband().share(143, 81)
            >>> [shares.count(bracket) for bracket in range(5)]
            [81, 34, 15, 8, 5]
        """
        wanted = [count for count, _ in self.brackets(epochs)]
        given, found = [0] * len(wanted), []
        for position in range(1, trials + 1):
            behind = [position * count - sum(wanted) * has for count, has in zip(wanted, given, strict=True)]
            found.append(behind.index(max(behind)))
            given[found[-1]] += 1
        return found

    @override
    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        brackets, shares = self.brackets(context.epochs), self.share(context.trials, context.epochs)
        if not standings:
            return Round(fresh=tuple(brackets[bracket][1][0] for bracket in shares))
        groups: dict[int, list[Standing]] = {}
        for one, bracket in zip(sorted(standings, key=lambda one: one.number), shares, strict=True):
            groups.setdefault(bracket, []).append(one)
        train: dict[int, int] = {}
        drop: dict[int, str] = {}
        for bracket, group in sorted(groups.items()):
            ladder = brackets[bracket][1]
            on, off = climb(group, ladder, self.eta)
            train |= on
            drop |= {number: f"{why} (bracket of {ladder[0]} epochs)" for number, why in off.items()}
        return Round(train, drop) if train else None
