"""A steered study that is killed at any moment comes to the same curves, with every intervention applied once."""

from __future__ import annotations

import random
import time
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.study.record.intervention import Status

from ..sweep import swept
from .killing import begun


def asked(waiting: Path, run: Path, seed: int, end: bool) -> Study:
    """A study whose trials wait, of which a few things are asked."""
    study, draw = ikura.open_study(copytree(waiting, run)), random.Random(seed)
    for _ in range(6):
        at = draw.randrange(1, 6)
        rates = {"learning_rate": draw.uniform(0.001, 0.1), "l2": draw.choice([0.0, 0.01])}
        rates["ema_decay"] = draw.choice([0.0, 0.9])
        kind, trial = draw.random(), draw.randrange(4)
        if kind < 0.15:
            study.steer.stop(trial, at=at)
        elif kind < 0.35:
            study.steer.fork(trial, at=at, **rates)
        elif kind < 0.5 and not study.steer.paused(trial):
            study.steer.pause(trial, at=at)
            study.steer.go_on(trial)
        elif kind < 0.6:
            study.steer.longer(trial, draw.randrange(7, 10))
        elif kind < 0.7:
            study.steer.inject(learning_rate=rates["learning_rate"])
        else:
            study.steer.set(trial, at=at, **rates)
    if end:
        study.steer.end()
    return study


def found(study: Study) -> tuple[list[tuple[Status, int | None]], np.ndarray]:
    return [(one.state, one.epoch) for one in study.interventions], study.curves().to_numpy()


@pytest.mark.parametrize("end", [False, pytest.param(True, marks=pytest.mark.sweep)], ids=["", "ended"])
@pytest.mark.parametrize("seed", swept(range(12), core=("0",)))
def test_killed_and_resumed_it_is_as_undisturbed(waiting: Path, tmp_path: Path, seed: int, end: bool) -> None:
    whole = asked(waiting, tmp_path / "whole", seed, end)
    assert main(["resume", str(whole.run), "-q"]) == 0
    study, draw = asked(waiting, tmp_path / "killed", seed, end), random.Random(seed)
    kills = 0
    while kills < 2:
        working, wanted = begun(study.run), draw.randrange(1, 4) + kills
        while working.is_alive() and sum(not one.state.open for one in study.interventions) < wanted:
            time.sleep(0.001)
        working.kill()
        working.join()
        if working.exitcode == 0:
            break
        kills += 1
    assert kills
    assert main(["resume", str(study.run), "-q"]) == 0
    (one, curves), (other, expected) = found(study), found(whole)
    assert one == other
    np.testing.assert_array_equal(curves, expected)
