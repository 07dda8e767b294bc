"""Population-based training steers by rule: the same events on record, the same replay, and a hand can repeat it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.study.record.intervention import Action, Intervention, Status

from .test_steered_studies import OWN, SPACE, curve, tune


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study by population-based training, of which no trial was touched by a hand."""
    return tune(tmp_path_factory.mktemp("ruled") / "run", trials=8, epochs=10, schedule="pbt", finalists=0)


def by_action(study: Study, action: Action) -> list[Intervention]:
    return [one for one in study.interventions if one.action is action]


def test_every_copy_is_a_fork_on_record_and_every_replaced_trial_a_stop(ruled: Study) -> None:
    trials, curves = ruled.trials.set_index("number"), {n: curve(ruled, n) for n in ruled.trials["number"]}
    copies = trials[trials["parent"].notna()]
    forks, stops = by_action(ruled, Action.FORK), by_action(ruled, Action.STOP)
    assert len(copies) > 4
    assert {one.made for one in forks} == set(copies.index)
    assert {one.trial for one in stops} == set(trials.index[trials["state"] == "pruned"])
    assert {(one.state, one.rule, one.who) for one in ruled.interventions} == {(Status.APPLIED, "pbt", "pbt")}
    for one in forks:
        assert one.trial == trials["parent"][one.made]
        np.testing.assert_array_equal(curves[one.made][: one.epoch], curves[one.trial][: one.epoch])
        for name in set(SPACE).intersection(trials):
            assert trials[name][one.made] == one.values.get(name, trials[name][one.trial])
    assert any(one.values for one in forks)
    for one in stops:
        assert one.epoch == trials["epochs"][one.trial]
        assert "replaced by a copy" in one.why


def test_no_trial_counts_as_touched_by_a_hand(ruled: Study) -> None:
    assert "touched" not in ruled.trials


def test_copies_of_copies_are_replayed_to_the_bit(ruled: Study) -> None:
    parents = {one.made: one.trial for one in by_action(ruled, Action.FORK)}
    again = [number for number, parent in parents.items() if parent in parents]
    assert again
    for number in again[:3]:
        replayed = ruled.replay(int(number or 0))[["train_loss", "dev_loss", "dev_score"]].to_numpy()
        np.testing.assert_array_equal(replayed, curve(ruled, int(number or 0)))


@pytest.mark.parametrize("way", [{}, OWN], ids=["compiled", "program"])
def test_a_hand_that_asks_for_the_same_comes_to_the_same_networks(tmp_path: Path, way: dict[str, object]) -> None:
    settings = {"trials": 8, "epochs": 10, "finalists": 0} | way
    ruled = tune(tmp_path / "ruled", schedule="pbt", **settings)
    forks = sorted(by_action(ruled, Action.FORK), key=lambda one: (one.epoch, one.number))
    first = [one for one in forks if one.trial is not None and one.trial < 8]

    def asking(study: Study) -> None:
        for one in first:
            study.steer.fork(int(one.trial or 0), at=one.epoch, **one.values)
        for one in by_action(ruled, Action.STOP):
            if one.trial is not None and one.trial < 8:
                study.steer.stop(one.trial, at=one.epoch)

    steered = tune(tmp_path / "steered", asking, **settings)
    made = {(one.trial, one.epoch, str(one.values)): one.made for one in by_action(steered, Action.FORK)}
    compared = 0
    for one in first:
        own = made[one.trial, one.epoch, str(one.values)]
        assert own is not None
        assert one.made is not None
        common = min(len(curve(ruled, one.made)), len(curve(steered, own)))
        assert common > (one.epoch or 0)
        np.testing.assert_array_equal(curve(ruled, one.made)[:common], curve(steered, own)[:common])
        compared += 1
    assert compared > 1
    for one in by_action(ruled, Action.STOP):
        if one.trial is not None and one.trial < 8:
            np.testing.assert_array_equal(curve(ruled, one.trial), curve(steered, one.trial))


def test_the_command_lists_what_the_rule_did(ruled: Study) -> None:
    command = [sys.executable, "-m", "ikura", "steer", str(ruled.run)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "pbt, by its rule" in told
    found = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert {one["rule"] for one in found["interventions"]} == {"pbt"}


def test_a_hand_beside_the_rule_is_told_apart(tmp_path: Path) -> None:
    """Trial 0 is given a rate so small that the first round replaces it: nothing is copied from it."""

    def asking(study: Study) -> None:
        study.steer.set(0, learning_rate=1e-9, at=1)

    study = tune(tmp_path / "run", asking, trials=8, epochs=10, schedule="pbt", finalists=0)
    touched = set(study.trials["number"][study.trials["touched"]])
    assert touched == {0}
    assert [one.rule for one in study.interventions if one.action is Action.SET] == [""]
    opened = ikura.open_study(study.run)
    assert [one.to_json() for one in opened.interventions] == [one.to_json() for one in study.interventions]


def test_copies_of_what_a_hand_changed_are_touched(tmp_path: Path) -> None:
    """All trials learn nothing but one, until a hand sets its rate: the rule copies it from then on."""
    changed = 3

    def asking(study: Study) -> None:
        study.steer.set(changed, learning_rate=0.05, at=1)

    space = SPACE | {"learning_rate": ikura.log(1e-7, 1e-6)}
    study = tune(tmp_path / "run", asking, space=space, trials=8, epochs=10, schedule="pbt", finalists=0)
    forks = {one.made: one for one in by_action(study, Action.FORK)}
    heirs = {changed}
    for made in sorted(forks):
        if forks[made].trial in heirs:
            heirs.add(made)
    assert any(forks[made].trial != changed for made in heirs - {changed})
    assert set(study.trials["number"][study.trials["touched"]]) == heirs
    assert study.best is not None
    assert study.best.number in heirs
    told = "was changed by hand while it trained (learning_rate 0.05 after epoch 1)"
    assert study.best.note == f"trial {study.best.number} {told}"
