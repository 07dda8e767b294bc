"""Ranges that are too narrow: good results lie at their ends, so the next stage searches beyond."""

from __future__ import annotations

from collections.abc import Sequence

from ikura.search._base import Observation, Widening
from ikura.space import Parameter, Space
from ikura.space.limits import limits, widening_bounds

__all__ = ["widened"]

_ZONE = 0.1
_FEWEST = 3
_CHANCE = 0.01
_FURTHER = 0.125
_USABLE = 0.5


def widened(space: Space, history: Sequence[Observation], best: Sequence[Observation]) -> tuple[Space, list[Widening]]:
    """Widen the ranges at whose ends the good results crowd.

    The edge of a range is its outer tenth on its scale, or its last integer. Good results crowd there when at least
    three lie at it and so many would lie there by chance, given how many of all trials did, less than once in a hundred
    times. The end then moves outwards by an eighth of the range on its scale, an integer by at least one; never past
    what the hyperparameter can be, at most half of the way to a value that it must stay below, and not where half of
    the trials at the edge failed. Choices, hyperparameters that are not ikura's, and those that the space holds
    (`Space.widens`) stay as they are.

    Args:
        space: what was searched.
        history: all trials to learn from, with configurations in this space.
        best: the good ones of them.

    Returns:
        The wider space (the same one if nothing changed), and what was widened, in the order of the space.
    """
    found: list[Widening] = []
    wider: dict[str, Parameter] = {}
    for name in space.dimensions:
        if not space.widens(name) or limits(name) is None:
            continue
        one = space[name]
        for upwards in (False, True):
            hits = len(_at_edge(one, best, name, upwards))
            if hits < _FEWEST:
                continue
            at_edge = _at_edge(one, history, name, upwards)
            tried = sum(name in trial.configuration for trial in history)
            good = sum(name in trial.configuration for trial in best)
            if not _crowded(hits, good, len(at_edge), tried):
                continue
            if sum(trial.usable for trial in at_edge) < _USABLE * len(at_edge):
                continue
            moved = _moved(one, name, upwards)
            if moved != one:
                end = "high" if upwards else "low"
                found.append(Widening(name, end, _end(one, upwards), _end(moved, upwards), hits, good))
                one = wider[name] = moved
    return (space.replace(**wider), found) if wider else (space, [])


def _at_edge(one: Parameter, trials: Sequence[Observation], name: str, upwards: bool) -> list[Observation]:
    """The trials that lie at the edge of a range."""
    end = _end(one, upwards)
    found = []
    for trial in trials:
        if name in trial.configuration:
            value = trial.configuration[name]
            u = one.to_unit(value)
            if value == end or (u > 1 - _ZONE if upwards else u < _ZONE):
                found.append(trial)
    return found


def _crowded(hits: int, good: int, at_edge: int, tried: int) -> bool:
    """Whether P(at least so many hits) < 1 % for a binomial with the share of all trials at the edge."""
    from scipy.special import betainc

    share = min((at_edge + 1) / (tried + 2), 1.0)
    return bool(betainc(hits, good - hits + 1, share) < _CHANCE)


def _moved(one: Parameter, name: str, upwards: bool) -> Parameter:
    known = widening_bounds(name, float(_end(one, True)))
    assert known is not None
    return one.widen(upwards, _FURTHER, *known)


def _end(one: Parameter, upwards: bool) -> float:
    value = one.from_unit(1.0 if upwards else 0.0)
    assert isinstance(value, int | float)
    return value
