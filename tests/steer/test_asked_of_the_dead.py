"""What is asked of a study whose process was killed: it takes nothing back of what everybody saw trained."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.study.record.intervention import Status
from ikura.study.record.ledger import Ledger

from .conftest import left_waiting
from .killing import begun

LONG = 2_000_000
PATIENCE = 120


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def seen(study: Study) -> dict[int, int]:
    """How far trials have come whose record is not written."""
    return study.store.live_epochs(range(4))


def killed(run: Path, when: Callable[[], bool], how: int) -> None:
    """Train until something holds, and end the process."""
    process = begun(run)
    until(when)
    os.kill(process.pid or 0, how)
    process.join()


def test_an_end_keeps_what_snapshots_hold_beside_tiles_on_record(tmp_path: Path) -> None:
    run = left_waiting(tmp_path / "run", epochs=LONG, jobs=2, finalists=0)
    study = ikura.open_study(run)
    begin = ikura.open_study(run)
    killed(run, lambda: len(seen(begin)) == 4, signal.SIGTERM)
    tiles = [{segment.trial for segment in Ledger(study.store).of_tile(tile)} for tile in range(2)]
    for number in tiles[0]:
        study.steer.stop(number)
    killed(run, lambda: all(study.store.trial(n).state.ended for n in tiles[0]), signal.SIGTERM)  # type: ignore[union-attr]
    before = seen(study)
    assert set(before) == tiles[1]
    study.steer.end()
    assert main(["resume", str(run), "-q"]) == 0
    trials = ikura.open_study(run).trials.set_index("number")
    for number in tiles[1]:
        assert trials["state"][number] == "stopped"
        assert trials["epochs"][number] > 0.5 * before[number]
    assert len(study.curve(min(tiles[1]))) == trials["epochs"][min(tiles[1])]


@pytest.mark.parametrize("action", ["stop", "set", "fork", "pause"])
def test_what_is_asked_at_once_comes_after_the_epochs_that_were_seen(tmp_path: Path, action: str) -> None:
    run = left_waiting(tmp_path / "run", trials=1, epochs=LONG, finalists=0)
    study = ikura.open_study(run)
    killed(run, lambda: seen(study).get(0, 0) > 50, signal.SIGKILL)
    reached = seen(study)[0]
    given = {"learning_rate": 0.001} if action in ("set", "fork") else {}
    asked = getattr(study.steer, action)(0, **given)
    study.steer.stop(0, at=reached + 100)
    end = (lambda: study.steer.go_on(0)) if action == "pause" else (lambda: None)
    process = begun(run)
    until(lambda: not next(one for one in study.interventions if one.number == asked.number).state.open)
    end()
    if action == "fork":
        until(lambda: study.store.count() > 1)
        study.steer.stop(1)
    process.join()
    assert process.exitcode == 0
    [applied] = [one for one in study.interventions if one.number == asked.number]
    assert applied.state is Status.APPLIED
    assert reached <= (applied.epoch or 0) <= reached + 100
    assert len(study.curve(0)) >= reached
