"""Back to any epoch of a steered trial: what goes on from there with the same values comes to the same bits."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ikura.api.study import Study

from ..sweep import swept
from .conftest import SPACE
from .test_forks import Twice, replayed
from .test_steered_studies import OWN, curve, loss, tune

EPOCHS, TOUCHED, REWINDS = 24, 4, 10
WAYS: dict[str, dict[str, Any]] = {"compiled": {}, "program": OWN, "in turn": OWN | {"loss": loss}}
WAYS["averaged"] = {"space": SPACE | {"ema_decay": 0.9}}


class Rewinder:
    """Changes every trial in its first epochs, and goes back to epochs behind that with the values it then had."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.rates = {trial: draw.uniform(0.005, 0.05) for trial in range(4)}
        self.changes = [(trial, draw.randrange(1, TOUCHED + 1)) for trial in self.rates]
        self.places = [(draw.randrange(4), draw.randrange(TOUCHED, EPOCHS)) for _ in range(REWINDS)]

    def change(self, study: Study) -> None:
        for trial, at in self.changes:
            study.steer.set(trial, learning_rate=2 * self.rates[trial], l2=0.003, at=at - 1)
            study.steer.set(trial, learning_rate=self.rates[trial], at=at)
        for trial, at in self.places[: REWINDS // 2]:
            study.steer.fork(trial, at=at, learning_rate=self.rates[trial])

    def again(self, study: Study) -> None:
        for trial, at in self.places[REWINDS // 2 :]:
            study.steer.fork(trial, at=at, learning_rate=self.rates[trial])


@pytest.mark.parametrize("way", swept(WAYS, core=("compiled", "averaged")))
@pytest.mark.parametrize("seed", swept(range(5), core=("0",)))
def test_the_same_values_come_to_the_same_bits(tmp_path: Path, seed: int, way: dict[str, Any]) -> None:
    hand = Rewinder(seed)
    study = tune(tmp_path / "run", epochs=EPOCHS, progress=Twice(hand.change, hand.again), finalists=0, **way)
    forks = [one for one in study.interventions if one.made is not None]
    assert [(one.trial, one.epoch) for one in forks] == hand.places
    assert len(set(hand.places)) > REWINDS // 2
    for one in forks:
        assert one.trial is not None
        assert one.made is not None
        theirs = curve(study, one.trial)
        assert len(theirs) == EPOCHS
        np.testing.assert_array_equal(curve(study, one.made), theirs)
    if not way:
        np.testing.assert_array_equal(replayed(study, forks[-1].made), curve(study, forks[-1].made))
