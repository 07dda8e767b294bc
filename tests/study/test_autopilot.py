"""The autopilot: its decisions follow from the diagnosis, are recorded with their reasons, and outlive a kill."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import reduce
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ikura
from ikura.api.study import Study
from ikura.large_batch.winner import winner_of
from ikura.report.view import View
from ikura.report.write import render
from ikura.space import Space
from ikura.study.record.decision import OfferRecord
from ikura.study.record.search_plans import begun_with, found_in, plans, united
from ikura.study.training_setup import setup_again

from .comparing import assert_replays, assert_same
from .dying import KilledError, Life

Tune = Callable[..., Study]

SMALL = {"learning_rate": ikura.log(1e-2, 1e-1), "units": ikura.integer(1, 2), "layers": 1}
"""Networks too small for the rings."""


def rings(rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Three rings around each other, of two classes in turn."""
    random = np.random.default_rng(0)
    ring = random.integers(0, 3, rows)
    angle = random.uniform(0, 2 * np.pi, rows)
    x = (ring + 0.7)[:, None] * np.c_[np.cos(angle), np.sin(angle)] + random.normal(0, 0.03, (rows, 2))
    return x.astype(np.float32), ring % 2


def noise(rows: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that one of 25 inputs tells apart, most of the time."""
    random = np.random.default_rng(1)
    x = random.normal(size=(rows, 25)).astype(np.float32)
    return x, (x[:, 0] + random.normal(0, 0.3, rows) > 0).astype(int)


UNDERFIT: dict[str, Any] = {"auto": True, "space": SMALL, "trials": 32, "epochs": 6, "bayes_error": 0.0}
OVERFIT: dict[str, Any] = {
    "auto": True,
    "space": {"learning_rate": ikura.log(5e-3, 3e-2), "units": 64, "layers": 1, "l2": ikura.log(1e-6, 1e-5)},
    "trials": 16,
    "epochs": 20,
    "schedule": "none",
    "bayes_error": 0.08,
}


@pytest.fixture(scope="module")
def underfit(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return ikura.tune(rings(), **UNDERFIT, finalists=2, jobs=1, out=tmp_path_factory.mktemp("underfit") / "run")


@pytest.fixture(scope="module")
def overfit(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return ikura.tune(noise(), **OVERFIT, finalists=2, jobs=1, out=tmp_path_factory.mktemp("overfit") / "run")


def sizes(study: Study, number: int) -> pd.DataFrame:
    """The trials of one search."""
    searches = plans(study.setting, study.store)
    trials = study.trials.query("purpose == 'search'")
    return trials[[found_in(stage, searches).number == number for stage in trials["stage"]]]


def test_too_small_networks_get_larger_or_train_longer(underfit: Study) -> None:
    first, *_, last = underfit.decisions
    assert first.diagnosis.bias.verdict == "high"
    searched = [one for one in underfit.decisions if one.action == "search"]
    assert {one.against for one in searched[:2]} == {"bias"}
    remedies = {one.name for one in searched[:2]}
    assert remedies <= {"bigger-network", "longer-training"}
    for one in searched[:2]:
        plan, trials = one.plan, sizes(underfit, one.plan.number)
        if one.name == "bigger-network":
            assert set(plan.opened) == {"units", "layers"}
            assert trials["units"].max() > 2
        else:
            assert plan.epochs > UNDERFIT["epochs"]
            assert trials["epochs"].max() > UNDERFIT["epochs"]
        assert f"against {one.against}" in one.sentence
        assert one.reason
        assert one.source
    assert last.action == "stop"
    assert last.reason == "the budget is spent"
    after = [one.best.dev for one in underfit.decisions]
    assert after == sorted(after)
    won = found_in(underfit.records()[underfit.best.number].stage, plans(underfit.setting, underfit.store))
    assert underfit.epochs == won.epochs
    assert winner_of(underfit, setup_again(underfit.setting, underfit.run, underfit.network)[1]).epochs == won.epochs


def test_the_budget_of_trials_is_kept(underfit: Study) -> None:
    fresh = underfit.trials.query("purpose == 'search' and parent.isna()")
    assert len(fresh) == 32
    assert underfit.to_json()["trials"] == 32


def test_overfitted_networks_are_regularised(overfit: Study) -> None:
    [decision] = [one for one in overfit.decisions if one.action == "search"]
    assert decision.diagnosis.variance.verdict == "high"
    assert (decision.name, decision.against) == ("stronger-regularisation", "variance")
    assert set(decision.plan.opened) == {"l2", "dropout"}
    first, second = sizes(overfit, 1), sizes(overfit, 2)
    assert second["l2"].max() > first.l2.max()
    assert second["dropout"].max() > 0
    assert "generalise worse" in decision.weights


def test_nothing_is_done_where_nothing_is_wrong(tune: Tune) -> None:
    study = tune(rings(400), auto=True, trials=16, epochs=60, finalists=0)
    [decision] = study.decisions[-1:]
    assert decision.action == "stop"
    low = [getattr(decision.diagnosis, gap).value <= decision.diagnosis.worth for gap in ("bias", "variance")]
    assert all(low) == (decision.reason == "neither bias nor variance is worth more effort")


def test_earlier_trials_are_known_to_the_next_search(underfit: Study) -> None:
    for one in underfit.decisions:
        if one.action == "search" and one.name == "longer-training":
            assert one.known == sizes(underfit, one.plan.number)["number"].min()


def test_longer_training_goes_on_from_weights(underfit: Study) -> None:
    """The continued trials begin with their parents' curves, train on, and repeat to the bit."""
    longer = next(one for one in underfit.decisions if one.name == "longer-training")
    assert longer.plan.warm
    trials = underfit.trials.set_index("number")
    continued = trials[trials["parent"].isin(longer.plan.warm) & (trials["purpose"] == "search")]
    assert len(continued) == len(longer.plan.warm)
    for number, row in continued.iterrows():
        curve, before = underfit.curve(number), underfit.curve(row.parent)
        pd.testing.assert_frame_equal(curve.iloc[: len(before)], before, check_exact=True)
        assert len(curve) > len(before)
    assert_replays(underfit, *continued.index[:2])


def test_every_kind_of_trial_repeats(overfit: Study) -> None:
    assert_replays(overfit)


def test_the_first_search_s_best_is_a_finalist(underfit: Study, overfit: Study) -> None:
    for study in (underfit, overfit):
        first = sizes(study, 1).sort_values(["dev_score", "dev_loss"], ascending=[False, True])
        finalists = study.trials.query("purpose == 'finalist'")
        assert first.number.iloc[0] in set(finalists["parent"])


def test_killed_and_resumed(underfit: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KilledError at moments all along the way, also between a decision and its search."""
    with monkeypatch.context() as patch:
        life = Life(patch)
        ikura.tune(rings(), **UNDERFIT, finalists=2, jobs=1, out=tmp_path / "whole")
    run, done = tmp_path / "run", 0
    with monkeypatch.context() as patch:
        Life(patch, life.done // 3)
        with pytest.raises(KilledError):
            ikura.tune(rings(), **UNDERFIT, finalists=2, jobs=1, out=run)
    for step in (1, 2, 3, life.done // 8, life.done // 6, life.done // 5):
        with monkeypatch.context() as patch:
            Life(patch, step)
            try:
                ikura.resume(run)
            except KilledError:
                done += 1
    study = ikura.resume(run)
    assert done >= 4
    assert_same(study, underfit)
    assert study.decisions == underfit.decisions


def test_the_same_again(underfit: Study, tmp_path: Path) -> None:
    assert ikura.resume(underfit.run).decisions == underfit.decisions
    with pytest.raises(ikura.UsageError, match="for the autopilot"):
        ikura.tune(rings(), bayes_error=0.1, out=tmp_path / "run")


class Asked:
    """Answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.seen = list(answers), []

    def __call__(self, decision: OfferRecord) -> str:
        self.seen.append(decision.name)
        return self.answers.pop(0)


def test_each_step_is_asked_for(tune: Tune) -> None:
    ask = Asked("skip", "accept", "stop")
    study = tune(rings(), ask=ask, **UNDERFIT)
    assert [one.action for one in study.decisions] == ["skip", "search", "stop"]
    assert [one.answer for one in study.decisions] == ["skip", "accept", "stop"]
    assert ask.seen[0] != ask.seen[1]
    assert study.decisions[1].plan.number == 2
    assert study.test is not None
    page = render(View(study, study.checks, study.findings))
    assert "You skipped" in page
    assert "You ended the search" in page


def test_who_asks_must_be_answered(tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(decision: OfferRecord) -> str:
        raise KeyboardInterrupt

    with pytest.raises(ikura.UsageError, match="accept, skip, stop, but returned 'yes'"):
        tune(rings(), ask=lambda decision: "yes", **UNDERFIT)
    with pytest.raises(KeyboardInterrupt):
        tune(rings(), ask=leave, out=tmp_path / "left", **UNDERFIT)
    with pytest.raises(ikura.UsageError, match="asks before each step"):
        ikura.resume(tmp_path / "left")
    study = ikura.resume(tmp_path / "left", ask=Asked("stop"))
    assert [one.answer for one in study.decisions] == ["stop"]


def test_a_time_limit_is_kept(tune: Tune) -> None:
    """Searches end at the shares they were given; the machine may be slow, but not without end."""
    started = time.perf_counter()
    study = tune(rings(2000), auto=True, epochs=200, schedule="none", time_limit=3.0, bayes_error=0.0, trials=None)
    assert time.perf_counter() - started < 40
    assert study.config["auto"]["unbounded"]
    shares = [one.until for one in plans(study.setting, study.store)]
    assert shares[0] == 0.4
    assert shares == sorted(shares)
    assert shares[-1] <= 0.75
    assert study.decisions[-1].action == "stop"
    assert study.test is not None


def test_nothing_to_diagnose(tune: Tune) -> None:
    space = {"learning_rate": ikura.log(1e20, 1e30), "optimizer": "sgd"}
    study = tune(auto=True, space=space, trials=16)
    assert study.best is None
    assert [one.reason for one in study.decisions] == [
        "no trial could be trained to its end, so there is nothing to diagnose"
    ]
    assert "nothing to diagnose" in render(View(study, study.checks, study.findings))


def test_ranges_that_the_user_holds_stay(tune: Tune) -> None:
    space = Space(widen=False, **SMALL)
    study = tune(rings(), **UNDERFIT | {"space": space})
    for one in plans(study.setting, study.store):
        assert one.space["units"]["high"] == 2


def test_the_story_is_in_the_report(underfit: Study) -> None:
    page = render(View(underfit, underfit.checks, underfit.findings))
    assert "What the autopilot did" in page
    for one in underfit.decisions:
        if one.action == "search":
            assert f"Search {one.plan.number}" in page
            assert one.name in page
    assert "because the budget is spent" in page
    assert "ikura tune" not in page or "--auto" in page


def test_the_page_without_an_autopilot_does_not_mention_it(iris: Study) -> None:
    assert iris.decisions == []
    assert "autopilot" not in render(View(iris, iris.checks, iris.findings))


def test_united_spaces_hold_the_trials_of_all(underfit: Study, overfit: Study) -> None:
    for study in (underfit, overfit):
        for row in study.records():
            known = {name: value for name, value in row.hyperparameters.items() if study.space[name].varies}
            for name, value in known.items():
                low, high = (study.searched[name].from_unit(u) for u in (0.0, 1.0))
                assert low <= value <= high, name


def test_what_a_space_does_not_contain_is_not_shown_to_its_search() -> None:
    from ikura.search import Observation

    old = [Observation(0, 3, {"units": 8, "optimizer": "adam"}, 0.5, 0.1), Observation(1, 3, {"units": 64}, 0.6, 0.1)]
    shown = begun_with(old, Space(units=ikura.integer(32, 128), l2=ikura.log(1e-6, 1.0), optimizer="adam"))
    assert [(one.number, one.stage) for one in shown] == [(1, -1)]
    # Without a penalty is the nearest to the weakest one.
    assert shown[0].configuration == {"units": 64, "l2": pytest.approx(1e-6), "optimizer": "adam"}
    assert not begun_with([old[0]], Space(units=ikura.integer(4, 8), optimizer="sgd"))


def test_united_in_any_order_holds_what_each_holds() -> None:
    forms = [ikura.log(1e-6, 1e-2), ikura.linear(0, 5e-4), ikura.log(1e-5, 0.1), ikura.fixed(0.0)]
    for order in permutations(forms):
        both = reduce(united, (Space(l2=one) for one in order))["l2"]
        assert all(both.contains(one.from_unit(u)) for one in forms for u in (0.0, 0.5, 1.0))


def test_united() -> None:
    one = Space(l2=0.0, units=ikura.integer(8, 64), activation=ikura.choice("relu", "tanh"))
    other = Space(l2=ikura.log(1e-5, 0.1), units=128, activation="gelu", dropout=ikura.linear(0, 0.5))
    both = united(one, other).as_dict()
    assert (both["units"]["low"], both["units"]["high"]) == (8, 128)
    assert both["activation"]["choices"] == ["relu", "tanh", "gelu"]
    assert both["l2"] == {"scale": "linear", "low": 0.0, "high": 0.1}
    assert both["dropout"] == {"scale": "linear", "low": 0.0, "high": 0.5}


def test_it_begins_with_what_an_earlier_study_knows(tmp_path: Path) -> None:
    """What was prescribed for the earlier study and tried there is weighed by the best trial so far."""
    options = {"space": SMALL, "trials": 4, "epochs": 3, "finalists": 0, "jobs": 1, "checks": False}
    earlier = ikura.tune(rings(), **options, out=tmp_path / "earlier")
    assert earlier.prescriptions
    study = ikura.tune(
        rings(), **options | {"trials": 16}, auto=True, bayes_error=0.0, prior=earlier, out=tmp_path / "later"
    )
    assert study.decisions
    assert study.best is not None
