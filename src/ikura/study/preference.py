"""Choosing the cheapest of the configurations that are nearly as good as the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING

from ikura.study.record.facts import COSTS, ChoiceRecord
from ikura.study.record.pareto import cost, front
from ikura.study.record.trial import Trial

if TYPE_CHECKING:
    from ikura.study.executor import Executor

__all__ = ["cheapest", "preferred", "promising", "standard_error"]

NORMAL = 1.959963984540054
"""Standard errors from the middle of a 95 % interval to its ends."""


def standard_error(interval: Sequence[float]) -> float:
    """The standard error that a 95 % interval stands for: its width over 2 · 1.96.

    Example:
        >>> round(standard_error((0.9, 0.98)), 4)
        0.0204
    """
    low, high = interval
    return (high - low) / (2 * NORMAL)


def cheapest(merits: Mapping[int, float], costs: Mapping[int, float], margin: float) -> int:
    """Choose the cheapest of those whose merit is within a margin of the best.

    Args:
        merits: number to dev score, higher is better.
        costs: number to what is to be small; NaN where it is not known, which is never cheap.
        margin: at least 0.

    Returns:
        The number; of equal costs the one with the greater merit, then the smaller number.

    Example:
        >>> cheapest({3: 0.95, 5: 0.94, 8: 0.9}, {3: 5000, 5: 300, 8: 20}, margin=0.02)
        5
    """
    least = max(merits.values()) - margin
    near = [number for number, merit in merits.items() if merit >= least]

    def order(number: int) -> tuple[bool, float, float, int]:
        known = not isnan(costs[number])
        return not known, costs[number] if known else 0.0, -merits[number], number

    return min(near, key=order)


def preferred(
    executor: Executor, groups: Mapping[int, Sequence[Trial]], best: int, interval: Sequence[float]
) -> tuple[int, ChoiceRecord]:
    """Choose among configurations by the preferred objective.

    Args:
        executor: where they were trained.
        groups: number to the trials of a configuration.
        best: the one with the best dev score.
        interval: 95 % interval of that score.

    Returns:
        The chosen number, and what is recorded of the choice.
    """
    wanted = executor.objectives
    assert wanted.prefer is not None
    costs = executor.store.fact(COSTS) or {}
    merits = {n: executor.sign * sum(trial.score for trial in group) / len(group) for n, group in groups.items()}
    spent = {n: sum(cost(trial, wanted.prefer, costs) for trial in group) / len(group) for n, group in groups.items()}
    margin = standard_error(interval) if wanted.within is None else wanted.within
    chosen = cheapest(merits, spent, margin)
    told = [None if isnan(spent[number]) else spent[number] for number in (best, chosen)]
    return chosen, ChoiceRecord(wanted.prefer, margin, best, executor.sign * merits[best], *told)


def promising(executor: Executor, ranked: Sequence[Trial], count: int) -> list[Trial]:
    """Put the trials first that should become finalists: with several objectives those on the Pareto front.

    Of a front longer than `count` the best dev scores come first. Where a margin is stated, only what is within it of
    the best counts, and finalists are spread evenly over that part of the front, the cheapest included.

    Args:
        executor: where they were trained.
        ranked: trials of the search, the best dev score first.
        count: number of finalists.

    Returns:
        The same trials in another order.
    """
    wanted = executor.objectives
    if not wanted.objectives or not ranked or count < 1:
        return list(ranked)
    on = front(ranked, executor.sign, wanted.objectives, executor.store.fact(COSTS) or {})
    if wanted.within is not None and on:
        least = executor.sign * on[0].score - wanted.within
        near = [trial for trial in on if executor.sign * trial.score >= least]
        steps = min(count, len(near))
        spread = [near[round(i * (len(near) - 1) / max(steps - 1, 1))] for i in range(steps)]
        on = spread + [trial for trial in on if trial not in spread]
    places = {trial.number: place for place, trial in enumerate(on)}
    return sorted(ranked, key=lambda trial: places.get(trial.number, len(places)))
