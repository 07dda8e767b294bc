"""Who trains next, and who no longer: trials that are put first, and the worst that are stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.errors import UsageError
from ikura.study.record.intervention import Action, Status
from ikura.study.record.ledger import Ledger
from ikura.study.record.store import Store

from .test_steered_studies import Hand, curve, tune


def recorded(patch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of trials in the order in which they are recorded."""
    order: list[int] = []
    record = Store.record

    def noted(store: Store, outcomes: Any, *arguments: Any) -> None:
        order.extend(outcome.number for outcome in outcomes)
        record(store, outcomes, *arguments)

    patch.setattr(Store, "record", noted)
    return order


def test_a_trial_that_is_put_first_trains_next_and_changes_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = tune(tmp_path / "calm", trials=9, finalists=0)
    order = recorded(monkeypatch)
    study = tune(tmp_path / "run", lambda study: study.steer.prioritise(8), trials=9, finalists=0)
    assert [(one.state, one.epoch) for one in study.interventions] == [(Status.APPLIED, 0)]
    # Its tile comes first, or second where the one before was handed out already; by itself it would be the last.
    assert order in ([2, 5, 8, 0, 3, 6, 1, 4, 7], [0, 3, 6, 2, 5, 8, 1, 4, 7])
    for trial in range(9):
        np.testing.assert_array_equal(curve(study, trial), curve(calm, trial))


def test_a_schedule_that_fills_places_takes_it_first(tmp_path: Path) -> None:
    study = tune(
        tmp_path / "run", lambda study: study.steer.prioritise(11), trials=12, epochs=9, schedule="asha", finalists=0
    )
    assert sorted(Ledger(study.store).rounds()[0].fresh) == [0, 1, 2, 3, 4, 5, 6, 11]
    assert study.interventions[0].state is Status.APPLIED


def test_what_a_hand_makes_begins_when_somebody_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asking(study: Study) -> None:
        study.steer.fork(0, learning_rate=0.02, at=2)
        study.steer.inject(learning_rate=0.05)

    calm = tune(tmp_path / "calm", trials=9, finalists=0)
    order = recorded(monkeypatch)
    study = tune(tmp_path / "run", asking, trials=9, finalists=0)
    fork, injected = (one.made for one in study.interventions)
    # Tiles hold trials 0, 3, 6 and 1, 4, 7 and 2, 5, 8; one is handed out before the one before it has ended.
    assert order.index(injected) in (0, 3)
    assert order.index(fork) < order.index(2)
    for trial in range(9):
        np.testing.assert_array_equal(curve(study, trial), curve(calm, trial))
    for made in (fork, injected):
        replayed = study.replay(made)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(study, made))


def test_what_is_asked_while_forks_train_does_not_wait_for_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(Hand):
        """Asks for a fork and goes back when the trials of the stage have ended and earlier forks train."""

        def start(self, stage: str, total: int) -> None:
            if stage == "by hand" and self.asking is not None:
                asking, self.asking = self.asking, None  # type: ignore[assignment]
                asking(ikura.open_study(self.run))
            elif stage != "by hand":
                study = ikura.open_study(self.run)
                for at in (1, 2, 3, 4):
                    study.steer.fork(0, learning_rate=0.02, at=at)

    def asking(study: Study) -> None:
        study.steer.rewind(0, 5, learning_rate=0.03)
        study.steer.longer(1, 8)

    order = recorded(monkeypatch)
    study = tune(tmp_path / "run", trials=2, finalists=0, progress=Late(asking))
    first, second, third, fourth, back, longer = (one.made for one in study.interventions)
    # One tile may be handed out already.
    assert order[:2] in ([0, 1], [1, 0])
    assert set(order[2:5]) == {first, back, longer}
    assert set(order[5:]) == {second, third, fourth}
    for made in (fourth, back, longer):
        replayed = study.replay(made)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(study, made))


def test_a_fork_that_waits_is_put_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forking(Hand):
        """Asks for forks, and for the last of them to be the next when they are there."""

        def start(self, stage: str, total: int) -> None:
            study = ikura.open_study(self.run)
            if stage != "by hand":
                for at in (1, 2, 3, 4):
                    study.steer.fork(0, learning_rate=0.02, at=at)
            elif self.asking is not None:
                asking, self.asking = self.asking, None  # type: ignore[assignment]
                asking(study)

    def asking(study: Study) -> None:
        made = [one.made for one in study.interventions]
        assert [study.records()[number or 0].epochs for number in made] == [1, 2, 3, 4]
        study.steer.prioritise(made[3] or 0)

    order = recorded(monkeypatch)
    study = tune(tmp_path / "run", trials=1, finalists=0, progress=Forking(asking))
    first, second, third, last = (one.made for one in study.interventions[:4])
    # One tile may be handed out already.
    assert order[1:] in ([last, first, second, third], [first, last, second, third])
    assert (study.interventions[4].state, study.interventions[4].epoch) == (Status.APPLIED, 4)


class Watching(Hand):
    """Asks something when all trials are seen to train."""

    def start(self, stage: str, total: int) -> None:
        """Nothing is asked yet."""

    def update(self, done: int, trials: int, best: float | None) -> None:
        if self.asking is not None:
            study = ikura.open_study(self.run)
            if len(study.store.in_training()) == 8:
                asking, self.asking = self.asking, None  # type: ignore[assignment]
                asking(study)


def test_the_worst_are_stopped_but_never_the_leader_or_a_pinned_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ikura.study.steered.SECONDS_BETWEEN_POINTS", 0.0)
    monkeypatch.setattr("ikura.study.tile_queue.TileQueue._size", lambda queue, members: 8)
    seen: dict[int, tuple[float, float]] = {}

    def asking(study: Study) -> None:
        # What is seen of the curves stays as it is, while they are looked at several times.
        monkeypatch.setattr("ikura.study.steered.StoreListener.due", False)
        time.sleep(0.1)
        assert set(study.trials["state"]) == {"running"}
        with pytest.raises(UsageError, match="trial 3 has begun to train; only one that waits"):
            study.steer.prioritise(3)
        for number in range(8):
            points = study.curve(number)
            best = points.loc[points["dev_loss"].idxmin()]
            seen[number] = (float(best["dev_score"]), -float(best["dev_loss"]))
        worst = sorted(seen, key=seen.__getitem__)
        study.steer.pin(worst[1])
        asked = study.steer.stop_worst(3, why="room")
        assert [one.trial for one in asked] == [worst[0], worst[2], worst[3]]
        assert asked[0].why == "among the worst 3 of 8: room"
        with pytest.raises(UsageError, match="1 % of 5 in training is less than one; say how many"):
            study.steer.stop_worst(0.01)
        rest = study.steer.stop_worst(100)
        assert [one.trial for one in rest] == worst[4:7]

    study = tune(tmp_path / "run", trials=8, epochs=4000, finalists=0, progress=Watching(asking))
    assert seen
    rows = study.trials.set_index("number")
    kept = sorted(seen, key=seen.__getitem__)
    assert {number for number in rows.index if rows["epochs"][number] == 4000} == {kept[1], kept[7]}
    assert {one.state for one in study.interventions if one.action is Action.STOP} == {Status.APPLIED}


@pytest.mark.parametrize("number", [7, -1])
def test_who_does_not_wait_is_not_put_first(left: Study, number: int) -> None:
    with pytest.raises(UsageError, match="no trial"):
        left.steer.prioritise(number)
