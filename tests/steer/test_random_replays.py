"""Whatever a hand did to trials, each of them is replayed to the bit: forks of forks, pauses, longer training."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from ikura.api.study import Study

from ..sweep import swept
from .test_forks import Twice
from .test_pauses import replayed
from .test_steered_studies import curve, tune


class Asker:
    """Asks at random, the same with the same seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def __call__(self, study: Study) -> None:
        draw = self.draw
        for row in study.records():
            rates = {"learning_rate": draw.uniform(0.001, 0.1), "ema_decay": draw.choice([0.0, 0.5, 0.9])}
            kind, at = draw.random(), draw.randrange(min(max(row.epochs, 1), 7), 8)
            if row.state.ended or row.epochs > 7:
                study.steer.fork(row.number, at=draw.randrange(min(row.epochs + 1, 8)), **rates)
            elif kind < 0.3:
                study.steer.rewind(row.number, at, **rates)
            elif kind < 0.5:
                study.steer.pause(row.number, at=at)
                study.steer.set(row.number, at=min(at + 1, 7), **rates)
                study.steer.go_on(row.number)
            elif kind < 0.7:
                study.steer.longer(row.number, draw.randrange(9, 12))
            else:
                study.steer.set(row.number, at=at, **rates)
                study.steer.fork(row.number, at=at, l2=0.01)


@pytest.mark.parametrize("seed", swept(range(10), core=("0",)))
def test_all_trials_are_replayed(tmp_path: Path, seed: int) -> None:
    asker = Asker(seed)
    study = tune(tmp_path / "run", asker, epochs=8, progress=Twice(asker, asker), finalists=2)
    assert study.store.count() > 8
    for row in study.records():
        if row.epochs and not row.state.failed:
            np.testing.assert_array_equal(replayed(study, row.number), curve(study, row.number))
