"""Jobs: stopped and gone on with, cut short, in rungs, with some members at rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ikura.population.job import Job, StoppedError, TileProgress, train
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup
from ikura.population.training import TrainingRun

EPOCHS = 6
KINDS = (("sgd", "cosine"), ("nesterov", "plateau"), ("smorms3", "one_cycle"), ("adam", "distance"))
MEMBERS = tuple(
    Member(
        10 + n,
        {"optimizer": rule, "schedule_shape": shape, "units": 5 + n, "dropout": 0.3, "l2": 1e-3, "plateau_patience": 0},
        4,
    )
    for n, (rule, shape) in enumerate(KINDS)
)
WAYS = pytest.mark.parametrize("way", ["compiled", "stacked"])


@pytest.fixture
def build(setup: Callable[..., TrainingSetup]) -> Callable[[str], TrainingSetup]:
    """Factory of workshops by way."""
    return lambda way: setup("multiclass", (20,), "float32", rows=100, stacked=way == "stacked")


def after(epochs: int) -> Callable[[], bool]:
    """Asks a job to stop after this many epochs."""
    left = iter([False] * (epochs - 1))
    return lambda: next(left, True)


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Compare outcomes to the bit, but for the clock."""
    assert type(one) is type(other), where
    if isinstance(one, Outcome):
        for field in fields(Outcome):
            if field.name not in ("seconds", "tile"):
                assert_same(getattr(one, field.name), getattr(other, field.name), f"{where} {field.name}")
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one.keys() - {"seconds"}:
            assert_same(one[name], other[name], f"{where} {name}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for place, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where} {place}")
    else:
        np.testing.assert_array_equal(one, other, err_msg=where)


@WAYS
@pytest.mark.parametrize("patience", [None, 2])
def test_an_outcome_is_what_the_course_measured(
    build: Callable[[str], TrainingSetup], way: str, patience: int | None
) -> None:
    made = build(way)
    outcomes = train(made, Job(7, MEMBERS, EPOCHS, patience, keep_weights=True, keep_states=True))
    training = made.training(MEMBERS, patience)
    training.run(EPOCHS)
    for place, outcome in enumerate(outcomes):
        curve = training.curve(place)
        assert (outcome.number, outcome.tile, outcome.place) == (10 + place, 7, place)
        assert outcome.state == "complete"
        np.testing.assert_array_equal(outcome.curve, curve)
        assert outcome.best_epoch == 1 + int(curve[:, 1].argmin())
        assert [outcome.dev_loss, outcome.dev_score] == curve[outcome.best_epoch - 1, 1:].tolist()
        np.testing.assert_array_equal(outcome.weights, training.tile.best(place)[0])
        assert outcome.going_on is not None
        assert outcome.going_on["epoch"].tolist() == [training.epoch]
        assert outcome.seconds > 0
    losses, scores = training.train_scores()
    assert [o.train_loss for o in outcomes] == losses.tolist()
    assert [o.train_score for o in outcomes] == scores.tolist()


def test_weights_and_states_are_carried_only_if_asked_for(build: Callable[[str], TrainingSetup]) -> None:
    outcome = train(build("compiled"), Job(0, MEMBERS[:1], 1))[0]
    assert outcome.weights is outcome.buffers is outcome.going_on is None


@WAYS
@pytest.mark.parametrize("stops", [(1,), (2, 1, 2)])
def test_a_stopped_job_goes_on_to_the_same_bits(
    build: Callable[[str], TrainingSetup], tmp_path: Path, way: str, stops: Sequence[int]
) -> None:
    made = build(way)
    whole = train(made, Job(0, MEMBERS, EPOCHS, keep_weights=True, keep_states=True))
    job = Job(0, MEMBERS, EPOCHS, snapshot=tmp_path / "tile", keep_weights=True, keep_states=True)
    for epochs in stops:
        with pytest.raises(StoppedError):
            train(made, job, stopping=after(epochs))
        assert job.snapshot is not None
        assert job.snapshot.exists()
    message: list[TileProgress] = []
    assert_same(train(made, job, message.append), whole)
    assert message[0].epochs == sum(stops) * len(MEMBERS)
    assert sum(one.epochs for one in message) == EPOCHS * len(MEMBERS)


def test_without_a_snapshot_a_stopped_job_begins_anew(build: Callable[[str], TrainingSetup]) -> None:
    job = Job(0, MEMBERS, EPOCHS)
    with pytest.raises(StoppedError):
        train(build("compiled"), job, stopping=after(2))
    message: list[TileProgress] = []
    train(build("compiled"), job, message.append)
    assert message[0].epochs == 0


@pytest.mark.parametrize(("seconds", "written"), [(0.0, EPOCHS), (1e9, 0)])
def test_snapshots_are_written_on_the_way(
    build: Callable[[str], TrainingSetup], tmp_path: Path, seconds: float, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    monkeypatch.setattr("ikura.population.job.save_snapshot", lambda path, training: saved.append(training.epoch))
    train(build("compiled"), Job(0, MEMBERS, EPOCHS, snapshot=tmp_path / "tile", snapshot_seconds=seconds))
    assert saved == list(range(1, written + 1))


@WAYS
def test_a_deadline_cuts_members_short(
    build: Callable[[str], TrainingSetup], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(way)
    clock = iter(range(100))
    monkeypatch.setattr("ikura.population.job.time.time", lambda: next(clock))
    message: list[TileProgress] = []
    # Asked at 0 whether to begin, and after each epoch at 1, 2, 3.
    cut = train(made, Job(0, MEMBERS, EPOCHS, deadline=3.0, keep_weights=True), message.append)
    whole = train(made, Job(0, MEMBERS, 3, keep_weights=True, budget=EPOCHS))
    assert {outcome.state for outcome in cut} == {"stopped"}
    assert sum(one.epochs for one in message) == EPOCHS * len(MEMBERS)
    for one, other in zip(cut, whole, strict=True):
        np.testing.assert_array_equal(one.curve, other.curve)
        np.testing.assert_array_equal(one.weights, other.weights)
        assert one.dev_loss == other.dev_loss


@WAYS
def test_members_that_had_ended_before_a_deadline_are_not_cut(
    build: Callable[[str], TrainingSetup], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(way)
    # One learns nothing and ends by patience after three epochs; the other goes on improving.
    still, going = ({"optimizer": "sgd", "learning_rate": rate, "batch_size": 20} for rate in (0.0, 0.1))
    members = [Member(1, still, 4), Member(2, going, 4)]
    clock = iter(range(100))
    monkeypatch.setattr("ikura.population.job.time.time", lambda: next(clock))
    first, second = train(made, Job(0, members, 40, patience=2, deadline=5.0))
    assert [(one.state, len(one.curve)) for one in (first, second)] == [("complete", 3), ("stopped", 5)]


def test_a_deadline_in_the_last_epoch_cuts_nothing(
    build: Callable[[str], TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("ikura.population.job.time.time", lambda: next(clock))
    outcomes = train(build("compiled"), Job(0, MEMBERS, 3, deadline=3.0))
    assert {outcome.state for outcome in outcomes} == {"complete"}


def test_a_job_that_comes_too_late_is_not_begun(build: Callable[[str], TrainingSetup]) -> None:
    message: list[TileProgress] = []
    assert train(build("compiled"), Job(0, MEMBERS, EPOCHS, deadline=time.time() - 1), message.append) == []
    assert sum(one.epochs for one in message) == EPOCHS * len(MEMBERS)


@WAYS
@pytest.mark.parametrize("places", [(0,), (3, 1), (0, 1, 2, 3)])
def test_members_at_rest_change_nothing(
    build: Callable[[str], TrainingSetup], way: str, places: tuple[int, ...]
) -> None:
    made = build(way)
    whole = train(made, Job(0, MEMBERS, EPOCHS, keep_weights=True, keep_states=True))
    message: list[TileProgress] = []
    some = train(made, Job(0, MEMBERS, EPOCHS, keep_weights=True, keep_states=True, places=places), message.append)
    assert_same(some, [whole[place] for place in places])
    assert sum(one.epochs for one in message) == EPOCHS * len(places)


@WAYS
@pytest.mark.parametrize("snapshots", [False, True])
def test_rungs_add_up_to_one_job(
    build: Callable[[str], TrainingSetup], tmp_path: Path, way: str, snapshots: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(way)
    whole = train(made, Job(0, MEMBERS, EPOCHS, keep_weights=True))
    courses: list[TrainingRun] = []
    begin = TrainingSetup.training

    def training(self: TrainingSetup, *arguments: Any) -> TrainingRun:
        courses.append(begin(self, *arguments))
        return courses[-1]

    monkeypatch.setattr(TrainingSetup, "training", training)
    path = tmp_path / "tile" if snapshots else None
    states: dict[int, Any] = {}
    for epochs, places in ((2, (0, 1, 2, 3)), (4, (1, 3)), (EPOCHS, (3,))):
        job = Job(
            0, MEMBERS, epochs, snapshot=path, states=states, keep_states=True, keep_weights=True, places=places,
            budget=EPOCHS,
        )  # fmt: skip
        outcomes = train(made, job)
        states = {outcome.number: outcome.going_on for outcome in outcomes}
        assert [len(outcome.curve) for outcome in outcomes] == [epochs] * len(places)
        assert [courses[-1].epochs[place] == epochs for place in range(4)] == [place in places for place in range(4)]
    for field in ("curve", "weights", "dev_loss", "train_loss", "best_epoch"):
        np.testing.assert_array_equal(getattr(outcomes[0], field), getattr(whole[3], field))


@WAYS
def test_a_later_rung_is_stopped_and_gone_on_with(
    build: Callable[[str], TrainingSetup], tmp_path: Path, way: str
) -> None:
    made = build(way)
    whole = train(made, Job(0, MEMBERS, EPOCHS, keep_weights=True))
    first = train(made, Job(0, MEMBERS, 2, snapshot=tmp_path / "tile", keep_states=True, budget=EPOCHS))
    states = {outcome.number: outcome.going_on for outcome in first if outcome.going_on is not None}
    job = Job(0, MEMBERS, EPOCHS, snapshot=tmp_path / "tile", states=states, keep_weights=True, places=(0, 2))
    with pytest.raises(StoppedError):
        train(made, job, stopping=after(2))
    message: list[TileProgress] = []
    assert_same(train(made, job, message.append), [whole[0], whole[2]])
    assert message[0].epochs == 4 * 2


def test_early_stopping_is_told_as_done(build: Callable[[str], TrainingSetup]) -> None:
    message: list[TileProgress] = []
    wild = tuple(Member(n, {"learning_rate": 0.3, "units": 30, "batch_size": 8}, 0) for n in range(2))
    outcomes = train(build("compiled"), Job(0, wild, 200, 1), message.append)
    assert max(len(outcome.curve) for outcome in outcomes) < 200
    assert sum(one.epochs for one in message) == 200 * 2
