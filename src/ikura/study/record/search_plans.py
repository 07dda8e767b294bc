"""The searches of a study: one, and those that an autopilot adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ikura.exchange.prior import fitted
from ikura.json_values import JsonObject
from ikura.search import EARLIER, Observation
from ikura.space import DEFAULTS, Parameter, Space
from ikura.study.record.decision import Decision, EndRecord, Found, SearchPlan
from ikura.study.record.facts import DECISIONS, StageRecord
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial, ranked

__all__ = ["SHARE_OF_SEARCH", "begun_with", "decided", "found_in", "plans", "united", "with_widened"]

SHARE_OF_SEARCH = 0.75
"""Share of a time limit that searching may take; the rest is for the finalists."""

PLAIN = {"log": "linear", "log-complement": "linear", "integer-log": "integer"}
"""What a scale becomes that cannot hold 0 (or 1) but must."""


def plans(setting: Setting, store: Store) -> list[SearchPlan]:
    """List the searches of a study in order: the one of its setting, then those decided on."""
    trials, until = setting.trials, SHARE_OF_SEARCH
    if setting.autopilot is not None:
        trials, until = setting.autopilot.first, setting.autopilot.until
    first = SearchPlan(1, 0, setting.space, trials, setting.epochs, until, [], [])
    return [first, *(one.plan for one in store.fact(DECISIONS) or [] if one.plan)]


def found_in(stage: int, searches: Sequence[SearchPlan]) -> SearchPlan:
    """Find the search that a stage belongs to."""
    return next(one for one in reversed(searches) if one.first <= stage)


def with_widened(space: Space, stages: Iterable[StageRecord]) -> Space:
    """A space with the ranges that some stages widened."""
    for stage in stages:
        for one in stage.widened:
            table = space[one.hyperparameter].as_dict()
            further = max if one.end == "high" else min
            space = space.replace(**{one.hyperparameter: table | {one.end: further(table[one.end], one.after)}})
    return space


def decided(setting: Setting, store: Store, sign: float) -> list[Decision]:
    """Read an autopilot's decisions, each to search with what it found.

    Equal dev scores are told apart by the dev loss, as everywhere.
    """
    decisions = store.fact(DECISIONS) or []
    searches, best = plans(setting, store), dict[int, Trial]()
    for one in ranked(store.trials(purpose=Purpose.SEARCH), sign) if decisions else []:
        if one.state.trained:
            best.setdefault(found_in(one.stage, searches).number, one)

    def with_found(decision: Decision) -> Decision:
        top = best.get(decision.plan.number) if decision.plan else None
        if top is None or isinstance(decision, EndRecord):
            return decision
        better = top.rank_key(sign)[:2] > (sign * decision.best.dev, -decision.best.loss)
        assert top.dev_loss is not None
        return replace(decision, found=Found(top.number, top.score, top.dev_loss, better))

    return [with_found(one) for one in decisions]


def begun_with(known: Iterable[Observation], space: Space) -> list[Observation]:
    """Show earlier trials to a search of another space, as observations of a stage before its first.

    A hyperparameter that earlier trials did not have stood at its default; where the space does not contain that, at
    the nearest end of its range. Trials outside the space are left out.
    """
    found = []
    for one in known:
        given = {name: _nearest(DEFAULTS[name], space[name]) for name in space if name in DEFAULTS} | one.configuration
        configuration = fitted(given, space)
        if configuration is not None:
            found.append(Observation(one.number, EARLIER, configuration, one.score, one.loss, one.feasible))
    return found


def _nearest(value: Any, parameter: Parameter) -> Any:
    """A value, or the end of the range nearest to it."""
    if parameter.contains(value) or not parameter.numeric or isinstance(value, str | bool):
        return value
    low, high = parameter.from_unit(0.0), parameter.from_unit(1.0)
    return low if value < low else high if value > high else value


def united(one: Space, other: Space) -> Space:
    """Make a space that holds the configurations of both, for tables and plots of all their trials.

    Example:
        >>> from ikura.space import integer
        >>> united(Space(units=integer(8, 64), layers=2), Space(units=integer(32, 256), layers=integer(2, 4)))
        Space(units={'scale': 'integer', 'low': 8, 'high': 256}, layers={'scale': 'integer', 'low': 2, 'high': 4})
    """
    tables = {name: table for name, table in one.as_dict().items() if name != "constraints"}
    for name, table in other.as_dict().items():
        if name != "constraints":
            tables[name] = _both(tables[name], table, one[name], other[name]) if name in one else table
    return Space.from_dict(tables)


def _both(form: JsonObject, other: JsonObject, one: Parameter, two: Parameter) -> JsonObject:
    """The table of a parameter that holds the values of two; conditions are joined."""
    parts = {key: value for key, value in (form | other).items() if key in ("when", "widen")}
    if "when" in parts and ("when" not in form or "when" not in other):
        del parts["when"]
    elif "when" in parts:
        parts["when"] = {
            parent: list(dict.fromkeys([*_listed(form["when"].get(parent)), *_listed(other["when"].get(parent))]))
            for parent in form["when"]
            if parent in other["when"]
        }
    ranges = [table for table in (other, form) if "low" in table]
    if ranges:
        numbers = [value for table in (form, other) for value in _values(table)]
        low, high, scale = min(numbers), max(numbers), ranges[0]["scale"]
        if low <= 0 or (scale == "log-complement" and high >= 1):
            scale = PLAIN.get(scale, scale)
        return {"scale": scale, "low": low, "high": high} | parts
    options = list(dict.fromkeys([*_values(form), *_values(other)]))
    return ({"choices": options} if len(options) > 1 else {"value": options[0]}) | parts


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _values(table: Mapping[str, Any]) -> list[Any]:
    if "low" in table:
        return [table["low"], table["high"]]
    return list(table["choices"]) if "choices" in table else [table["value"]]
