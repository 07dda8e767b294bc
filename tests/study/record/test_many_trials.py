"""Reading many trials at once tells the same as reading them one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.errors import RunError, UsageError
from ikura.exchange.prior import Prior, fitted
from ikura.json_values import MANY, parsed_each
from ikura.population.member import check_value
from ikura.schema import Name, Scalar, parsed
from ikura.space import Space, choice, fixed, integer, linear, log, when
from ikura.study.record.configuration_audit import all_sound
from ikura.study.record.configuration_columns import columns_of
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

SCALARS = st.booleans() | st.integers(-5, 300) | st.floats(width=64) | st.sampled_from(["adam", "x", "{", "},{", "\n"])
NAMES = ("learning_rate", "units", "momentum", "optimizer", "units_2", "dropout", "mine")
CONFIGURATIONS = st.lists(st.dictionaries(st.sampled_from(NAMES), SCALARS), max_size=5)
BROKEN = st.sampled_from(
    ['{"a": 1},{"b": 2}', '"c": 3}', "{", "", "[]", "null", '{"a": "}', '{", "b": 1}', '{"a": [1]}']
)


def sound(text: str, built_in: bool) -> bool:
    """Whether one configuration is sound, looked at by itself."""
    try:
        for name, value in parsed(dict[Name, Scalar], text, "here").items():
            check_value(name, value, built_in)
    except (RunError, UsageError, TypeError, ValueError):
        return False
    return True


@settings(max_examples=300)
@given(CONFIGURATIONS, st.lists(BROKEN, max_size=2), st.booleans())
def test_all_are_sound_where_each_is(configurations: list[dict[str, Any]], broken: list[str], built_in: bool) -> None:
    texts = [*map(json.dumps, configurations), *broken]
    assert all_sound(texts, built_in) == all(sound(text, built_in) for text in texts)


@pytest.mark.parametrize("value", [1.5, float("nan"), "8", True, 10**30])
def test_one_wrong_value_among_many_is_found(value: Any) -> None:
    texts = [json.dumps({"dropout": place / 1000}) for place in range(900)]
    assert all_sound(texts, built_in=True)
    assert not all_sound([*texts[:400], json.dumps({"dropout": value}), *texts[400:]], built_in=True)


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers())))
def test_columns_hold_what_the_configurations_do(configurations: list[dict[str, int]]) -> None:
    columns = columns_of(configurations)
    rows = [{name: column[place] for name, column in columns.items()} for place in range(len(configurations))]
    assert [{name: one for name, one in row.items() if one is not None} for row in rows] == configurations
    assert list(columns) == list(dict.fromkeys(name for one in configurations for name in one))


def test_many_texts_are_parsed_as_python_parses_each() -> None:
    random = np.random.default_rng(0)
    numbers = [*random.normal(size=MANY), 5e-324, 1.7976931348623157e308, -0.0, 10**25, 2**63, 0.1]
    texts = [json.dumps({"x": float(one) if isinstance(one, np.floating) else one}) for one in numbers]
    texts += ['{"\\u00e9": "\\ud83d\\ude00"}', "[NaN, -Infinity]", "null"]
    for given_texts in (texts, [*texts, '"\\ud800"']):
        assert repr(parsed_each(given_texts)) == repr([json.loads(text) for text in given_texts])


SPACE = Space(
    when(optimizer="momentum", momentum=linear(0.5, 0.99)),
    learning_rate=log(1e-4, 1),
    units=integer(4, 16),
    optimizer=choice("adam", "momentum"),
    batch_size=choice(16, 32),
    layers=fixed(2),
)
CHANGED = (
    SPACE,
    SPACE.replace(units=integer(8, 32).as_dict()),
    SPACE.replace(learning_rate=log(2, 3).as_dict()),
    SPACE.replace(batch_size=choice(32, 64).as_dict(), layers=fixed(3).as_dict()),
    SPACE.replace(dropout=linear(0, 0.5).as_dict()),
    SPACE.replace(dropout=fixed(0.5).as_dict()),
    SPACE.replace(optimizer=choice("adam").as_dict()),
)


@pytest.mark.parametrize("space", CHANGED)
@pytest.mark.parametrize("kind", ["numbers", "objects"])
def test_a_prior_has_the_trials_that_fit_one_by_one(space: Space, kind: str) -> None:
    random = np.random.default_rng(3)
    points = [SPACE.from_unit({name: random.random() for name in SPACE.dimensions}) for _ in range(300)]
    states = random.choice([State.COMPLETE, State.PRUNED, State.DIVERGED, State.WAITING], 300)
    rows = [{name: one.get(name) for name in SPACE} for one in points]
    if kind == "objects":
        rows[7]["units"], rows[8]["batch_size"], rows[9]["learning_rate"] = "8", True, None
    trials = pd.DataFrame(rows).assign(state=states, score=random.random(300))
    if kind == "objects":
        trials = trials.astype(object)
    found = list(Prior(SPACE, trials, True).records(space, 1.0))
    expected = []
    for row in trials.to_dict("records"):
        has = {name: row[name] for name in SPACE if row[name] is not None and row[name] == row[name]}
        there = all(name in has for name in space.dimensions if space.condition(name) is None)
        fits = fitted(has, space) if there and row["state"] != State.WAITING else None
        if fits is not None:
            score = None if row["state"] == State.DIVERGED else row["score"]
            expected.append({"configuration": fits, "score": score})
    assert repr(found) == repr(expected)


def trial(number: int, **about: Any) -> Trial:
    return Trial(number, Purpose.SEARCH, 0, 0, {"learning_rate": 0.1 + number}, **about)


def test_trials_that_are_still_are_read_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "study.db", create=True)
    other = Store(tmp_path / "study.db")
    store.add_trials([trial(0)])
    made: list[int] = []
    with store.still():
        assert len(store.trials()) == 1
        assert store.once("count", lambda: made.append(1) or len(store.trials())) == 1  # type: ignore[func-returns-value]
        other.add_trials([trial(1)])
        assert len(store.trials()) == 1
        assert store.once("count", lambda: made.append(1) or 9) == 1  # type: ignore[func-returns-value]
        store.add_trials([trial(2)])
        assert len(store.trials()) == 3, "what this process writes is seen"
        assert store.once("count", lambda: len(store.trials())) == 3
    other.set_states([0], State.PRUNED)
    assert [one.state for one in store.trials()] == [State.PRUNED, State.WAITING, State.WAITING]
    assert store.once("count", lambda: 7) == 7
    store.close()
    other.close()


def test_a_table_has_the_trials(tmp_path: Path) -> None:
    store = Store(tmp_path / "study.db", create=True)
    assert store.table().empty
    some = [
        trial(0, state=State.COMPLETE, dev_score=0.5, dev_loss=None, epochs=3, best_epoch=2, seconds=0.25),
        Trial(1, Purpose.FINALIST, 1, 0, {"units": 8, "optimizer": "adam"}, 0, State.DIVERGED),
    ]
    store.add_trials(some)
    table = store.table()
    for row, one in zip(table.itertuples(), some, strict=True):
        assert (row.number, row.state, row.purpose, row.stage, row.epochs) == (
            one.number, one.state, one.purpose, one.stage, one.epochs,
        )  # fmt: skip
        for name in ("parent", "dev_score", "dev_loss", "best_epoch", "seconds"):
            value = getattr(one, name)
            assert getattr(row, name) == value or (value is None and np.isnan(getattr(row, name)))
    assert table["learning_rate"].tolist()[0] == 0.1
    assert pd.isna(table["learning_rate"].tolist()[1])
    assert table["optimizer"].tolist()[1] == "adam"
    store.close()
