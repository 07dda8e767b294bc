"""The test set is opened once, at the end, and nothing before knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.data import Dataset, Part
from ikura.data import prepare as real_prepare
from ikura.study.record.facts import TEST
from ikura.study.record.store import Store

from ..sweep import swept
from .comparing import assert_same
from .dying import KilledError, Life

Tune = Callable[..., Study]
Tamper = Callable[[Part], Part]
RATE = {"learning_rate": ikura.log(1e-3, 0.1)}
PREPARES = ("ikura.study.given_data.prepare", "ikura.study.record.setting.prepare")


def tampered(patch: pytest.MonkeyPatch, tamper: Tamper) -> None:
    """Let every data set have another test part."""

    def prepare(*arguments: Any, **named: Any) -> Dataset:
        dataset = real_prepare(*arguments, **named)
        return replace(dataset, test=tamper(dataset.test))

    for place in PREPARES:
        patch.setattr(place, prepare)


def poisoned(part: Part) -> Part:
    return replace(part, x=np.full_like(part.x, np.nan))


def shuffled(part: Part) -> Part:
    return replace(part, y=np.random.default_rng(7).permutation(part.y))


def emptied(part: Part) -> Part:
    return replace(part, x=np.zeros_like(part.x))


def own(hp: Any) -> nn.Module:
    return nn.Linear(hp.inputs, hp.outputs)


def assert_same_but_for_the_test(one: Study, other: Study) -> None:
    pd.testing.assert_frame_equal(
        one.trials.drop(columns="seconds"), other.trials.drop(columns="seconds"), check_exact=True
    )
    pd.testing.assert_frame_equal(one.curves(), other.curves(), check_exact=True)
    assert one.best == other.best
    assert one.stages == other.stages
    mine, its = one.model.network.state_dict(), other.model.network.state_dict()
    assert all((mine[name] == its[name]).all() for name in mine)


@pytest.mark.parametrize("data", swept(["iris", "breast_cancer", "diabetes"], core=["iris", "diabetes"]))
@pytest.mark.parametrize("tamper", [shuffled, emptied])
def test_the_choice_does_not_see_the_test_set(data: str, tamper: Tamper, tune: Tune) -> None:
    plain = tune(data, epochs=4)
    with pytest.MonkeyPatch.context() as patch:
        tampered(patch, tamper)
        other = tune(data, epochs=4)
    assert_same_but_for_the_test(other, plain)
    assert other.test.value < plain.test.value


@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "none"},
        {"schedule": "successive-halving", "epochs": 9},
        {"finalists": 0},
        {"network": own},
        {"search": "random", "baselines": True},
        {"auto": True, "trials": 16, "bayes_error": 0.0},
    ],
)
def test_a_poisoned_test_set_poisons_the_test_score_alone(options: dict[str, Any], tune: Tune) -> None:
    plain = tune(**options)
    with pytest.MonkeyPatch.context() as patch:
        tampered(patch, poisoned)
        other = tune(**options)
    assert_same_but_for_the_test(other, plain)
    assert plain.test.value > 0.5
    # With nothing but NaN to go by, no class of a test example is more than a guess.
    assert np.isnan(other.test.value) or other.test.value < plain.test.value


def test_no_training_code_is_handed_the_test_set(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training setup, which is all that training knows, holds none of its rows."""
    from ikura.population.setup import TrainingSetup

    seen = []
    original = TrainingSetup.training

    def training(self: TrainingSetup, *arguments: Any) -> Any:
        seen.append({row.tobytes() for part in (self.train, self.dev) for row in part.x})
        return original(self, *arguments)

    monkeypatch.setattr(TrainingSetup, "training", training)
    tune("diabetes", trials=4)
    dataset = real_prepare("diabetes", seed=0)
    rows = {row.tobytes() for row in dataset.test.x}
    assert len(rows) == len(dataset.test)
    assert len(seen) >= 3
    assert all(not rows & known for known in seen)


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened, in order: the test set was opened, the best was recorded, the test score was recorded."""
    seen: list[str] = []

    class Watched(Dataset):
        __slots__ = ()

        @property
        def test(self) -> Part:  # type: ignore[override]
            seen.append("opened")
            return self.__dict__["test"]

        @test.setter
        def test(self, part: Part) -> None:
            self.__dict__["test"] = part

    def prepare(*arguments: Any, **named: Any) -> Dataset:
        dataset = real_prepare(*arguments, **named)
        watched = object.__new__(Watched)
        watched.__dict__.update(dataset.__dict__)
        return watched

    original = Store.set_facts

    def set_facts(self: Store, facts: Any) -> None:
        seen.extend(fact.name for fact in facts if fact.name in ("best", "test", "against_one"))
        original(self, facts)

    for place in PREPARES:
        monkeypatch.setattr(place, prepare)
    monkeypatch.setattr(Store, "set_facts", set_facts)
    return seen


# A space of one's own: the default one asks for the number of test rows.
@pytest.mark.parametrize(("finalists", "ensemble"), [(0, "none"), (2, "none"), (2, 3)])
def test_the_test_set_is_opened_once_after_the_choice(
    finalists: int, ensemble: int | str, openings: list[str], tune: Tune
) -> None:
    """One network beside an ensemble is measured on the same opening, and recorded with it."""
    tune(finalists=finalists, ensemble=ensemble, space=RATE)
    assert openings == ["best", "opened", "test", *(["against_one"] if ensemble == 3 else [])]


def test_it_is_not_opened_when_nothing_was_chosen(openings: list[str], tune: Tune) -> None:
    study = tune(space={"learning_rate": 1e30, "optimizer": "sgd"}, trials=3)
    assert study.best is None
    assert "opened" not in openings


def test_it_is_not_opened_again_once_measured(openings: list[str], tmp_path: Path) -> None:
    options: dict[str, Any] = {"trials": 4, "epochs": 3, "finalists": 1, "jobs": 1}
    with pytest.MonkeyPatch.context() as patch:
        life = Life(patch)
        whole = ikura.tune("iris", out=tmp_path / "whole", space=RATE, **options)
    measured = 0
    for steps in range(life.done - 7, life.done):
        openings.clear()
        with pytest.MonkeyPatch.context() as patch:
            Life(patch, steps)
            with pytest.raises(KilledError):
                ikura.tune("iris", out=tmp_path / str(steps), space=RATE, **options)
        store = Store(tmp_path / str(steps) / "study.db")
        known = store.fact(TEST) is not None
        store.close()
        openings.clear()
        assert_same(ikura.resume(tmp_path / str(steps)), whole)
        if known:
            measured += 1
            assert openings == []
    assert measured >= 3


def test_reading_a_finished_study_does_not_open_it(openings: list[str], tune: Tune, iris: Study) -> None:
    ikura.resume(iris.run)
    study = ikura.open_study(iris.run)
    study.replay(0)
    study.model.predict(pd.DataFrame(np.zeros((2, 4)), columns=[c["name"] for c in iris.summary["columns"]]))
    study.to_json()
    assert openings == []
