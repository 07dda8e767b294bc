"""A search that a hand ends goes on to its finalists, as one whose time is over."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ikura.api.study import Study
from ikura.report.sections import states
from ikura.report.view import View
from ikura.study.record.intervention import Action, Request, Status
from ikura.study.record.interventions import Interventions
from ikura.study.record.store import Store
from ikura.study.record.study_tables import cut_by_hand
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

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
    told = str(states(View(study)))
    assert "cut short by hand" in told or set(searched["state"]) == {"skipped"}
    assert ("skipped when a hand ended the search" in told) == ("skipped" in set(searched["state"]))
    assert "time limit" not in told
    assert "for lack of time" not in told
    assert study.best is not None
    assert study.test is not None
    for number in searched.query("epochs > 0")["number"][:2] if not way else ():
        replayed = study.replay(number)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(study, number))


def test_a_training_that_a_hand_stopped_says_so(tmp_path: Path) -> None:
    space = {"learning_rate": 0.05, "units": 64, "optimizer": "adam"}
    given: dict[str, Any] = {"space": space, "trials": 1, "finalists": 0, "epochs": 60}
    study = tune(tmp_path / "run", lambda study: study.steer.stop(0, at=40), **given)
    assert study.account.stopping is not None
    assert "training ended at epoch 40 of 60, by hand, and the weights" in study.account.stopping.sentence
    assert "The only trial cut short by hand." in str(states(View(study)))


def test_stages_before_the_one_that_a_hand_ended_were_ended_by_the_time_limit(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "study.db", create=True)) as store:
        rows = [(0, 0, State.STOPPED), (1, 0, State.COMPLETE), (2, 1, State.STOPPED), (3, 1, State.SKIPPED)]
        rows += [(4, 1, State.COMPLETE), (5, 1, State.COMPLETE)]
        store.add_trials([Trial(number, Purpose.SEARCH, stage, 0, {}, state=state) for number, stage, state in rows])
        interventions = Interventions(store)
        assert cut_by_hand(store) == set()
        [stop] = interventions.add([Request(action=Action.STOP, trial=5)], "ada")
        interventions.apply(stop, 3)
        assert cut_by_hand(store) == {5}
        interventions.add([Request(action=Action.END)], "ada")
        interventions.close_search()
        assert cut_by_hand(store) == {2, 3, 5}
