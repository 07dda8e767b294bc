"""A search that a hand ends goes on to its finalists, as one whose time is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ikura.api.study import Study
from ikura.study.record.intervention import Status

from .test_steered_studies import OWN, curve, loss, tune


@pytest.mark.parametrize("way", [{}, OWN | {"loss": loss, "jobs": 2}], ids=["compiled", "worker processes"])
def test_trials_in_training_are_cut_short_and_the_finalists_trained(tmp_path: Path, way: dict[str, Any]) -> None:
    def asking(study: Study) -> None:
        study.steer.fork(0, learning_rate=0.05, at=3)
        study.steer.end(why="enough")

    study = tune(tmp_path / "run", asking, epochs=40, trials=6, **way)
    fork, end = study.interventions
    assert (end.state, end.reason) == (Status.APPLIED, "")
    assert (fork.state, fork.reason) in [
        (Status.REFUSED, f"trial 0 ended after {len(curve(study, 0))} epochs"),
        (Status.REFUSED, "the search has ended"),
    ]
    searched = study.trials.query("purpose == 'search'")
    assert set(searched["state"]) <= {"stopped", "skipped"}
    assert (searched["epochs"] < 40).all()
    assert (study.trials.query("purpose == 'finalist'")["epochs"] == 40).all()
    assert study.best is not None
    assert study.test is not None
    for number in searched.query("epochs > 0")["number"][:2] if not way else ():
        replayed = study.replay(number)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(study, number))
