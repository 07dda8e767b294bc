"""Values that each are possible and together leave nothing to learn: refused, or said where only some are so."""

from __future__ import annotations

from math import ceil

from ikura.errors import SpaceError
from ikura.space._base import real
from ikura.space.effects import Place
from ikura.space.hyperparameters import default_of
from ikura.space.space import Space

__all__ = ["too_strong"]


def too_strong(space: Space, place: Place) -> list[str]:
    """Refuse a learning rate of 0, decay that turns weights over, and dropout that leaves no unit.

    A decoupled decay w ← (1 - αλ) w changes the sign of every weight where αλ > 1. Of n units a dropout rate p leaves
    n (1 - p) on average; below 1 most updates see none. Weights averaged with a decay d are those of about 1/(1 - d)
    updates; a training of fewer leaves them near where it began, which is said.

    Args:
        space: what is searched.
        place: where.

    Returns:
        A sentence for each thing that is so for some of the values only.

    Raises:
        SpaceError: it is so for all of them.

    Example:
        >>> from ikura.space import linear
        >>> too_strong(Space(learning_rate=0.5, weight_decay=linear(0.1, 4)), Place())
        ['weight_decay times learning_rate may be above 1 (up to 2): then each update turns the weights over']
    """
    notes = []
    rates = _ends(space, "learning_rate", place)
    if rates is not None and rates[1] == 0 and "learning_rate" in space:
        raise SpaceError("[learning_rate] 0 moves no weight; write a rate above 0, such as 0.01")
    if rates is not None and rates[0] == 0 and "learning_rate" in space:
        notes.append("a learning_rate of 0 moves no weight")
    decays = _ends(space, "weight_decay", place)
    if rates is not None and decays is not None and "weight_decay" in space:
        least, most = rates[0] * decays[0], rates[1] * decays[1]
        if least > 1:
            raise SpaceError(
                f"[weight_decay] times learning_rate is {least:g} at least: above 1 each update turns weights over, "
                "w ← (1 - learning_rate · weight_decay) w; write a smaller one"
            )
        if most > 1:
            above = f"may be above 1 (up to {most:g})"
            notes.append(f"weight_decay times learning_rate {above}: then each update turns the weights over")
    dropped, units = _ends(space, "dropout", place), _ends(space, "units", place)
    ours = place.network in ("mlp", "cnn") and "dropout" in space
    if ours and dropped is not None and units is not None:
        if units[1] * (1 - dropped[0]) < 1:
            raise SpaceError(
                f"[dropout] {dropped[0]:g} leaves less than one of {units[1]:g} units on average, so that next to "
                "nothing is learned; write a smaller rate, or more units"
            )
        if units[0] * (1 - dropped[1]) < 1:
            notes.append(f"dropout of up to {dropped[1]:g} may leave less than one of {units[0]:g} units on average")
    return notes + _slow_averages(space, place)


def _slow_averages(space: Space, place: Place) -> list[str]:
    """Say which averages of the weights span more updates than there are."""
    decays, sizes = _ends(space, "ema_decay", place), _ends(space, "batch_size", place)
    if decays is None or sizes is None or "ema_decay" not in space or place.rows is None or place.epochs is None:
        return []
    updates = ceil(place.rows / sizes[0]) * place.epochs
    memory = 1 / (1 - decays[1])
    if memory <= updates:
        return []
    which = "ema_decay" if decays[0] == decays[1] else "ema_decay of up to"
    ends = f"a trial makes at most {updates}: its first weights count most"
    return [f"{which} {decays[1]:g} averages over {memory:.0f} updates, and {ends}"]


def _ends(space: Space, name: str, place: Place) -> tuple[float, float] | None:
    """The least and the greatest value of a number."""
    if name in space:
        options = getattr(space[name], "options", (space[name].from_unit(0.0), space[name].from_unit(1.0)))
    else:
        options = (default_of(name, place.network),)
    if not all(isinstance(one, int | float) for one in options):
        return None
    numbers = [real(one, name) for one in options]
    return min(numbers), max(numbers)
