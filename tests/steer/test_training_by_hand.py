"""One network that trains in the background, under a hand: `ikura.train`."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from torch import nn

import ikura
from ikura.api.live_run import LiveRun
from ikura.api.study import Study
from ikura.study.record.intervention import Status
from ikura.study.record.store import Store
from ikura.trial_state import State

VALUES: dict[str, Any] = {"learning_rate": 1e-4, "units": 8, "batch_size": 16}


def a_run(out: Path, **given: Any) -> LiveRun:
    return ikura.train(
        "iris", **{"hyperparameters": VALUES, "epochs": 12, "checks": False, "out": out / "run", **given}
    )


def wait_for(condition: Any) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_network_is_trained_and_goes_where_tuned_ones_go(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    assert run.trial.state is State.WAITING
    assert not run.training
    study = run.start().wait()
    assert run.trial.state is State.COMPLETE
    assert study.best is not None
    assert study.best.hyperparameters == VALUES
    assert study.test is not None
    assert (run.run / "report.html").exists()
    columns = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    assert len(run.model.predict(pd.DataFrame([columns, columns]))) == 2
    assert ikura.load(run.run).description["hyperparameters"]["learning_rate"] == 1e-4
    assert len(run.curve) == 12


def test_what_a_hand_changes_takes_effect_and_is_repeated(tmp_path: Path) -> None:
    plain = a_run(tmp_path / "plain").start().wait().curve(0)
    run = a_run(tmp_path / "steered")
    run.set(at=5, learning_rate=0.01, why="it hardly moves")
    run.stop(at=9)
    study = run.start().wait()
    assert [(one.epoch, one.state) for one in run.interventions] == [(5, Status.APPLIED), (9, Status.APPLIED)]
    curve = run.curve
    assert len(curve) == 9
    assert curve[:5].equals(plain[:5])
    assert curve["train_loss"][8] < 0.8 * plain["train_loss"][8]
    assert study.replay(0).equals(curve)


def test_a_fork_and_a_rewind_go_on_beside_it(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.fork(at=4, learning_rate=0.01)
    run.rewind(6, learning_rate=0.02)
    study = run.start().wait()
    made = [one.made for one in run.interventions if one.made is not None]
    assert made == [1, 2]
    assert len(study.curve(0)) < 12
    for number, since in ((1, 4), (2, 6)):
        assert study.curve(number)[:since].equals(study.curve(0)[:since])
        assert len(study.curve(number)) == 12
        assert study.replay(number).equals(study.curve(number))


def test_what_was_forked_is_held_as_well(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    other = run.fork(at=4, learning_rate=0.01)
    back = run.rewind(6, learning_rate=0.02)
    assert not other.begun
    assert repr(other) == "LiveFork(of trial 0: asked)"
    assert "fork of trial 0: asked, begins when that has ended or stands still" in other._repr_html_()
    with pytest.raises(ikura.UsageError, match="has not begun: it does when that trial has ended or stands still"):
        _ = other.curve
    study = run.start().wait()
    assert (other.number, back.number) == (1, 2)
    assert repr(other) == "LiveFork(of trial 0: trial 1)"
    assert other.curve.equals(study.curve(1))
    for one in (other, back):
        assert f"fork of trial 0: trial {one.number}<" in one._repr_html_()
        assert f"trial {one.number}, 12 epochs" in one._repr_html_()
    assert back.trial.parent == 0
    with pytest.raises(ikura.UsageError):
        other.set(learning_rate=0.1)


def test_a_fork_is_changed_while_it_trains(tmp_path: Path) -> None:
    run = a_run(tmp_path, epochs=1_000_000)
    other = run.fork(at=2, learning_rate=0.01)
    run.stop(at=3)
    run.start()
    wait_for(lambda: other.begun and len(other.curve) > 5)
    other.set(learning_rate=0.001, why="slower")
    third = other.fork(learning_rate=0.5)
    other.stop()
    wait_for(lambda: third.begun)
    third.note("too fast")
    third.stop()
    study = run.wait()
    assert [one.action for one in run.interventions if one.trial == other.number] == ["set", "fork", "stop"]
    assert [one.action for one in run.interventions if one.trial == third.number] == ["note", "stop"]
    assert third.trial.parent == other.number
    for one in (other, third):
        assert study.replay(one.number).equals(one.curve)


def test_a_fork_that_is_refused_says_why(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    other = run.fork(at=8, learning_rate=0.01)
    run.stop(at=3)
    run.start().wait()
    with pytest.raises(ikura.UsageError, match="the fork of trial 0 was refused: trial 0 ended after 3 epochs"):
        _ = other.number


def test_epochs_are_seen_while_they_pass(tmp_path: Path) -> None:
    run = a_run(tmp_path, epochs=1_000_000).start()
    wait_for(lambda: run.trial.epochs > 20)
    assert run.trial.state is State.RUNNING
    for ask in (partial(run.set, learning_rate=0.01), run.pause):
        with pytest.raises(ikura.UsageError, match=r"trial 0 is at epoch \d+ of 1000000; at must be at least \d+ and"):
            ask(at=2)
    assert run.interventions == []
    seen = run.curve
    assert list(seen["epoch"]) == list(range(1, len(seen) + 1))
    with pytest.raises(ikura.UsageError, match="no model before its training has ended"):
        _ = run.model
    with pytest.raises(ikura.UsageError, match="begun already"):
        run.start()
    with pytest.raises(TimeoutError, match=r"still trains after 0\.1 seconds"):
        run.wait(0.1)
    for timeout in (-1, "soon", True, float("nan")):
        with pytest.raises(
            ikura.UsageError, match="timeout must be a number of seconds of at least 0, or None, but is"
        ):
            run.wait(timeout)
    run.stop()
    run.wait()
    assert run.curve[: len(seen)].equals(seen)
    assert run.study.store.curves([0]).equals(run.study.store.curves([0], live=True))


def test_points_that_are_shown_give_way_to_later_ones_and_to_the_record() -> None:
    store = Store(":memory:", create=True)
    rows = np.arange(12.0).reshape(4, 3)
    store.add_live_points({3: rows}, {3: 0})
    store.add_live_points({3: np.concatenate([rows[:2], -rows[:1]])}, {3: 2})
    assert len(store.curves([3])) == 0
    assert store.curves([3], live=True)["train_loss"].tolist() == [0.0, 3.0, 0.0]


def test_the_table_of_trials_has_epochs_as_they_pass(left: Study) -> None:
    store, rows = Store(left.run / "study.db"), np.ones((4, 3))
    store.add_live_points({1: rows[:1], 3: rows}, {1: 0, 3: 0})
    found = left.trials[["state", "epochs"]].to_numpy().tolist()
    assert found == [["waiting", 0], ["running", 1], ["waiting", 0], ["running", 4]]
    assert left.trials["dev_score"].isna().all()


def test_a_network_of_ones_own_is_trained_by_hand(tmp_path: Path) -> None:
    def network(hp: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(4, hp.width), nn.Softplus(), nn.Linear(hp.width, 3))

    x, y = load_iris(return_X_y=True)
    run = ikura.train(
        (x, y), network=network, hyperparameters={"width": 5, "learning_rate": 0.01}, epochs=4, checks=False,
        out=tmp_path / "run",
    )  # fmt: skip
    run.set(at=2, learning_rate=0.1)
    study = run.start().wait()
    assert study.replay(0).equals(run.curve)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hyperparameters": {"learning_rate": ikura.log(1e-3, 1)}}, "learning_rate has a range"),
        ({"hyperparameters": 0.1}, "must be a dictionary"),
        ({"hyperparameters": {"learning_rat": 0.1}}, "learning_rat"),
        ({"learning_rate": 0.1}, "write it as hyperparameters="),
        ({"trials": 3}, "train takes no argument 'trials'"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ikura.UsageError, match=said):
        a_run(tmp_path, **given)
    assert not (tmp_path / "run").exists()


def test_what_ends_the_training_is_raised_by_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(tmp_path)
    monkeypatch.setattr("ikura.api.live_run.go_on", lambda *given: (_ for _ in ()).throw(OSError("no power")))
    with pytest.raises(OSError, match="no power"):
        run.start().wait()


def test_how_far_each_epoch_moves_the_weights_is_seen_while_it_trains(tmp_path: Path) -> None:
    run = a_run(tmp_path, epochs=1_000_000).start()
    wait_for(lambda: len(run.curve) > 5 and "update_norm" in run.curve)
    run.study.steer.pause()
    wait_for(lambda: not run.curve["update_norm"].isna().any())
    run.study.steer.go_on()
    run.stop()
    study = run.wait()
    assert (run.curve[["update_norm", "weight_norm"]] > 0).all().all()
    assert study.replay(0).equals(run.curve)
    assert "update_norm" not in ikura.tune("iris", trials=1, epochs=1, finalists=0, out=tmp_path / "calm").curve(0)
