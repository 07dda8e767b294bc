"""The store keeps what it was given, exactly, and all of a transaction or none of it."""

from __future__ import annotations

import math
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.errors import RunError, StorageError
from ikura.population.outcome import Outcome
from ikura.study.record.address import Address
from ikura.study.record.facts import BEST, SECONDS, STAGES, TILE_SIZE, BestRecord, ChoiceRecord, Fact, StageRecord
from ikura.study.record.result import Corrected, RunnerUp
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

from ..postgres_server import PostgresServer

NUMBERS = st.floats(width=64) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308])


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | Address:
    """Where a study is recorded, of each kind."""
    if request.param == "sqlite":
        return tmp_path / "study.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return Address(server.url, tmp_path.name)


@pytest.fixture
def store(place: Path | Address) -> Any:
    made = Store(place, create=True)
    yield made
    made.close()


def row(number: int, seed: int = 0, hyperparameters: Any = None) -> Trial:
    return Trial(number, Purpose.SEARCH, 0, seed, hyperparameters or {"learning_rate": 0.1})


def outcome(number: int, curve: Any, state: State = State.COMPLETE, best_epoch: int = 1, **scores: float) -> Outcome:
    values = {"dev_loss": 0.5, "dev_score": 0.25, "train_loss": 0.75, "train_score": 0.125, **scores}
    table = np.array(curve, dtype=np.float64).reshape(-1, 3)
    return Outcome(number, 0, number, state, table, best_epoch, seconds=1.5, **values)


def same(one: float, other: float) -> bool:
    """Equal to the bit, but that a NaN is a NaN and SQLite keeps no sign of zero."""
    return one == other or (math.isnan(one) and math.isnan(other))


def test_numbers_of_all_kinds_come_back_as_they_were(store: Store) -> None:
    store.add_trials([row(0)])

    @settings(max_examples=50)
    @given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=5), NUMBERS, NUMBERS)
    def check(curve: Any, loss: float, score: float) -> None:
        store.record([outcome(0, curve, dev_loss=loss, dev_score=score)])
        [found] = store.trials()
        for name, value in (("dev_loss", loss), ("dev_score", score)):
            assert same(value, math.nan if getattr(found, name) is None else getattr(found, name))
        frame = store.curves()
        assert frame["epoch"].tolist() == list(range(1, len(curve) + 1))
        for name, values in zip(("train_loss", "dev_loss", "dev_score"), zip(*curve, strict=True), strict=False):
            assert frame[name].dtype == np.float64
            assert all(map(same, values, frame[name]))

    check()


def test_single_precision_comes_back_as_double(store: Store) -> None:
    value = float(np.float32(0.1))
    store.add_trials([row(0)])
    store.record([outcome(0, [[value] * 3], dev_score=value)])
    assert store.trials()[0].dev_score == value
    assert store.curves()["dev_score"][0] == value


def test_seeds_of_64_bits_come_back(store: Store) -> None:
    seeds = [0, 2**63 - 1, 2**64 + 3]
    store.add_trials([row(i, seed=seed) for i, seed in enumerate(seeds)])
    assert [found.seed for found in store.trials()] == seeds


def test_hyperparameters_come_back_with_their_types(store: Store) -> None:
    values = {"learning_rate": 0.1 + 0.2, "units": 64, "optimizer": "ädam", "wide": True, "none": None}
    store.add_trials([row(0, hyperparameters=values)])
    [found] = store.trials()
    assert found.hyperparameters == values
    assert [type(value) for value in found.hyperparameters.values()] == [float, int, str, bool, type(None)]


def test_facts_are_overwritten(store: Store) -> None:
    fact: Fact[Any] = Fact("any", Any)
    assert store.fact(fact) is None
    for value in ({"a": [1, 2.5, None]}, [], 0, False, "text", math.inf):
        store.set_fact(fact, value)
        assert store.fact(fact) == value


def test_a_fact_comes_back_as_its_type(store: Store) -> None:
    choice = ChoiceRecord("parameters", 0.1, 3, 0.9, None, 12.0)
    corrected, after = Corrected(0.85, (0.8, 0.9), 4, 100), RunnerUp(2, 0.1, (0.0, math.inf), 0.5, 1, (30, 40))
    best = BestRecord(3, 5, {"learning_rate": 1e-3, "wide": True, "units": 8}, 0.9, (0.85, 0.95), None, choice)
    for value in (best, replace(best, choice=None, corrected=corrected, next=after)):
        store.set_fact(BEST, value)
        assert store.fact(BEST) == value
    stages = [StageRecord(0, "coarse", 4, 3), StageRecord(1, "fine", 4, 6, {"learning_rate": [0.1, 1]})]
    store.set_fact(STAGES, stages)
    assert store.fact(STAGES) == stages


def test_a_trial_begins_waiting(store: Store) -> None:
    store.add_trials([row(0)])
    [found] = store.trials()
    assert found.state == "waiting"
    assert found.epochs == 0
    assert found.dev_score is None
    assert store.curves().empty


def test_recording_again_replaces_the_curve(store: Store) -> None:
    store.add_trials([row(0), row(1)])
    store.record([outcome(0, np.zeros((3, 3))), outcome(1, np.ones((2, 3)))], going_on=[0, 1])
    assert [found.state for found in store.trials()] == ["running", "running"]
    store.record([outcome(0, np.full((5, 3), 2.0))])
    assert [found.state for found in store.trials()] == ["complete", "running"]
    assert store.curves([0])["dev_loss"].tolist() == [2.0] * 5
    assert store.curves([1])["dev_loss"].tolist() == [1.0] * 2


def test_a_diverged_trial_has_no_best_epoch(store: Store) -> None:
    store.add_trials([row(0)])
    nan = math.nan
    store.record(
        [outcome(0, [[nan] * 3], State.DIVERGED, 0, dev_loss=nan, dev_score=nan, train_loss=nan, train_score=nan)]
    )
    [found] = store.trials()
    assert found.state == "diverged"
    assert found.best_epoch is None
    assert found.dev_score is None


def test_a_large_study_is_written_in_bulk(store: Store) -> None:
    count, tile = 2_000, 64
    store.add_trials([row(i) for i in range(count)])
    for first in range(0, count, tile):
        numbers = range(first, min(first + tile, count))
        store.record([outcome(i, np.full((20, 3), float(i))) for i in numbers])
    curves = store.curves()
    assert (curves["number"] == np.repeat(np.arange(count), 20)).all()
    assert (curves["dev_loss"] == curves["number"]).all()
    # More numbers than a statement of a common SQLite has room for (32,766).
    store.set_states(range(40_000), State.SKIPPED)
    assert {found.state for found in store.trials()} == {"skipped"}
    assert len(store.curves(range(40_000))) == 20 * count


def test_one_tile_is_one_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure on the way leaves neither scores without a curve nor a part of the tile."""
    import ikura.study.record.store as module

    store.add_trials([row(0), row(1)])

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "insert_many", fail, raising=True)
    with pytest.raises(KeyboardInterrupt):
        store.record([outcome(0, np.zeros((2, 3))), outcome(1, np.zeros((2, 3)))])
    assert [found.state for found in store.trials()] == ["waiting", "waiting"]
    assert store.curves().empty


def test_time_adds_up_also_when_interrupted(store: Store) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), store.timed("coarse"):
            raise KeyboardInterrupt
    with store.timed("fine"):
        pass
    seconds = store.fact(SECONDS)
    assert seconds is not None
    assert set(seconds) == {"coarse", "fine"}
    assert 0 < seconds["coarse"] < 5


def test_another_process_sees_what_is_written(store: Store, place: Path | Address) -> None:
    other = Store(place)
    store.set_fact(TILE_SIZE, 1)
    assert other.fact(TILE_SIZE) == 1
    other.set_fact(TILE_SIZE, 2)
    assert store.fact(TILE_SIZE) == 2
    other.close()


def test_writers_wait_for_each_other(store: Store, place: Path | Address) -> None:
    def write(number: int) -> None:
        mine = Store(place)
        for i in range(20):
            mine.set_fact(Fact(f"{number}-{i}", int), i)
        mine.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.fact(Fact(f"{n}-{i}", int)) for n in range(3) for i in range(20)] == list(range(20)) * 3


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + b"x" * 200, b"not a database at all, but text\n" * 40])
def test_a_file_that_is_no_study(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        Store(path)
    assert str(caught.value).startswith(f"{path}: not a study of ikura")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    connection = sqlite3.connect(path)
    connection.execute("create table prices (price real)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(RunError, match="not a study of ikura"):
        Store(path)
    assert path.read_bytes() == before


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such study"):
        Store(tmp_path / "study.db")
    assert not list(tmp_path.iterdir())


def test_a_database_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A full database: SQLite refuses to grow past a number of pages."""
    from sqlalchemy import event

    store = Store(tmp_path / "study.db", create=True)

    @event.listens_for(store.engine, "connect")
    def limit(connection: Any, _: Any) -> None:
        connection.execute("pragma max_page_count = 12")

    store.engine.dispose()
    store.add_trials([row(0)])
    with pytest.raises(StorageError) as caught:
        store.record([outcome(0, np.zeros((9000, 3)))])
    assert str(caught.value) == f"cannot write {tmp_path / 'study.db'}: database or disk is full"
    assert store.trials()[0].state == "waiting"
    assert store.curves().empty
    store.close()


def test_the_database_can_be_read_by_anyone(tmp_path: Path) -> None:
    store = Store(tmp_path / "study.db", create=True)
    store.add_trials([row(0)])
    store.record([outcome(0, [[1.0, 2.0, 3.0]])])
    connection = sqlite3.connect(tmp_path / "study.db")
    frame = pd.read_sql("select * from trials join curves on trials.number = curves.trial", connection)
    connection.close()
    assert len(frame) == 1
    assert frame["seconds"][0] == 1.5
    store.close()
