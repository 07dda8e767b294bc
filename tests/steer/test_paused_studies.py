"""A whole study stands still, also when it is resumed, and goes on to the same bits as if it had not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.population.snapshot import unpacked
from ikura.study.record.facts import LEGS
from ikura.study.record.intervention import Status
from ikura.study.record.interventions import Interventions
from ikura.study.steered import Deadline
from ikura.trial_state import State

from .killing import begun
from .test_pauses import WAYS
from .test_pins_and_notes import tune as tune_pinned
from .test_steered_studies import Hand, curve, states, tune
from .test_training_by_hand import a_run, wait_for

STILL = 0.35
"""Seconds for which it is seen that nothing trains: several looks of a tile."""


def epochs(study: Study) -> dict[int, int]:
    frame = study.store.curves(range(study.store.count()), live=True)
    return {int(str(number)): len(rows) for number, rows in frame.groupby("number")}


@WAYS
def test_it_goes_on_to_the_same_bits(calm: Callable[..., Study], tmp_path: Path, way: dict[str, Any]) -> None:
    def asking(study: Study) -> None:
        study.steer.pause(why="the machine is needed")
        Thread(target=later, args=[study]).start()

    def later(study: Study) -> None:
        time.sleep(STILL)
        seen.append(epochs(study))
        study.steer.go_on()

    seen: list[dict[int, int]] = []
    undisturbed, study = calm(**way), tune(tmp_path / "run", asking, **way)
    assert seen == [{}]
    assert states(study) == [(Status.APPLIED, None)] * 2
    assert "touched" not in study.trials
    for trial in range(study.store.count()):
        np.testing.assert_array_equal(curve(study, trial), curve(undisturbed, trial))


def test_one_in_training_stands_still_and_hears_what_is_asked(tmp_path: Path) -> None:
    run = a_run(tmp_path, epochs=100_000).start()
    wait_for(lambda: len(run.curve) > 5)
    run.study.steer.pause()
    time.sleep(STILL)
    before = epochs(run.study)
    run.stop(why="enough")
    time.sleep(STILL)
    assert epochs(run.study) == before
    assert run.training
    run.study.steer.go_on()
    study = run.wait()
    assert study.records()[0].state is State.COMPLETE
    assert study.interventions[1].epoch == len(study.curve(0))


def test_killed_and_resumed_it_still_stands_still(waiting: Path, left: Study) -> None:
    left.steer.pause()
    for _ in range(2):
        legs = len(left.store.fact(LEGS) or [])
        working = begun(left.run)
        wait_for(lambda legs=legs: len(left.store.fact(LEGS) or []) > legs)
        working.join(3 * STILL)
        assert working.is_alive()
        working.kill()
        working.join()
        assert epochs(left) == {}
    left.steer.go_on()
    assert main(["resume", str(left.run), "-q"]) == 0
    assert [len(left.curve(trial)) for trial in range(4)] == [6] * 4


def test_an_end_of_the_search_ends_the_pause(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        study.steer.pause()
        Thread(target=lambda: (time.sleep(STILL), study.steer.end())).start()

    study = tune(tmp_path / "run", asking)
    assert study.best is not None
    assert {one.state for one in study.interventions} == {Status.APPLIED}


def test_the_time_for_which_it_stands_still_is_none_of_its_time_limit(left: Study) -> None:
    interventions, now = Interventions(left.store), time.time()
    searching, finalists = Deadline(now - 5, 0.5, 100.0, since=now), Deadline(now - 5, 1.0, 100.0)
    assert searching.as_asked(interventions) == now + 45
    left.steer.pause()
    first = searching.as_asked(interventions)
    time.sleep(STILL)
    second = searching.as_asked(interventions)
    left.steer.go_on()
    third = searching.as_asked(interventions)
    time.sleep(STILL)
    assert first is not None
    assert second is not None
    assert third is not None
    assert second - first >= STILL
    assert third - now - 45 == pytest.approx(interventions.one(2).when - interventions.one(1).when)
    assert searching.as_asked(interventions) == third
    assert Deadline(0.0, 0.5, 100.0, since=time.time()).as_asked(interventions) == 50
    assert finalists.as_asked(interventions) == now + 95


def test_it_is_no_time_of_its_stage_either(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        study.steer.pause()
        Thread(target=lambda: (time.sleep(5 * STILL), study.steer.go_on())).start()

    began = time.monotonic()
    study = tune(tmp_path / "run", asking)
    assert sum(study.seconds.values()) < time.monotonic() - began - 4 * STILL


def test_an_end_leaves_what_stands_still_where_it_stands(tmp_path: Path) -> None:
    run = a_run(tmp_path, epochs=100_000).start()
    wait_for(lambda: len(run.curve) > 5)
    run.study.steer.pause()
    snapshot = run.run / "snapshots" / "tile-0.safetensors"
    wait_for(lambda: snapshot.exists() and snapshot.stat().st_mtime < time.time() - STILL)
    kept = unpacked(snapshot)
    assert kept is not None
    stood = int(kept["0/epoch"].item())
    run.study.steer.end()
    study = run.wait()
    assert study.records()[0].state is State.STOPPED
    assert len(study.curve(0)) == stood
    assert study.best is not None


def test_with_one_job_it_is_said_once_of_each_pause(tmp_path: Path) -> None:
    class Told(Hand):
        def say(self, line: str) -> None:
            said.append(line)

    def asking(study: Study) -> None:
        def hand() -> None:
            for _ in range(2):
                wait_for(lambda: len(epochs(study)) > 0)
                study.steer.pause()
                time.sleep(2 * STILL)
                study.steer.go_on()
                time.sleep(STILL)
            study.steer.end()

        Thread(target=hand).start()

    said: list[str] = []
    study = tune(tmp_path / "run", progress=Told(asking), epochs=100_000, jobs=1, finalists=0)
    assert [line for line in said if "paused" in line] == [
        f"the study is paused; `ikura steer {tmp_path / 'run'} go-on` lets it train on"
    ] * 2
    assert study.best is not None
    assert study.diagnosis.reached is None, "nobody trained on after the end"


def test_what_has_no_effect_is_refused(left: Study, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(left.run)
    assert main(["steer", run, "go-on"]) == 2
    assert "the study is not paused" in capsys.readouterr().err
    assert main(["steer", run, "pause", "--why", "tea"]) == 0
    assert main(["steer", run, "pause"]) == 2
    assert "paused already" in capsys.readouterr().err
    assert main(["steer", run, "pause", "--at", "3"]) == 2
    assert left.steer.paused()
    assert main(["steer", run, "go-on"]) == 0
    assert not left.steer.paused()
    assert [(one.action, one.trial, one.why) for one in left.interventions] == [
        ("pause", None, "tea"),
        ("go-on", None, ""),
    ]


def test_an_unpinned_trial_is_dropped_as_if_it_had_never_been_pinned(tmp_path: Path) -> None:
    given = {"trials": 8, "epochs": 9, "schedule": "successive-halving", "finalists": 0}
    calm = tune_pinned(tmp_path / "calm", **given)
    first, other = calm.trials.query("state == 'pruned'")["number"].tolist()[:2]

    def asking(study: Study) -> None:
        for number in (first, other):
            study.steer.pin(number)
        study.steer.unpin(first, why="not worth it")
        with pytest.raises(ikura.UsageError, match=f"trial {first} is not pinned"):
            study.steer.unpin(first)

    study = tune_pinned(tmp_path / "run", asking, **given)
    np.testing.assert_array_equal(curve(study, first), curve(calm, first))
    assert len(curve(study, other)) == 9
