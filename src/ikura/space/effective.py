"""Spaces in which every hyperparameter has an effect: what is missing is opened, or refused with the line to write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ikura.errors import SpaceError
from ikura.space._base import Configuration, Parameter, Value, same
from ikura.space.discrete import Choice, Integer, fixed
from ikura.space.effects import Effect, Need, Place, first_epoch
from ikura.space.equivalent_values import Alike, alike
from ikura.space.hyperparameters import OPTIONS, default_of, effect_of, layer_of
from ikura.space.limits import BOUNDS
from ikura.space.space import Space

__all__ = ["OF_RULES", "TRAINING", "effective"]

TRAINING = ("optimizer", "schedule_shape", "pieces", "batch_growth", *BOUNDS)
"""Hyperparameters that are ikura's in a network of the caller's own too."""

OF_RULES = (
    "learning_rate", "optimizer", "momentum", "beta1", "beta2", "epsilon", "weight_decay", "pretrained_rate",
)  # fmt: skip
"""Hyperparameters of update rules: where the caller brings an optimizer, it is what reads them, or nobody."""

MOST_OPTIONS = 64


def effective(space: Space, place: Place, opens: bool = True) -> tuple[Space, list[str]]:
    """Give every hyperparameter of a space its effect, or refuse one that has none.

    Where the caller says nothing of the hyperparameter that one acts with, that is opened (momentum: the update rules
    that have a momentum). Where it is searched and some of its values give no effect, the one that depends on it is
    open only with the others. A fixed value that is the default is no fault.

    Args:
        space: what the caller named.
        place: where it is searched.
        opens: whether what is missing is opened; otherwise it is refused.

    Returns:
        The space, and a sentence for each thing that was changed.

    Raises:
        SpaceError: a hyperparameter can have no effect; the message says what to write.

    Example:
        >>> from ikura.space import linear
        >>> opened, notes = effective(Space(momentum=linear(0.5, 0.9)), Place())
        >>> opened["optimizer"], notes
        (Choice(options=('momentum', 'nesterov')), ['momentum acts only with optimizer momentum or nesterov, so ...'])
    """
    same = []
    for name in _named(space, place):
        _check_place(space, name, place)
        same += _check_options(space, name, place)
    space, notes = _opened(space, place, opens)
    notes += same
    for name in _named(space, place):
        space, more = _where_it_acts(space, name, place)
        notes += more
    named = [
        Alike(name, _values(space, name, place), _countable(space[name]), space[name].varies)
        for name in _named(space, place)
    ]
    return space, notes + alike(named, space, place, lambda other: _values(space, other, place))


def _named(space: Space, place: Place) -> list[str]:
    """The hyperparameters that are ikura's and say something."""
    ours = [name for name in space if effect_of(name) and (place.network != "own" or name in TRAINING)]
    ours = [name for name in ours if not (place.own_optimizer and name in OF_RULES)]
    return [name for name in ours if space[name].varies or not _usual(space[name], name, place)]


def _usual(parameter: Parameter, name: str, place: Place) -> bool:
    usual = default_of(name, place.network)
    return usual is not None and layer_of(name)[1] is None and same(parameter.from_unit(0.5), usual)


def _values(space: Space, name: str, place: Place) -> list[Value]:
    """Every value of a hyperparameter; of a range its ends; its default where the space does not name it."""
    if name not in space:
        usual = default_of(name, place.network)
        return [] if usual is None else [usual]
    one = space[name]
    if isinstance(one, Choice):
        return list(one.options)
    if isinstance(one, Integer) and _countable(one):
        return list(range(one.low, one.high + 1))
    return [one.from_unit(0.0), one.from_unit(1.0)] if one.varies else [one.from_unit(0.5)]


def _countable(one: Parameter) -> bool:
    return isinstance(one, Choice) or (isinstance(one, Integer) and one.high - one.low < MOST_OPTIONS)


def _met(need: Need, values: Iterable[Value]) -> list[Value]:
    return [value for value in values if need.accepts(value)]


def _values_with(space: Space, name: str, other: str, place: Place) -> list[Value]:
    """Values of another hyperparameter where this one is open."""
    requires = space.condition(name) or {}
    if other in requires:
        return list(requires[other])
    return _values(space, other, place)


def _groups(effect: Effect, place: Place) -> list[list[Need]]:
    groups = [[need for need in group if not need.networks or place.network in need.networks] for group in effect.needs]
    return [group for group in groups if group]


def _check_place(space: Space, name: str, place: Place) -> None:
    """Refuse what has no effect on these data, in this time, or beside the values of single layers."""
    effect, least = effect_of(name) or Effect(), _least(_values(space, name, place))
    for holds, words in effect.place:
        # A whole batch is asked for by one number, not searched by several.
        if holds(place, least) is False and (name != "batch_size" or space[name].varies):
            raise SpaceError(f"[{name}] has no effect: it needs {words}; leave {name} out")
    if effect.below and "batch_growth" not in space:
        above = max((one for one in _values(space, effect.below, place) if isinstance(one, int | float)), default=None)
        if above is not None and least >= above:
            size = f"{effect.below} is at most {above:g}"
            raise SpaceError(f"[{name}] has no effect: {size}; write a {name} below that, or leave {name} out")
    if effect.of_layers and place.network == "mlp" and layer_of(name)[1] is None:
        layers = [int(one) for one in _values(space, "layers", place) if isinstance(one, int | float)]
        own = [f"{name}_{layer}" for layer in range(1, max(layers, default=0) + 1)]
        if own and all(one in space and not space.condition(one) for one in own):
            raise SpaceError(f"[{name}] has no effect: {', '.join(own)} stand in its place; leave {name} out")


def _least(values: list[Value]) -> Any:
    """The least number; of texts of epochs the one that begins first."""
    numbers = [one for one in values if isinstance(one, int | float)]
    return min(numbers) if numbers else min(map(str, values), key=lambda text: (first_epoch(text), text))


def _check_options(space: Space, name: str, place: Place) -> list[str]:
    """Say which options are the same as another one; refuse the only one."""
    notes = []
    for value in _values(space, name, place):
        need, line = OPTIONS.get((name, value), (None, ""))
        if need is not None and not _met(need, _values(space, need.name, place)):
            told = f"{value} is the same as constant without {need.words}; write {line} too"
            if not space[name].varies:
                raise SpaceError(f"[{name}] {told}")
            notes.append(f"{name} {told}")
    return notes


def _opened(space: Space, place: Place, opens: bool) -> tuple[Space, list[str]]:
    """Open what gives hyperparameters their effect, where the caller says nothing of it."""
    lacking: dict[str, dict[str, Need]] = {}
    for name in _named(space, place):
        for group in _groups(effect_of(name) or Effect(), place):
            if any(_met(need, _values_with(space, name, need.name, place)) for need in group):
                continue
            need = next((one for one in group if one.opens and one.name not in space), None)
            if need is None or not opens:
                raise SpaceError(_refusal(space, name, group, place))
            lacking.setdefault(need.name, {})[name] = need
    notes = []
    for other, asked in lacking.items():
        options = dict.fromkeys(value for need in asked.values() for value in need.opens)
        usual = default_of(other, place.network)
        if usual is not None and any(_acts_by(name, other, usual, place) for name in _named(space, place)):
            options = {usual: None} | options
        chosen: Parameter = Choice(tuple(options)) if len(options) > 1 else fixed(next(iter(options)))
        space = space.replace(**{other: chosen})
        for name, need in asked.items():
            found = f"searched among {', '.join(map(str, options))}" if len(options) > 1 else _told(list(options))
            notes.append(f"{name} acts only with {need.words}, so {other} is {found}")
    return space, notes


def _acts_by(name: str, other: str, value: Value, place: Place) -> bool:
    """Whether a hyperparameter acts by a value of another one."""
    needs = [need for group in _groups(effect_of(name) or Effect(), place) for need in group if need.name == other]
    return any(need.accepts(value) for need in needs)


def _refusal(space: Space, name: str, group: list[Need], place: Place) -> str:
    words = " or ".join(need.words for need in group)
    now = ", ".join(f"{need.name} is {_told(_values_with(space, name, need.name, place))}" for need in group)
    write = " or ".join(_line(need) for need in group)
    return f"[{name}] has no effect: it acts only with {words}, but {now}; write {write}, or leave {name} out"


def _line(need: Need) -> str:
    value = need.opens[0] if need.opens else 1
    return f'{need.name} = "{value}"' if isinstance(value, str) else f"{need.name} = {value}"


def _told(values: list[Value]) -> str:
    return " or ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _where_it_acts(space: Space, name: str, place: Place) -> tuple[Space, list[str]]:
    """Let a hyperparameter be open only with the values of others that give it an effect."""
    wanted: Configuration = {}
    notes = []
    for group in _groups(effect_of(name) or Effect(), place):
        possible = [need for need in group if _met(need, _values_with(space, name, need.name, place))]
        if len(possible) != 1 or possible[0].name not in space:
            continue
        [need] = possible
        parent, values = space[need.name], _values_with(space, name, need.name, place)
        met = _met(need, values)
        if len(met) < len(values) and (_countable(parent) or need.name in (space.condition(name) or {})):
            wanted[need.name] = met
            notes.append(f"{name} acts only with {need.words}, so it is open only there")
    if not wanted:
        return space, []
    form: Mapping[str, Any] = space.as_dict()[name]
    return space.replace(**{name: {**form, "when": {**form.get("when", {}), **wanted}}}), notes
