"""A trial that trains longer is a copy that goes on from its end, as one that was planned so long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.study.record.intervention import Status

from .test_pauses import replayed
from .test_steered_studies import OWN, SPACE, curve, loss, tune

WAYS = pytest.mark.parametrize("way", [{}, OWN | {"loss": loss}], ids=["compiled", "in turn"])


@WAYS
def test_it_is_one_that_was_planned_so_long(tmp_path: Path, way: dict[str, Any]) -> None:
    """The learning rate is the same in all epochs, so that nothing else can differ."""
    study = tune(tmp_path / "run", lambda study: study.steer.longer(1, 10, why="it still falls"), **way)
    planned = tune(tmp_path / "planned", epochs=10, **way)
    [one] = study.interventions
    assert (one.state, one.epoch, one.made) == (Status.APPLIED, 6, 4)
    np.testing.assert_array_equal(curve(study, 4), curve(planned, 1))
    np.testing.assert_array_equal(curve(study, 1), curve(planned, 1)[:6])
    given = {name: way[name] for name in ("network", "loss") if name in way}
    np.testing.assert_array_equal(replayed(study, 4, **given), curve(study, 4))
    assert study.trials.set_index("number")["parent"][4] == 1


def test_schedules_of_the_rate_end_at_its_epochs_and_finalists_train_so_long(tmp_path: Path) -> None:
    space = SPACE | {"learning_rate": 0.003, "schedule_shape": "cosine", "units": ikura.integer(8, 9)}

    def asking(study: Study) -> None:
        study.steer.longer(0, 12)

    study = tune(tmp_path / "run", asking, space=space, trials=2, finalists=1)
    rows = study.trials.set_index("number")
    assert rows["epochs"][2] == 12
    np.testing.assert_array_equal(replayed(study, 2), curve(study, 2))
    assert not np.array_equal(curve(study, 2)[6:], curve(tune(tmp_path / "b", space=space, epochs=12, trials=2), 0)[6:])
    finalists = rows.query("purpose == 'finalist'")
    assert set(finalists["epochs"]) == {12 if finalists["parent"].iloc[0] == 2 else 6}
    number = int(finalists.index[0])
    np.testing.assert_array_equal(replayed(study, number), curve(study, number))


def test_a_trial_that_a_schedule_dropped_is_taken_up_again(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        for trial in range(8):
            study.steer.longer(trial, 10)

    study = tune(tmp_path / "run", asking, trials=8, epochs=9, schedule="successive-halving")
    calm = tune(tmp_path / "calm", trials=8, epochs=9, schedule="successive-halving")
    for trial in range(8):
        np.testing.assert_array_equal(curve(study, trial), curve(calm, trial))
        made = study.interventions[trial].made
        assert made is not None
        np.testing.assert_array_equal(curve(study, made)[: len(curve(study, trial))], curve(study, trial))
        assert len(curve(study, made)) == 10


@pytest.mark.parametrize(
    ("epochs", "words"),
    [
        (6, "trial 0 trains 6 epochs anyway; name more than that, not 6"),
        (2.5, "a whole number"),
        (True, "whole number"),
    ],
)
def test_what_is_not_longer_is_refused(left: Study, epochs: Any, words: str) -> None:
    with pytest.raises(ikura.UsageError, match=words):
        left.steer.longer(0, epochs)
    assert left.interventions == []
