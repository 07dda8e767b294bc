"""A pinned trial is dropped by no schedule, and the others fare as if it had been; a note changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.study.record.intervention import Status

from ..sweep import swept
from .test_steered_studies import curve, tune

SCHEDULES = swept(["successive-halving", "asha", "hyperband", "racing", "pbt"], core=("successive-halving", "pbt"))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_it_trains_to_the_end_and_no_other_trial_notices(tmp_path: Path, schedule: str) -> None:
    calm = tune(tmp_path / "calm", trials=8, epochs=9, schedule=schedule, finalists=0)
    pruned = calm.trials.query("state == 'pruned'")["number"].tolist()
    assert pruned
    pins = [number for number in pruned if number < 8][:2]

    def asking(study: Study) -> None:
        for number in pins:
            study.steer.pin(number, why="I want to see it through")

    study = tune(tmp_path / "run", asking, trials=8, epochs=9, schedule=schedule, finalists=0)
    rows, before = study.trials.set_index("number"), calm.trials.set_index("number")
    assert rows.index.tolist() == before.index.tolist()
    for number in rows.index:
        if number in pins:
            assert (rows["state"][number], rows["epochs"][number]) == ("complete", 9)
            np.testing.assert_array_equal(curve(study, number)[: len(curve(calm, number))], curve(calm, number))
        else:
            assert rows["state"][number] == before["state"][number]
            np.testing.assert_array_equal(curve(study, number), curve(calm, number))
    replayed = study.replay(pins[0])[["train_loss", "dev_loss", "dev_score"]].to_numpy()
    np.testing.assert_array_equal(replayed, curve(study, pins[0]))
    assert set(rows.index[rows["touched"]]) == set(pins)


def test_what_is_pinned_is_pinned_once(left: Study) -> None:
    assert left.steer.pin(0).state is Status.APPLIED
    with pytest.raises(ikura.UsageError, match="trial 0 is pinned already"):
        left.steer.pin(0)


def test_a_note_changes_nothing_and_can_be_written_at_any_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tune(tmp_path / "run", lambda study: study.steer.note("the loss jumps here", trial=1))
    calm = tune(tmp_path / "calm")
    assert study.trials.drop(columns="seconds").equals(calm.trials.drop(columns="seconds"))
    assert main(["steer", str(study.run), "note", "a", "good", "day"]) == 0
    assert main(["steer", str(study.run), "note", "1", "kept"]) == 0
    capsys.readouterr()
    told = [(one.trial, one.why, one.state) for one in study.interventions]
    assert told == [
        (1, "the loss jumps here", Status.APPLIED),
        (None, "a good day", Status.APPLIED),
        (1, "kept", Status.APPLIED),
    ]
    with pytest.raises(ikura.UsageError, match="a note needs a text"):
        study.steer.note(" ")
    with pytest.raises(ikura.UsageError, match="no trial 99"):
        study.steer.note("what", trial=99)
