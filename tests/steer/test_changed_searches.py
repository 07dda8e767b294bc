"""What a hand changes of a search holds for all that is proposed from then on, and is repeated by all that comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.errors import UsageError
from ikura.search import Stage, proposer
from ikura.space import Space
from ikura.study.record.decision import SearchPlan
from ikura.study.record.intervention import Action, Request, Status
from ikura.study.search_loop import observations
from ikura.study.search_stages import following, within

from ..sweep import swept
from .test_pauses import replayed
from .test_steered_studies import curve, tune

SPACE: dict[str, Any] = {
    "learning_rate": ikura.log(1e-3, 1e-1),
    "units": ikura.integer(4, 16),
    "optimizer": ikura.choice("sgd", "adam"),
    "batch_size": 16,
}
SEVERAL: dict[str, Any] = {"space": SPACE, "trials": 12, "search": "coarse-to-fine", "epochs": 4, "finalists": 0}
SEARCHES = swept(["coarse-to-fine", "tpe", "cma-es", "gp"], core=("coarse-to-fine", "tpe"))


def columns(study: Study, *names: str) -> list[list[Any]]:
    return study.trials.query("purpose == 'search'")[list(names)].to_numpy().tolist()


@pytest.mark.parametrize("search", SEARCHES)
def test_what_is_proposed_later_lies_in_the_changed_space(tmp_path: Path, search: str) -> None:
    def asking(study: Study) -> None:
        study.steer.range("learning_rate", 0.01, 0.3, why="the good ones crowd there")
        study.steer.range("units", high=8)
        study.steer.ban(optimizer="sgd")

    given = SEVERAL | {"search": search}
    study, calm = tune(tmp_path / "run", asking, **given), tune(tmp_path / "calm", **given)
    first = int((study.trials["stage"] == 0).sum())
    assert [(one.state, one.epoch) for one in study.interventions] == [(Status.APPLIED, first)] * 3
    names = ("learning_rate", "units", "optimizer")
    assert columns(study, *names)[:first] == columns(calm, *names)[:first]
    later = study.trials.query("stage > 0")
    assert len(later) == 12 - first
    assert later["learning_rate"].between(0.01, 0.3).all()
    assert later["units"].between(4, 8).all()
    assert set(later["optimizer"]) == {"adam"}
    narrowed = {**SPACE, "learning_rate": ikura.log(0.01, 0.3), "units": ikura.integer(4, 8), "optimizer": "adam"}
    space = Space(**narrowed).held(["learning_rate", "units"])
    plan = proposer(search, space, 0)
    [stage] = [one for one in proposer(search, Space(**SPACE), 0).stages(12, 4) if one.index == 1]
    known = within([one for one in observations(study.store, 1.0) if one.stage < 1], space)
    expected = [one.configuration for one in plan.ask(stage, stage.trials, known)]
    proposed = [one.hyperparameters for one in study.records() if one.stage == 1 and one.searched]
    assert [{name: one[name] for name in names} for one in proposed] == [
        {name: one[name] for name in names} for one in expected
    ]
    assert study.space["learning_rate"].as_dict() == {"scale": "log", "low": 0.001, "high": 0.3}
    np.testing.assert_array_equal(replayed(study, 11), curve(study, 11))


def test_an_option_is_added(tmp_path: Path) -> None:
    study = tune(tmp_path / "run", lambda study: study.steer.add(optimizer="momentum"), **SEVERAL | {"search": "tpe"})
    kinds = study.trials.groupby("stage")["optimizer"].agg(set)
    assert "momentum" not in kinds[0]
    assert "momentum" in set().union(*kinds[1:]) or len(kinds) == 1
    assert set(study.space["optimizer"].as_dict()["choices"]) == {"sgd", "adam", "momentum"}


def test_more_trials_and_other_epochs(calm: Callable[..., Study], tmp_path: Path) -> None:
    """A search that has proposed everything goes on with a stage more, whose space may be another."""

    def asking(study: Study) -> None:
        study.steer.budget(trials=7, epochs=9)
        study.steer.range("learning_rate", 0.02, 0.03)

    study = tune(tmp_path / "run", asking, finalists=1)
    undisturbed = calm()
    rows = study.trials.query("purpose == 'search'")
    assert rows["epochs"].tolist() == [6] * 4 + [9] * 3
    assert rows["learning_rate"][4:].between(0.02, 0.03).all()
    for trial in range(4):
        np.testing.assert_array_equal(curve(study, trial), curve(undisturbed, trial))
    for trial in (0, 5):
        np.testing.assert_array_equal(replayed(study, trial), curve(study, trial))
    assert (study.trials.query("purpose == 'finalist'")["epochs"] == 9).all()
    assert study.epochs == 9
    assert [(one.name, one.trials, one.epochs) for one in study.stages] == [("random", 4, 6), ("more", 3, 9)]


def test_early_stopping_is_as_patient_as_it_was_when_a_trial_was_proposed(tmp_path: Path) -> None:
    study = tune(
        tmp_path / "run", lambda study: study.steer.budget(trials=3, epochs=100), trials=2, epochs=30,
        schedule="early-stopping", space=SPACE | {"learning_rate": 0.3, "optimizer": "momentum"}, finalists=0,
    )  # fmt: skip
    assert study.trials["epochs"].min() < 30
    for trial in range(3):
        np.testing.assert_array_equal(replayed(study, trial), curve(study, trial))


def test_fewer_trials(tmp_path: Path) -> None:
    study = tune(tmp_path / "run", lambda study: study.steer.budget(trials=11), **SEVERAL | {"search": "tpe"})
    assert len(study.trials) == 11
    refused = tune(tmp_path / "other", refusing(lambda study: study.steer.budget(trials=3), "proposed already"))
    assert len(refused.interventions) == 0


def test_the_time_limit_holds_at_once(tmp_path: Path) -> None:
    study = tune(tmp_path / "run", lambda study: study.steer.budget(time_limit=0.001), epochs=1000)
    assert set(study.trials["state"]) <= {"stopped", "skipped"}
    longer = tune(tmp_path / "longer", lambda study: study.steer.budget(time_limit=1e6), time_limit=1e-3)
    assert (longer.trials.query("purpose == 'search'")["state"] == "complete").all()


def refusing(ask: Any, words: str) -> Any:
    def asking(study: Study) -> None:
        with pytest.raises(UsageError, match=words) as refused:
            ask(study)
        assert "\n" not in str(refused.value)

    return asking


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda steer: steer.range("learning_rat", 1e-3, 1), "the space has no 'learning_rat', did you mean"),
        (lambda steer: steer.range("learning_rate", 0.0, 1), "log scale"),
        (lambda steer: steer.range("learning_rate", -1, 1), "learning_rate must be a number of at least 0"),
        (lambda steer: steer.range("learning_rate", 1, 0.1), "low < high"),
        (lambda steer: steer.range("learning_rate"), "range takes the name of a hyperparameter and the ends"),
        (lambda steer: steer.range("learning_rate", 1e-3, 1e-1), "learning_rate has this range already"),
        (lambda steer: steer.range("units", 4.5, 16), "units must be a whole number"),
        (lambda steer: steer.range("optimizer", 0, 1), "optimizer has no range; add or ban one of its values"),
        (lambda steer: steer.range("batch_size", 8, 32), "batch_size has no range"),
        (lambda steer: steer.ban(optimizer="rprop"), "optimizer is never 'rprop'"),
        (lambda steer: steer.ban(batch_size=16), "batch_size has no other value than 16"),
        (lambda steer: steer.ban(learning_rate=0.1), "learning_rate has a range; give it another one"),
        (lambda steer: steer.add(optimizer="adam"), "optimizer has 'adam' already"),
        (lambda steer: steer.add(optimizer="adman"), "adman"),
        (lambda steer: steer.add(), "add takes one hyperparameter and one value"),
        (lambda steer: steer.budget(), "budget takes trials, epochs and time_limit, at least one of them"),
        (lambda steer: steer.budget(trials=12), "the search has 12 trials and 4 epochs already"),
        (lambda steer: steer.budget(trials=0), "trials must be a whole number from 1"),
        (lambda steer: steer.budget(time_limit=0), "the time limit must be a number of seconds above 0"),
        (lambda steer: steer.stop_worst(0.5), "no trial is in training; there is nothing to stop"),
        (lambda steer: steer.stop_worst(1.5), "the worst are a share below 1 or a whole number"),
    ],
)
def test_what_has_no_effect_is_refused_in_one_line(several: Study, ask: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        ask(several.steer)
    assert "\n" not in str(refused.value)
    assert several.interventions == []


def test_a_search_that_has_proposed_everything_takes_no_other_range(left: Study) -> None:
    with pytest.raises(UsageError, match="all 4 trials are proposed already; ask for more of them first"):
        left.steer.range("learning_rate", 0.01, 0.02)
    with pytest.raises(UsageError, match="all 4 trials are proposed, and begin with their epochs"):
        left.steer.budget(epochs=9)


def test_what_is_left_of_a_budget_is_shared_as_it_was_planned() -> None:
    plan = SearchPlan(1, 0, Space(**SPACE).as_dict(), 60, 90, 1.0, [], [])
    search = plan.proposer("coarse-to-fine", 0)
    planned = search.stages(60, 90)
    for trials, epochs in ((60, 90), (100, 90), (30, 180), (13, 90)):
        done: list[Stage] = planned[:2]
        while (one := following(search, plan, done, trials, epochs)) is not None:
            done = [*done, one]
        assert sum(one.trials for one in done) == max(trials, sum(one.trials for one in planned[:2]))
        assert [one.index for one in done] == list(range(len(done)))
        assert done[-1].epochs == epochs or len(done) == 2
        if (trials, epochs) == (60, 90):
            assert done == planned


def test_requests_are_recorded_together_or_not_at_all(several: Study) -> None:
    with pytest.raises(UsageError):
        several.steer.ask_all(
            [
                Request(action=Action.NOTE, why="first"),
                Request(action=Action.RANGE, values={"name": "nothing", "low": 1}),
            ]
        )
    assert several.interventions == []
