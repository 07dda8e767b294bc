"""Forks go on from an epoch of their parent to the bit, and are replayed; going back is a fork and a stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.cli.result_summary import summary
from ikura.errors import UsageError
from ikura.report.write import write_report
from ikura.study.record.intervention import Action, Status

from .test_steered_studies import OWN, Asking, Hand, curve, loss, tune

Calm = Callable[..., Study]


def replayed(study: Study, trial: int) -> np.ndarray:
    return study.replay(trial)[["train_loss", "dev_loss", "dev_score"]].to_numpy()


def ask(study: Study) -> None:
    study.steer.set(1, learning_rate=0.02, at=1)
    study.steer.fork(1, learning_rate=0.001, at=2, why="slower")
    study.steer.fork(0, l2=0.1, at=4)
    study.steer.rewind(2, 3, learning_rate=0.05)
    study.steer.fork(3, learning_rate=0.3, at=0)


class Twice(Hand):
    """Asks something when the first stage begins, and something else when the first forks are trained."""

    def __init__(self, first: Asking, second: Asking) -> None:
        super().__init__(first)
        self.second: Asking | None = second

    def start(self, stage: str, total: int) -> None:
        super().start(stage, total)
        if stage == "by hand" and self.second is not None:
            self.second(ikura.open_study(self.run))
            self.second = None


WAYS = pytest.mark.parametrize("way", [{}, OWN, OWN | {"loss": loss}], ids=["compiled", "program", "in turn"])


@WAYS
def test_a_fork_has_its_parents_epochs_and_goes_on_with_its_own_values(
    calm: Calm, tmp_path: Path, way: dict[str, Any]
) -> None:
    undisturbed, study = calm(**way), tune(tmp_path / "run", ask, **way)
    forks = {one.trial: one for one in study.interventions if one.action is Action.FORK}
    assert [one.state for one in forks.values()] == [Status.APPLIED] * 4
    trials = study.trials.set_index("number")
    for parent, since in ((1, 2), (0, 4), (2, 3), (3, 0)):
        made = forks[parent].made
        assert made is not None
        assert (forks[parent].epoch, trials["parent"][made], trials["epochs"][made]) == (since, parent, 6)
        np.testing.assert_array_equal(curve(study, made)[:since], curve(study, parent)[:since])
        np.testing.assert_array_equal(replayed(ikura.open_study(study.run, **given(way)), made), curve(study, made))
    for parent in (0, 3):
        np.testing.assert_array_equal(curve(study, parent), curve(undisturbed, parent))
    assert trials["learning_rate"][forks[1].made] == 0.001
    assert trials["learning_rate"][1] == undisturbed.trials["learning_rate"][1]


def given(way: dict[str, Any]) -> dict[str, Any]:
    return {name: way[name] for name in ("network", "loss") if name in way}


def test_a_fork_is_what_a_change_at_its_epoch_makes_of_the_trial(tmp_path: Path) -> None:
    forked = tune(tmp_path / "forked", lambda study: study.steer.fork(1, learning_rate=0.001, at=2))
    changed = tune(tmp_path / "changed", lambda study: study.steer.set(1, learning_rate=0.001, at=2))
    [one] = forked.interventions
    assert one.made is not None
    np.testing.assert_array_equal(curve(forked, one.made), curve(changed, 1))


def test_forks_of_forks_are_replayed_and_are_finalists_with_their_history(tmp_path: Path) -> None:
    def again(study: Study) -> None:
        made = study.interventions[0].made
        assert made is not None
        study.steer.fork(made, learning_rate=0.04, at=5)

    def ask_first(study: Study) -> None:
        study.steer.fork(0, learning_rate=0.02, at=3)

    study = tune(tmp_path / "run", ask_first, progress=Twice(ask_first, again), finalists=6)
    first, second = study.interventions
    assert (first.made, second.made) == (4, 5)
    for number in study.trials.query("state == 'complete'")["number"]:
        np.testing.assert_array_equal(replayed(study, number), curve(study, number))
    final = study.trials.query("purpose == 'finalist' and parent == 5")
    began = study.trials.set_index("number")["learning_rate"][0]
    assert (final["learning_rate"] == began).all()


def test_a_fork_of_now_goes_on_from_the_next_boundary(tmp_path: Path) -> None:
    study = tune(tmp_path / "run", lambda study: study.steer.fork(0, l2=0.1))
    [one] = study.interventions
    assert (one.at, one.epoch, one.state) == (0, 0, Status.APPLIED)


def test_a_fork_of_an_epoch_that_never_came_is_refused(calm: Calm, tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        study.steer.fork(0, l2=0.1, at=4)
        study.steer.stop(0, at=2)

    study = tune(tmp_path / "run", asking)
    assert (study.interventions[0].state, study.interventions[0].reason) == (
        Status.REFUSED, "trial 0 ended after 2 epochs",
    )  # fmt: skip
    assert study.store.count() == calm().store.count()


def test_what_cannot_be_forked_is_refused_at_once(left: Study) -> None:
    with pytest.raises(UsageError, match="trial 0 can be forked from 0 to 5 epochs, but at is 6"):
        left.steer.fork(0, l2=0.1, at=6)


def test_the_choice_says_that_a_hand_had_a_part(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        for trial in range(4):
            study.steer.set(trial, learning_rate=0.01, at=3)

    study = tune(tmp_path / "run", asking)
    assert study.best is not None
    assert study.best.note is not None
    assert "was changed by hand while it trained (learning_rate 0.01 after epoch 3), and so were its" in study.best.note
    assert f"Best hyperparameters (trial {study.best.number}, as it began)" in summary(study)
    assert "as it began:" in write_report(tmp_path / "report.html", study).read_text()


def test_where_nothing_was_repeated_no_repetition_is_named(tmp_path: Path) -> None:
    study = tune(tmp_path / "run", lambda study: study.steer.set(0, learning_rate=0.01, at=2), trials=1, finalists=0)
    assert study.best is not None
    assert study.best.note == "trial 0 was changed by hand while it trained (learning_rate 0.01 after epoch 2)"
    calm = tune(tmp_path / "calm", trials=1, finalists=0)
    assert "Best hyperparameters (trial 0)" in summary(calm)


def test_one_that_a_hand_only_kept_or_ended_was_not_changed(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        study.steer.pin(0)
        study.steer.stop(0, at=3)

    study = tune(tmp_path / "run", asking, trials=1)
    assert study.best is not None
    assert study.best.note == "trial 0 was stopped by hand and pinned by hand"


def test_two_trials_are_compared_in_pairs_from_the_moment_they_part(tmp_path: Path) -> None:
    study = tune(tmp_path / "run", lambda study: study.steer.fork(1, learning_rate=0.001, at=2))
    made = study.interventions[0].made
    assert made is not None
    found = study.compare(1, made)
    assert found.columns.tolist() == ["epoch", "dev_score", "dev_loss", "low", "high"]
    assert (found.iloc[:2, 1:] == 0).all(axis=None)
    apart = curve(study, made)[2:] - curve(study, 1)[2:]
    np.testing.assert_allclose(found["dev_score"][2:], apart[:, 2], rtol=0, atol=0)
    # Recorded losses are means of the same numbers in single precision, each within 1e-7 of its value.
    np.testing.assert_allclose(found["dev_loss"][2:], apart[:, 1], rtol=0, atol=1e-6)
    assert ((found["low"] < found["dev_loss"]) & (found["dev_loss"] < found["high"]))[2:].all()


def test_touched_trials_are_marked(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        study.steer.set(1, learning_rate=0.02, at=1)
        study.steer.fork(0, l2=0.1, at=4)

    study = tune(tmp_path / "run", asking, finalists=0)
    trials = study.trials
    assert trials["number"][trials["touched"]].tolist() == [1, 4]
    assert "touched" not in tune(tmp_path / "calm", finalists=0).trials


def test_going_back_without_values_leaves_out_what_would_have_come_later(calm: Calm, tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        study.steer.set(0, learning_rate=0.5, at=4)
        study.steer.rewind(0, 2)

    study = tune(tmp_path / "run", asking)
    changed, fork, stop = study.interventions
    assert [one.state for one in (fork, stop)] == [Status.APPLIED] * 2
    assert changed.state is Status.REFUSED
    assert fork.made is not None
    # It comes to what the trial would have come to with nothing asked.
    np.testing.assert_array_equal(curve(study, fork.made), curve(calm(), 0))
    np.testing.assert_array_equal(replayed(study, fork.made), curve(study, fork.made))
