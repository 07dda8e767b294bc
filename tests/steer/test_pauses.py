"""A trial that stands still goes on to the same bits as if it had not, and nobody beside it knows of that."""

from __future__ import annotations

from pathlib import Path
from shlex import split
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.api.live_run import LiveRun
from ikura.api.study import Study
from ikura.cli import main
from ikura.page.chart_script import ChartScript
from ikura.report import write_report
from ikura.study.record.intervention import Status
from ikura.study.record.progress import Progress
from ikura.trial_state import State

from .test_steered_studies import OWN, curve, loss, states, tune
from .test_training_by_hand import a_run, wait_for

WAYS = pytest.mark.parametrize(
    "way",
    [{}, OWN, OWN | {"loss": loss, "jobs": 2, "trials": 8}],
    ids=["compiled", "program", "worker processes"],
)


def replayed(study: Study, trial: int, **given: Any) -> np.ndarray:
    again = ikura.open_study(study.run, **given)
    return again.replay(trial)[["train_loss", "dev_loss", "dev_score"]].to_numpy()


@WAYS
def test_it_goes_on_to_the_same_bits_and_so_do_the_others(tmp_path: Path, way: dict[str, Any]) -> None:
    def asking(study: Study) -> None:
        study.steer.pause(1, at=2)
        study.steer.go_on(1)
        study.steer.set(1, learning_rate=0.05, at=4)

    def changing(study: Study) -> None:
        study.steer.set(1, learning_rate=0.05, at=4)

    calm, study = tune(tmp_path / "calm", changing, **way), tune(tmp_path / "run", asking, **way)
    assert {state for state, _ in states(study)} == {Status.APPLIED}
    assert study.trials.drop(columns="touched", errors="ignore")["state"].tolist() == calm.trials["state"].tolist()
    for trial in range(study.store.count()):
        np.testing.assert_array_equal(curve(study, trial), curve(calm, trial))
    given = {name: way[name] for name in ("network", "loss") if name in way}
    np.testing.assert_array_equal(replayed(study, 1, **given), curve(study, 1))


@WAYS
def test_one_that_is_stopped_where_it_is_paused_has_ended(tmp_path: Path, way: dict[str, Any]) -> None:
    """As it has for a study that was killed there and is resumed."""

    def asking(study: Study) -> None:
        study.steer.pause(1, at=2)
        study.steer.go_on(1)
        study.steer.stop(1, at=2)

    study = tune(tmp_path / "run", asking, **way)
    assert states(study) == [(Status.APPLIED, 2), (Status.REFUSED, None), (Status.APPLIED, 2)]
    assert study.interventions[1].reason == "trial 1 ended after 2 epochs"
    assert len(curve(study, 1)) == 2


def test_a_round_waits_for_it(tmp_path: Path) -> None:
    """Epochs 1 and 3 are where rounds end: there a pause is one epoch later."""
    given = {"schedule": "successive-halving", "epochs": 9, "finalists": 0}
    calm = tune(tmp_path / "calm", **given)
    [last] = calm.trials.query("state == 'complete'")["number"]

    def asking(study: Study) -> None:
        for at in (1, 3, 6):
            study.steer.pause(last, at=at)
            study.steer.go_on(last)

    study = tune(tmp_path / "run", asking, **given)
    assert states(study) == [(Status.APPLIED, epoch) for epoch in (2, 2, 4, 4, 6, 6)]
    for trial in range(4):
        np.testing.assert_array_equal(curve(study, trial), curve(calm, trial))
    np.testing.assert_array_equal(replayed(study, last), curve(study, last))


def paused(out: Path, at: int, **given: Any) -> LiveRun:
    """A run that stands still."""
    run = a_run(out, **given)
    run.pause(at=at, why="a look")
    run.start()
    wait_for(lambda: run.trial.state is State.PAUSED)
    assert run.trial.epochs == at
    assert run.training
    assert run.study.trials[["state", "epochs"]].to_numpy().tolist() == [["paused", at]]
    return run


def test_a_network_stands_still_until_it_is_told_to_go_on(tmp_path: Path) -> None:
    plain = a_run(tmp_path / "plain")
    plain.set(at=5, learning_rate=0.01)
    calm = plain.start().wait().curve(0)
    run = paused(tmp_path / "run", 5)
    with pytest.raises(ikura.UsageError, match="trial 0 is paused already"):
        run.pause()
    assert run.curve.equals(calm[:5])
    write_report(tmp_path / "report.html", run.study, script=ChartScript.NONE)
    assert "The only trial paused." in (tmp_path / "report.html").read_text()
    run.set(learning_rate=0.01)
    run.go_on(why="enough seen")
    run.wait()
    assert run.curve.equals(calm)
    assert states(run.study) == [(Status.APPLIED, 5)] * 3
    assert not run.study.trials["touched"].isna().any()
    assert run.study.replay(0).equals(calm)


class Told(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_hints_name_the_run_so_that_their_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = Told()
    run = paused(Path("my runs"), 3, epochs=1_000_000, progress=told)
    hint = "trial 0 is paused; `ikura steer 'my runs/run' go-on 0` lets it train on"
    wait_for(lambda: hint in told.lines)
    assert main(split(hint.split("`")[1])[1:]) == 0
    wait_for(lambda: run.trial.epochs > 3)
    with pytest.raises(ikura.UsageError, match=r"go on with it: ikura resume 'my runs/run'$"):
        run.study.explain()
    run.stop()
    run.wait()


def test_it_can_be_stopped_and_forked_where_it_stands(tmp_path: Path) -> None:
    run = paused(tmp_path, 4)
    run.fork(learning_rate=0.01)
    wait_for(lambda: run.study.store.count() == 2 and run.study.records()[1].state is State.COMPLETE)
    run.stop()
    study = run.wait()
    assert len(study.curve(0)) == 4
    assert study.curve(1)[:4].equals(study.curve(0))
    assert study.replay(1).equals(study.curve(1))


def test_a_fork_begins_although_another_one_stands_still(tmp_path: Path) -> None:
    run = paused(tmp_path, 3, epochs=1_000_000)
    other = run.fork(at=2, learning_rate=0.01)
    wait_for(lambda: other.begun and other.trial.state is State.RUNNING)
    other.pause()
    wait_for(lambda: other.trial.state is State.PAUSED)
    run.stop()
    wait_for(lambda: run.trial.state is State.COMPLETE)
    third = run.fork(at=1, learning_rate=0.02)
    wait_for(lambda: third.begun and third.trial.state is State.RUNNING)
    run.study.steer.end()
    study = run.wait()
    assert [len(study.curve(0)), study.records()[1].state, study.records()[2].state] == [
        3,
        State.STOPPED,
        State.STOPPED,
    ]
    assert study.replay(third.number).equals(study.curve(third.number))


def test_a_search_that_ends_meanwhile_keeps_what_it_had(tmp_path: Path) -> None:
    run = paused(tmp_path, 3)
    run.study.steer.end()
    study = run.wait()
    assert study.records()[0].state is State.STOPPED
    assert len(study.curve(0)) == 3
    assert study.test is not None


def test_a_stop_of_one_that_stands_still_counts_although_the_search_ends_first(tmp_path: Path) -> None:
    """The only worker trains its fork, so that nobody looks at the stop."""
    run = paused(tmp_path, 3, epochs=1_000_000)
    other = run.fork(at=2, learning_rate=0.01)
    wait_for(lambda: other.begun and other.trial.state is State.RUNNING)
    stop, late = run.study.steer.stop(0), run.study.steer.stop(0, at=5)
    run.study.steer.end()
    study = run.wait()
    found = {one.number: one for one in study.interventions}
    assert (found[stop.number].state, found[stop.number].epoch) == (Status.APPLIED, 3)
    assert (found[late.number].state, found[late.number].reason) == (Status.REFUSED, "the search has ended")
    assert len(study.curve(0)) == 3
    assert study.replay(0).equals(study.curve(0))
    assert study.test is not None


@pytest.mark.parametrize(
    ("asks", "words"),
    [
        (lambda steer: steer.pause(0), "trial 0 waits and has not begun to train; say after how many epochs"),
        (lambda steer: steer.pause(0, at=6), "at must be at least 1 and below 6, but is 6"),
        (lambda steer: steer.pause(0, at=0), "at must be at least 1 and below 6, but is 0"),
        (lambda steer: steer.go_on(0), "trial 0 is not paused"),
        (lambda steer: steer.pause(7, at=1), "no trial 7"),
    ],
)
def test_what_has_no_effect_is_refused_in_one_line(left: Study, asks: Any, words: str) -> None:
    with pytest.raises(ikura.UsageError, match=words):
        asks(left.steer)
    assert left.interventions == []
