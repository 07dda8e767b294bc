"""What members of a stacked tile do with their gradients: penalties, limits of the cost, one update each."""

from __future__ import annotations

from typing import Any

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.penalty import penalise
from ikura.population.kernel.update import update

__all__ = ["update_members"]


@compiled
def update_members(
    weights: Any,
    gradients: Any,
    moments: Any,
    kept: Any,
    size: int,
    matrices: Any,
    settings: Any,
    rates: Any,
    steps: Any,
    active: Any,
    limits: Any,
    costs: Any,
    begin: int,
    end: int,
) -> None:
    """Make one update of the members from place `begin` to `end`, as far as they are active.

    A member whose cost is not finite, or above its limit, is marked dead and left as it is.

    Args:
        weights, gradients: a row for each member, at least as long as its weights, changed in place.
        moments: of the update rules, one after another in a row, averaged weights behind them, changed in place.
        kept: how many of these vectors each member has.
        size: weights of a member.
        matrices: (place, rows, columns) of the weights that are no biases.
        settings: a row of `SETTINGS` for each member.
        rates: learning rates.
        steps: updates that each member has made, changed in place.
        active: which members move, changed in place.
        limits: cost above which each member counts as exploded.
        costs: of the mini-batch, to which penalties are added.
        begin, end: places.
    """
    number = weights.dtype.type
    for k in range(begin, end):
        if not active[k]:
            continue
        w, g, setting = weights[k, :size], gradients[k, :size], settings[k]
        if setting.l1 > 0 or setting.l2 > 0:
            costs[k] += penalise(w, g, matrices, number(setting.l1), number(setting.l2))
        if not costs[k] <= limits[k]:
            active[k] = False
            continue
        steps[k] += 1
        update(w, g, moments[k, : kept[k] * size], matrices, setting, rates[k], steps[k])
