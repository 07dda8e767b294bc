"""The audit of a store that an earlier process left: all that a study relies on is of its type and fits together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from ikura.errors import RunError, UsageError
from ikura.population.member import check_value
from ikura.schema import Name, Scalar, parsed
from ikura.space import Space
from ikura.study.record.configuration_audit import all_sound
from ikura.study.record.facts import (
    BEST,
    COSTS,
    DECISIONS,
    DONE,
    ERRORS,
    PREDICTIONS,
    SECONDS,
    STAGES,
    SUMMARY,
    TEST,
    TILE_SIZE,
    Fact,
    PredictionsFact,
    RoundForm,
    known_fact,
)
from ikura.study.record.intervention import Action, Status
from ikura.study.record.networks import OWN
from ikura.study.record.search_plans import plans
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.tables import CURVES, FACTS, INTERVENTIONS, LOSSES, ROUNDS, SEGMENTS, TRIALS
from ikura.study.record.trial import Purpose
from ikura.trial_state import State

__all__ = ["audit"]

KINDS: dict[type, tuple[str, tuple[str, ...]]] = {
    sa.Integer: ("a whole number", ("integer",)),
    sa.Float: ("a number", ("real", "integer")),
    sa.String: ("text", ("text",)),
    sa.LargeBinary: ("bytes", ("blob",)),
}
"""What a column's values are called, and how SQLite stores them, which keeps to no column's type by itself."""
LEAST = {"stage": 0, "round": 0, "number": 0, "tile": 0, "place": 0, "since": 0, "epochs": 0, "seconds": 0, "trial": 0}
LEAST |= {"at": 0, "applied": 0, "made": 0}
LEAST |= {"epoch": 1, "best_epoch": 1, "until": 1}
FINITE, LARGEST = ("dev_score", "seconds", "time"), 1.7e308
KEYS = {
    TRIALS: ("number",),
    CURVES: ("trial", "epoch"),
    SEGMENTS: ("tile", "place"),
    ROUNDS: ("stage", "round"),
    LOSSES: ("trial", "epoch"),
    FACTS: ("name",),
    INTERVENTIONS: ("number",),
}
"""What a row is called by."""


def audit(store: Store, setting: Setting) -> None:
    """Check a store.

    Args:
        store: the store of a run.
        setting: the run's.

    Raises:
        RunError: naming the table, the row, the column and what would be right.
    """
    for table in KEYS:
        _columns(store, table)
    _rows(store)
    _facts(store)
    _rounds(store)
    _configurations(store, setting)
    _interventions(store)
    _numbers(store, setting)


def _columns(store: Store, table: sa.Table) -> None:
    """Every value of a table is of its column's type, and no less than it can be."""
    keys = [table.c[key] for key in KEYS[table]]
    rules = [(column, *rule) for column in table.columns for rule in _rules(store, column)]
    try:
        if not rules or _first(store, sa.select(*keys).where(sa.or_(*(broken for _, broken, _ in rules)))) is None:
            return
    except RunError as error:
        raise RunError(f"{error}: in the table {table.name}") from error
    for column, broken, right in rules:
        found = _first(store, sa.select(*keys, column).where(broken))
        if found is not None:
            raise RunError(f"{_place(store, table, found)}: {column.name} is {_shown(found[-1])}, not {right}")


def _rules(store: Store, column: sa.Column[Any]) -> Iterator[tuple[Any, str]]:
    """When a column's value is wrong, and what would be right."""
    what, kinds = next(found for kind, found in KINDS.items() if isinstance(column.type, kind))
    if store.engine.dialect.name == "sqlite":
        yield sa.func.typeof(column).not_in((*kinds, "null") if column.nullable else kinds), what
    least = LEAST.get(column.name)
    if least is not None:
        yield column < least, f"{what} of at least {least}"
    if column.name in FINITE:
        yield sa.func.abs(column) > LARGEST, "a finite number"


def _rows(store: Store) -> None:
    """States and purposes exist; trials are numbered through; what refers to trials refers to some that are there."""
    words: list[tuple[sa.Table, str, tuple[str, ...]]] = [
        (TRIALS, "state", tuple(State)),
        (TRIALS, "purpose", tuple(Purpose)),
        (INTERVENTIONS, "state", tuple(Status)),
        (INTERVENTIONS, "action", tuple(Action)),
    ]
    for table, name, known in words:
        found = _first(store, sa.select(table.c.number, table.c[name]).where(table.c[name].not_in(known)))
        if found is not None:
            raise RunError(
                f"{_place(store, table, found)}: {name} is {_shown(found[1])}, not one of {', '.join(known)}"
            )
    digits = sa.select(sa.func.min(TRIALS.c.number), TRIALS.c.seed).group_by(TRIALS.c.seed)
    for number, seed in _all(store, digits):
        if not (seed.isdecimal() and seed.isascii()) or len(seed) > 4000:
            raise RunError(f"{_place(store, TRIALS, (number,))}: seed is {_shown(seed)}, not a whole number in digits")
    [(last, count)] = _all(store, sa.select(sa.func.max(TRIALS.c.number), sa.func.count()).select_from(TRIALS))
    if count and last != count - 1:
        raise RunError(f"{store.place}: trials: {count} of the numbers 0 to {last} are there; bring the others back")
    references = [
        (TRIALS, TRIALS.c.parent),
        (CURVES, CURVES.c.trial),
        (SEGMENTS, SEGMENTS.c.trial),
        (LOSSES, LOSSES.c.trial),
        (INTERVENTIONS, INTERVENTIONS.c.trial),
        (INTERVENTIONS, INTERVENTIONS.c.made),
    ]
    for table, column in references:
        keys = [table.c[key] for key in KEYS[table]]
        found = _first(store, sa.select(*keys, column).where((column < 0) | (column >= count)))
        if found is not None:
            raise RunError(f"{_place(store, table, found)}: {column.name} is {found[-1]}, but there is no such trial")
    _first_of(store, sa.select(TRIALS.c.number).where(TRIALS.c.parent >= TRIALS.c.number), "parent is no earlier trial")
    _first_of(
        store,
        sa.select(TRIALS.c.number).where((TRIALS.c.purpose == Purpose.FINALIST) & TRIALS.c.parent.is_(None)),
        "parent is missing, but a finalist has one",
    )
    _first_of(
        store,
        sa.select(TRIALS.c.number).where(TRIALS.c.best_epoch > TRIALS.c.epochs),
        "best_epoch is beyond its epochs",
    )
    points = sa.select(CURVES.c.trial, sa.func.count().label("count"), sa.func.max(CURVES.c.epoch).label("last"))
    each = points.group_by(CURVES.c.trial).subquery()
    count_, last_ = sa.func.coalesce(each.c.count, 0), sa.func.coalesce(each.c.last, 0)
    joined = sa.select(TRIALS.c.number).select_from(TRIALS.outerjoin(each, TRIALS.c.number == each.c.trial))
    _first_of(
        store,
        joined.where((count_ != TRIALS.c.epochs) | (last_ != TRIALS.c.epochs)),
        "its curve (table curves) has not one point for each of its epochs",
    )
    found = _first(store, sa.select(SEGMENTS.c.tile, SEGMENTS.c.place).where(SEGMENTS.c.until <= SEGMENTS.c.since))
    if found is not None:
        raise RunError(f"{_place(store, SEGMENTS, found)}: until is not after since")


def _facts(store: Store) -> None:
    """Every fact is of its schema."""
    stored = dict(_all(store, sa.select(FACTS.c.name, FACTS.c.value)))
    for name, value in stored.items():
        if fact := known_fact(name):
            parsed(fact.kind, value, f"{store.place}: fact {name}", unknown="ignore")
    for fact in _wanted(store, done=DONE.name in stored):
        if fact.name not in stored:
            raise RunError(f"{store.place}: fact {fact.name} is missing; bring the run's own study.db back")
    if predictions := store.fact(PREDICTIONS):
        _predictions(store, predictions)


def _predictions(store: Store, found: PredictionsFact) -> None:
    """What the model answered on the test set: of classes their places among them."""
    if len(found["target"]) != len(found["prediction"]):
        raise RunError(f"{store.place}: fact predictions: target and prediction are not of one length")
    target, classes = np.array(found["target"]), found["classes"]
    if not np.isfinite(target).all():
        raise RunError(f"{store.place}: fact predictions: a target is not finite")
    if classes is not None and not np.isin([*target, *found["prediction"]], np.arange(len(classes))).all():
        raise RunError(f"{store.place}: fact predictions: these are no places of {len(classes)} classes, from 0 on")


def _wanted(store: Store, done: bool) -> list[Fact[Any]]:
    """Facts that must be there by how far the study has come."""
    found: list[Fact[Any]] = [SUMMARY, SECONDS]
    if _first(store, sa.select(SEGMENTS.c.tile)) is not None:
        found += [STAGES, TILE_SIZE]
    if done and store.count(state=State.COMPLETE):
        found += [BEST, ERRORS, TEST, PREDICTIONS]
    return found


def _rounds(store: Store) -> None:
    """Every round is of its schema, and moves trials that are there."""
    rows = _all(store, sa.select(ROUNDS.c.stage, ROUNDS.c.round, ROUNDS.c.content))
    trials = store.count() if rows else 0
    there = set(map(str, range(trials)))
    for row in rows:
        place = f"{_place(store, ROUNDS, row)}: content"
        content = parsed(RoundForm, row[2], place)
        for part, numbers in content.items():
            for number in numbers.keys() - there:
                if not (number.isdecimal() and number.isascii() and len(number) < 20 and int(number) < trials):
                    raise RunError(f"{place}: {part} names trial {_shown(number)}, but there is no such trial")


def _configurations(store: Store, setting: Setting) -> None:
    """Hyperparameters have plain values, which the network can have."""
    seen: set[tuple[str, Any]] = set()
    rows = _all(store, sa.select(TRIALS.c.number, TRIALS.c.hyperparameters))
    if all_sound([text for _, text in rows], setting.network != OWN):
        return
    for number, text in rows:
        place = f"{_place(store, TRIALS, (number,))}: hyperparameters"
        for name, value in parsed(dict[Name, Scalar], text, place).items():
            if (name, value) in seen:
                continue
            seen.add((name, value))
            try:
                check_value(name, value, built_in=setting.network != OWN)
            except (UsageError, TypeError, ValueError) as error:
                raise RunError(f"{place}: {error}") from error


def _interventions(store: Store) -> None:
    """What interventions ask for are plain values."""
    for number, text in _all(store, sa.select(INTERVENTIONS.c.number, INTERVENTIONS.c.content)):
        parsed(dict[Name, Scalar], text, f"{_place(store, INTERVENTIONS, (number,))}: content")


def _numbers(store: Store, setting: Setting) -> None:
    """Facts name trials that are there, and hyperparameters of the space."""
    trials = store.count()
    named: list[tuple[str, Iterable[int]]] = []
    if best := store.fact(BEST):
        named += [("best: number", [best.number]), ("best: model", [best.model])]
        named.append(("best: next.number", [best.next.number] if best.next else []))
    decisions = store.fact(DECISIONS) or []
    for place, decision in enumerate(decisions):
        named.append((f"decisions[{place}]: best.number", [decision.best.number] if decision.best else []))
        named.append((f"decisions[{place}]: plan.warm", decision.plan.warm if decision.plan else []))
    for where, numbers in named:
        for number in numbers:
            if number >= trials:
                raise RunError(f"{store.place}: fact {where} is {number}, but there is no such trial")
    for name, values in (store.fact(COSTS) or {}).items():
        if len(values) > trials:
            raise RunError(f"{store.place}: fact costs: {name} has {len(values)} values, but there are {trials} trials")
    searches = plans(setting, store)
    for plan in searches:
        try:
            Space.from_dict(plan.space)
        except UsageError as error:
            raise RunError(f"{store.place}: fact decisions: the space of search {plan.number}: {error}") from error
    known = {name for plan in searches for name in plan.space}
    for stage in store.fact(STAGES) or []:
        for name in (*stage.region, *(one.hyperparameter for one in stage.widened)):
            if name not in known:
                raise RunError(f"{store.place}: fact stages: {stage.name} names {_shown(name)}, which is not searched")


def _all(store: Store, query: Any) -> Sequence[Any]:
    return store.tuples(query)


def _first(store: Store, query: Any) -> Any:
    return store.look(lambda connection: connection.execute(query.limit(1)).first())


def _first_of(store: Store, query: Any, fault: str) -> None:
    found = _first(store, query)
    if found is not None:
        raise RunError(f"{_place(store, TRIALS, found)}: {fault}")


def _place(store: Store, table: sa.Table, row: Sequence[Any]) -> str:
    about = ", ".join(f"{name} {_shown(value)}" for name, value in zip(KEYS[table], row, strict=False))
    return f"{store.place}: {table.name}, {about}"


def _shown(value: Any) -> str:
    text = f"{value[:40]!r}…" if isinstance(value, str | bytes) and len(value) > 40 else repr(value)
    return "nothing" if value is None else text
