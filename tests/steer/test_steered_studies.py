"""What is asked of a study takes effect between two epochs, once, and everything that is trained again repeats it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.diagnose.chosen_networks import Chosen
from ikura.diagnose.cost_curve import cost_curves
from ikura.diagnose.learning_curve import train_on
from ikura.large_batch.winner import changed_on_the_way
from ikura.nn.noise import key
from ikura.population.job import Job, train
from ikura.population.member import Member
from ikura.study.record.intervention import Intervention, Status
from ikura.study.record.progress import Progress
from ikura.study.steered import ConfigurationCourse
from ikura.study.training_setup import setup_again

from .conftest import SPACE, LeftError

Asking = Callable[[Study], Any]


class Hand(Progress):
    """Asks something of a study when its first stage begins."""

    def __init__(self, asking: Asking) -> None:
        self.asking, self.run = asking, Path()

    def opened(self, run: str | Path) -> None:
        self.run = Path(run)

    def start(self, stage: str, total: int) -> None:
        if self.asking is not None:
            self.asking(ikura.open_study(self.run))
        self.asking = lambda study: None


def tune(out: Path, asking: Asking = lambda study: None, **options: Any) -> Study:
    settings = {"space": SPACE, "trials": 4, "epochs": 6, "search": "random", "schedule": "none", "finalists": 1}
    return ikura.tune("iris", **settings | {"jobs": 1, "progress": Hand(asking), "out": out} | options)


def curve(study: Study, trial: int) -> np.ndarray:
    return study.curve(trial)[["train_loss", "dev_loss", "dev_score"]].to_numpy()


def states(study: Study) -> list[tuple[Status, int | None]]:
    return [(one.state, one.epoch) for one in study.interventions]


def network(hp: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 3))


def loss(outputs: Any, target: Any) -> Any:
    return nn.functional.cross_entropy(outputs, target)


OWN: dict[str, Any] = {"network": network, "space": {name: SPACE[name] for name in ("learning_rate", "batch_size")}}
WAYS = pytest.mark.parametrize(
    "way", [{}, OWN, OWN | {"loss": loss, "jobs": 2}], ids=["compiled", "program", "worker processes"]
)


def ask_twice(study: Study) -> None:
    study.steer.set(1, learning_rate=0.0001, at=2, why="too fast")
    study.steer.set(1, learning_rate=0.2, l2=0.01, at=4)
    study.steer.stop(2, at=3)


@WAYS
def test_what_was_asked_is_applied_at_its_epoch_and_replayed(
    calm: Callable[..., Study], tmp_path: Path, way: dict[str, Any]
) -> None:
    undisturbed, steered = calm(**way), tune(tmp_path / "steered", ask_twice, **way)
    assert states(steered) == [(Status.APPLIED, 2), (Status.APPLIED, 4), (Status.APPLIED, 3)]
    assert (curve(steered, 1)[:2] == curve(undisturbed, 1)[:2]).all()
    assert (curve(steered, 1)[2:] != curve(undisturbed, 1)[2:]).any(axis=1).all()
    assert (curve(steered, 2) == curve(undisturbed, 2)[:3]).all()
    for trial in (0, 3):
        np.testing.assert_array_equal(curve(steered, trial), curve(undisturbed, trial))
    again = ikura.open_study(steered.run, way.get("network"), loss=way.get("loss"))
    for trial in range(4):
        replayed = again.replay(trial)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(steered, trial))


def ask_for_shapes(study: Study) -> None:
    study.steer.set(1, schedule_shape="one_cycle", at=2)
    study.steer.set(1, schedule_shape="plateau", plateau_patience=0, at=3)
    study.steer.fork(1, schedule_shape="cosine", at=4)
    study.steer.rewind(2, 3, schedule_shape="pieces", pieces="4:0.1")


@WAYS
def test_other_shapes_of_the_schedule_are_applied_and_replayed(
    calm: Callable[..., Study], tmp_path: Path, way: dict[str, Any]
) -> None:
    undisturbed, steered = calm(**way), tune(tmp_path / "steered", ask_for_shapes, **way)
    assert all(one.state is Status.APPLIED for one in steered.interventions)
    fork, back = (one.made for one in steered.interventions if one.made is not None)
    assert (curve(steered, 1)[:2] == curve(undisturbed, 1)[:2]).all()
    assert (curve(steered, 1)[2:] != curve(undisturbed, 1)[2:]).any(axis=1).all()
    assert (curve(steered, fork)[:4] == curve(steered, 1)[:4]).all()
    assert (curve(steered, back)[:4] == curve(undisturbed, 2)[:4]).all()
    assert (curve(steered, back)[4:] != curve(undisturbed, 2)[4:]).any(axis=1).all()
    for trial in (0, 3):
        np.testing.assert_array_equal(curve(steered, trial), curve(undisturbed, trial))
    again = ikura.open_study(steered.run, way.get("network"), loss=way.get("loss"))
    for trial in (1, fork, back):
        replayed = again.replay(trial)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(steered, trial))


def test_scaling_says_what_the_winner_was_given_on_the_way(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        study.steer.set(0, schedule_shape="cosine", at=2)

    class Leaves(Progress):
        """Leaves when it hears of it."""

        def say(self, line: str) -> None:
            if line == changed_on_the_way(study):
                raise LeftError

    study = tune(tmp_path / "run", asking, trials=1, finalists=0, ensemble="none")
    assert changed_on_the_way(study) == (
        "trial 0 came to its weights with changes (schedule_shape cosine after epoch 2, final_share 0 after epoch 2); "
        "every column trains from the start to the end with the values that the trial itself began with"
    )
    with pytest.raises(LeftError):
        ikura.scale(study, 30, progress=Leaves())
    assert changed_on_the_way(tune(tmp_path / "calm", trials=1, finalists=0, ensemble="none")) == ""


def test_a_shape_that_the_space_has_not_is_no_part_of_what_mattered(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        for trial in range(12):
            study.steer.fork(trial, schedule_shape="coslog", at=1)

    space = SPACE | {"schedule_shape": ikura.choice("constant", "cosine")}
    study = tune(tmp_path / "run", asking, space=space, trials=12, epochs=2, finalists=0, ensemble="none")
    found = study.importance().set_index("hyperparameter")["trials"]
    assert found.to_dict() == {"learning_rate": 24, "schedule_shape": 12}
    assert "coslog" in set(study.trials["schedule_shape"])


def test_a_request_without_an_epoch_is_applied_at_the_next_boundary(tmp_path: Path) -> None:
    study = tune(tmp_path / "run", lambda study: study.steer.set(0, learning_rate=0.5))
    [one] = study.interventions
    assert (one.state, one.epoch) == (Status.APPLIED, 0)


def test_a_request_that_comes_too_late_is_refused_with_the_reason(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        study.steer.stop(0, at=2)
        study.steer.set(0, learning_rate=0.5, at=4)

    study = tune(tmp_path / "run", asking)
    late: Intervention = study.interventions[1]
    assert (late.state, late.reason, late.epoch) == (Status.REFUSED, "trial 0 ended after 2 epochs", None)


def test_a_finalist_repeats_what_was_done_to_its_configuration(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        for trial in range(4):
            study.steer.set(trial, learning_rate=0.05, at=3)

    study, calm = tune(tmp_path / "run", asking, finalists=1), tune(tmp_path / "calm", finalists=1)
    final = study.trials.query("purpose == 'finalist'")
    assert len(final) == 3
    for number in final["number"]:
        replayed = study.replay(number)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(study, number))
    one = int(final["number"].iloc[0])
    same = calm.trials.query(f"purpose == 'finalist' and parent == {int(final['parent'].iloc[0])}")
    if len(same):
        assert (curve(study, one)[3:] != curve(calm, int(same["number"].iloc[0]))[3:]).any()


def test_a_diagnosis_trains_the_choice_as_the_hand_did(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        for trial in range(4):
            study.steer.set(trial, learning_rate=0.05, at=3)
            study.steer.fork(trial, l2=0.001, at=5)

    study = tune(tmp_path / "run", asking, finalists=0)
    _, setup = setup_again(study.setting, study.run, None)
    chosen = Chosen.of(study, setup)
    [row] = chosen.rows
    member, changes = chosen.again(row.number, row.seed)
    assert changes
    [outcome] = train(setup, Job(0, (member,), 6, changes=changes))
    np.testing.assert_array_equal(outcome.curve, curve(study, row.number))


def test_curves_of_a_diagnosis_follow_what_a_hand_changed(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        for trial in range(4):
            study.steer.set(trial, learning_rate=0.05, l2=0.01, at=3)

    study = tune(tmp_path / "run", asking, finalists=0, ensemble="none")
    _, setup = setup_again(study.setting, study.run, None)
    chosen = Chosen.of(study, setup)
    [row] = chosen.rows
    curves = {one.name: one for one in cost_curves(chosen, 6, lambda name: name == "l2")}
    assert list(curves) == ["as chosen", "without regularisation"]
    recorded = curve(study, row.number)[:, 0].tolist()
    assert curves["as chosen"].trained == recorded
    assert curves["without regularisation"].trained[:3] == recorded[:3]
    assert curves["without regularisation"].trained[4:] != recorded[4:]
    found = train_on(chosen, setup.train, 0, 6, None)
    calm = train_on(replace(chosen, course=ConfigurationCourse(chosen.course.began, [])), setup.train, 0, 6, None)
    seed = key(chosen.seed, "learning curve", 0)
    job = Job(0, (Member(0, chosen.course.began, seed),), 6, keep_weights=True, changes=chosen.again(0, seed)[1])
    [outcome] = train(setup, job)
    assert found is not None
    assert calm is not None
    weights, others = (np.concatenate([w.ravel() for w in one[1].parameters]) for one in (found, calm))
    np.testing.assert_array_equal(weights, outcome.weights)
    assert (weights != others).any()


def test_rounds_go_on_with_the_values_that_were_set(tmp_path: Path) -> None:
    def asking(study: Study) -> None:
        for trial in range(8):
            study.steer.set(trial, learning_rate=0.01, l2=0.001, at=1)

    study = tune(tmp_path / "run", asking, trials=8, epochs=9, schedule="successive-halving")
    long = study.trials.query("purpose == 'search' and epochs == 9")["number"].tolist()
    assert long
    for trial in long:
        replayed = study.replay(trial)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(study, trial))


def test_what_a_tile_cannot_do_is_refused_when_it_would_be_applied(tmp_path: Path) -> None:
    study = tune(
        tmp_path / "run",
        lambda study: study.steer.set(0, batch_size=8),
        trials=9,
        network=lambda hp: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)),
        loss=loss,
        space={"learning_rate": SPACE["learning_rate"], "batch_size": 16},
    )
    [one] = study.interventions
    assert one.state is Status.REFUSED
    assert one.reason.startswith("its tile shares mini-batches and structure")
    assert json.loads(json.dumps(one.to_json()))["reason"] == one.reason


def test_a_replay_puts_on_record_whether_it_came_to_the_same_bits(tmp_path: Path) -> None:
    study = tune(tmp_path / "run", ask_twice)
    assert study.replayed(1) is None
    study.replay(1)
    assert ikura.open_study(study.run).replayed(1) is True
    study.store.write(lambda connection: connection.exec_driver_sql("UPDATE curves SET dev_loss = 1 WHERE trial = 1"))
    study.replay(1)
    assert (study.replayed(1), study.replayed(0)) == (False, None)
    with pytest.raises(ikura.UsageError, match="no trial 9"):
        study.replayed(99)
