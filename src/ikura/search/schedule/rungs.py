"""Rungs: the epochs at which trials are compared, and who passes one."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from ikura.errors import UsageError
from ikura.search.schedule._base import Standing
from ikura.trial_state import State

__all__ = ["best_first", "check_halving", "climb", "rungs"]


def check_halving(eta: int, shortest: int) -> None:
    """Refuse a factor or a first rung that makes no rungs.

    Raises:
        UsageError: eta is below 2 or shortest is below 1.
    """
    if eta < 2:
        raise UsageError(f"eta must be at least 2, but got {eta}")
    if shortest < 1:
        raise UsageError(f"shortest must be at least 1 epoch, but got {shortest}")


def rungs(epochs: int, eta: int, shortest: int = 1) -> list[int]:
    """List R η^-k epochs for k = ..., 2, 1, 0, rounded, as long as they are not below `shortest`.

    Args:
        epochs: R, how long a trial may train at most.
        eta: factor η between rungs.
        shortest: epochs below which no comparison is made.

    Returns:
        Increasing numbers of epochs; the last is `epochs`.

    Example:
        >>> rungs(81, 3), rungs(100, 3, shortest=4)
        ([1, 3, 9, 27, 81], [4, 11, 33, 100])
    """
    found = [epochs]
    while (shorter := round(epochs / eta ** len(found))) >= shortest:
        found.append(shorter)
    return sorted(set(found))


def best_first(standings: Sequence[Standing], epochs: int) -> list[Standing]:
    """Order trials by their score after so many epochs; of equal ones the one that began first comes first.

    Trials that have no finite score there are left out.
    """
    scored = [(score, one) for one in standings if isfinite(score := one.score_after(epochs))]
    return [one for _, one in sorted(scored, key=lambda pair: (-pair[0], pair[1].number))]


def climb(group: Sequence[Standing], ladder: Sequence[int], eta: int) -> tuple[dict[int, int], dict[int, str]]:
    """Let the best max(1, ⌊n/η⌋) of the n trials that set out for a rung go on to the next, and drop the others.

    The n counts trials that diverged on the way.

    Args:
        group: trials that are compared with each other; those that run stand at the same rung.
        ladder: the rungs.
        eta: η.

    Returns:
        What trains to how many epochs, and what is dropped and why; both empty when nobody runs any more.
    """
    running = [one for one in group if one.state == State.RUNNING]
    if not running:
        return {}, {}
    here = max(one.epochs for one in running)
    index = ladder.index(here)
    before = ladder[index - 1] if index else 0
    count = sum(one.epochs > before for one in group)
    ranked = best_first(running, here)
    chosen = ranked[: max(1, count // eta)]
    passed = {one.number for one in chosen}
    place = {one.number: position for position, one in enumerate(ranked, 1)}
    drop = {
        one.number: f"{place.get(one.number, count)} of {count} after {here} epochs, of which {len(chosen)} go on"
        for one in running
        if one.number not in passed
    }
    return {one.number: ladder[index + 1] for one in chosen}, drop
