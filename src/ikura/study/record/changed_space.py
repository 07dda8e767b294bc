"""What a hand made of the space while it was searched: ends that were moved, options that were added or banned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ikura.errors import SpaceError, nearest
from ikura.space import Choice, Space
from ikura.space.discrete import Fixed
from ikura.study.record.intervention import Action, Intervention, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.store import Store

__all__ = ["OF_SPACE", "changed", "space_changes", "space_from"]

OF_SPACE = (Action.RANGE, Action.ADD, Action.BAN)
"""What changes a space."""


def space_changes(store: Store, proposed: int | None = None) -> list[Intervention]:
    """The changes that hold for proposals behind so many, in the order in which they took effect; None for all."""
    found = Interventions(store).of_search(*OF_SPACE)
    return [one for one in found if proposed is None or one.proposed <= proposed]


def space_from(store: Store, space: Space, proposed: int) -> Space:
    """The space that is searched from so many proposals on; what a change is about may be missing from it.

    Args:
        store: of the study.
        space: as a search was begun with it.
        proposed: number of proposals.
    """
    for one in space_changes(store, proposed):
        try:
            space = changed(space, [one])
        except SpaceError:
            continue
    return space


def changed(space: Space, changes: Iterable[Request]) -> Space:
    """A space with changes; ranges that were moved by hand are widened by no search.

    Raises:
        SpaceError: the space has no such hyperparameter, or it cannot be changed so.

    Example:
        >>> from ikura.space import choice, log
        >>> space = Space(learning_rate=log(1e-4, 1), optimizer=choice("sgd", "adam"))
        >>> narrow = Request(action=Action.RANGE, values={"name": "learning_rate", "high": 0.1})
        >>> found = changed(space, [narrow, Request(action=Action.BAN, values={"optimizer": "sgd"})])
        >>> found["learning_rate"], found["optimizer"], found.widens("learning_rate")
        (Log(low=0.0001, high=0.1), Fixed(value='adam'), False)
    """
    tables: dict[str, dict[str, Any]] = {}
    for one in changes:
        name = str(one.values["name"]) if one.action is Action.RANGE else next(iter(one.values))
        if name not in space:
            raise SpaceError(f"the space has no {name!r}{nearest(name, space)}")
        table = tables.get(name) or space[name].as_dict()
        tables[name] = _moved(name, table, one) if one.action is Action.RANGE else _chosen(name, table, one, space)
    return space.replace(**tables)


def _moved(name: str, table: dict[str, Any], one: Request) -> dict[str, Any]:
    if "low" not in table:
        raise SpaceError(f"{name} has no range; add or ban one of its values")
    ends = {end: value for end, value in one.values.items() if end in ("low", "high")}
    return {**table, **ends, "widen": False}


def _chosen(name: str, table: dict[str, Any], one: Request, space: Space) -> dict[str, Any]:
    value = one.values[name]
    if "low" in table:
        raise SpaceError(f"{name} has a range; give it another one")
    options = table["choices"] if "choices" in table else [table["value"]]
    known = Choice(tuple(options)).contains(value)
    if one.action is Action.ADD:
        if known:
            raise SpaceError(f"{name} has {value!r} already")
        options = [*options, value]
    else:
        if not known:
            raise SpaceError(f"{name} is never {value!r}{nearest(str(value), [str(option) for option in options])}")
        options = [option for option in options if not Fixed(option).contains(value)]
        if not options:
            raise SpaceError(f"{name} has no other value than {value!r}")
    return {"choices": options} if len(options) > 1 else {"value": options[0]}
