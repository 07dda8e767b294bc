"""A time limit cuts the search; what was found by then is still chosen, tested and saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.study.record.facts import ERRORS, SECONDS

from .comparing import assert_replays, assert_same
from .dying import KilledError, Life

Tune = Callable[..., Study]
OPTIONS: dict[str, Any] = {"trials": 12, "epochs": 9, "finalists": 1, "time_limit": 1e6}


class Clock:
    """A clock that leaps past every deadline after a number of looks at it; only training and the search look at it."""

    def __init__(self, patch: pytest.MonkeyPatch, looks: int) -> None:
        self.left = looks
        stand_in = SimpleNamespace(time=self.time, monotonic=time.monotonic, perf_counter=time.perf_counter)
        patch.setattr("ikura.study.steered.time", stand_in)
        patch.setattr("ikura.study.executor.time", stand_in)

    def time(self) -> float:
        self.left -= 1
        return time.time() + (1e9 if self.left < 0 else 0)


def own(hp: Any) -> nn.Module:
    return nn.Linear(hp.inputs, hp.outputs)


# Enough looks to pass the check before a stage and a tile's beginning, so that something is trained.
LOOKS = (3, 12, 25)


@pytest.fixture(autouse=True)
def _tiles_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.api.run.measure_tile_size", lambda *_: 4)


@pytest.mark.parametrize(
    ("network", "schedule", "finalists"),
    [
        (None, "successive-halving", 1),
        (None, "pbt", 0),
        (own, "none", 1),
        *(
            pytest.param(*case, marks=pytest.mark.sweep)
            for case in [
                (None, "none", 0),
                (None, "early-stopping", 1),
                (None, "successive-halving", 0),
                (None, "asha", 1),
                (own, "successive-halving", 1),
            ]
        ),
    ],
)
def test_a_search_that_is_cut_still_has_a_result(
    network: Any, schedule: str, finalists: int, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = 0
    for looks in LOOKS:
        with monkeypatch.context() as patch:
            Clock(patch, looks)
            study = tune(network=network, schedule=schedule, **OPTIONS | {"finalists": finalists})
        found = set(study.trials["state"])
        assert found <= {"complete", "pruned", "diverged", "stopped", "skipped"}, looks
        assert study.best is not None, looks
        assert study.test is not None
        assert study.model.predict(iris_frame()).shape == (150,)
        cut += not found.isdisjoint({"stopped", "skipped"}) or len(study.trials.query("purpose == 'search'")) < 12
        assert_same(ikura.resume(study.run, network), study)
    assert cut > len(LOOKS) // 2


@pytest.mark.parametrize("schedule", ["successive-halving", "pbt"])
def test_the_autopilot_diagnoses_a_search_that_is_cut(
    schedule: str, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    unkept = 0
    for looks in LOOKS:
        with monkeypatch.context() as patch:
            Clock(patch, looks)
            study = tune(auto=True, schedule=schedule, **OPTIONS)
        assert study.decisions[-1].action == "stop", looks
        assert study.test is not None, looks
        unkept += study.trials.query("purpose == 'search'")["state"].isin(["stopped", "skipped"]).all()
        assert_same(ikura.resume(study.run), study)
    assert unkept  # in some of them nobody had come to an end


def iris_frame() -> Any:
    from ikura.data import load_bundled

    return load_bundled("iris")[0]


def test_trials_that_were_stopped_replay_what_they_trained(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        Clock(patch, 4)
        study = tune(schedule="none", **OPTIONS)
    stopped = study.trials.query("state == 'stopped'")
    assert len(stopped)
    assert stopped["epochs"].between(1, 8).all()
    assert_replays(study, *stopped["number"])


def test_skipped_trials_have_no_curve(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        Clock(patch, 6)
        study = tune(schedule="none", search="random", **OPTIONS)
    skipped = study.trials.query("state == 'skipped'")
    assert len(skipped)
    assert skipped["dev_score"].isna().all()
    assert not len(study.curves(skipped["number"].tolist()))


def test_killed_after_the_cut_and_resumed(tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cut is recorded: the process that resumes does not search on."""
    with monkeypatch.context() as patch:
        Clock(patch, 6)
        whole = tune(schedule="none", **OPTIONS)
        life = Life(patch)
        Clock(patch, 6)
        tune(schedule="none", **OPTIONS)
    for steps in range(life.done - 8, life.done, 2):
        with monkeypatch.context() as patch:
            Clock(patch, 6)
            Life(patch, steps)
            with pytest.raises(KilledError):
                tune(schedule="none", out=tmp_path / str(steps), **OPTIONS)
        assert_same(ikura.resume(tmp_path / str(steps)), whole)


def test_time_used_before_a_kill_counts(tune: Tune, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        Life(patch, 12)
        with pytest.raises(KilledError):
            tune(out=tmp_path / "run", schedule="none", **OPTIONS)
    from ikura.study.record.store import Store

    store = Store(tmp_path / "run" / "study.db")
    store.set_fact(SECONDS, {"coarse": 2e6})
    store.close()
    study = ikura.resume(tmp_path / "run")
    assert study.best is not None
    assert len(study.trials.query("purpose == 'search'")) < 12


def test_a_limit_that_is_never_reached_changes_nothing(tune: Tune) -> None:
    limited = {**OPTIONS, "time_limit": 1e6}
    assert_same(tune(**limited), tune(**limited | {"time_limit": None}))


def test_even_a_limit_too_short_for_anything_gives_a_result(tune: Tune) -> None:
    study = tune(trials=8, epochs=4, finalists=1, time_limit=1e-6)
    assert study.best is not None
    assert study.test is not None


def test_a_real_limit_is_kept(tune: Tune) -> None:
    started = time.perf_counter()
    study = tune("digits", trials=400, epochs=400, schedule="none", time_limit=2.0, finalists=0)
    # Uncut it would take minutes. Three quarters of the limit go to the search, then at most the epoch in work, the
    # winner once more, and opening and closing; a busy machine may make all this several times slower.
    assert time.perf_counter() - started < 30
    assert study.best is not None
    assert "stopped" in set(study.trials["state"])


def test_what_training_reaches_is_left_out_where_it_would_not_fit_into_the_limit(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An overfitted study of few rows: after the epoch that is kept the training loss falls on."""
    options = {**OPTIONS, "trials": 4, "epochs": 60, "space": {"learning_rate": 0.3, "units": 32, "batch_size": 8}}
    reached = tune(**options).store.fact(ERRORS)
    assert reached is not None
    assert reached.errors.cut is False
    monkeypatch.setattr("ikura.api.final_test.SPARE", 1e12)
    left = tune(**options).store.fact(ERRORS)
    assert left is not None
    assert left.errors.cut is True
    assert left.errors.train == reached.errors.train


def test_the_model_is_there_before_the_choice_is_trained_once_more(
    tune: Tune, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KilledError

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("ikura.diagnose.measured_errors.recorded_errors", killed)
        with pytest.raises(KilledError):
            tune(trials=4, epochs=3, finalists=1, out=out)
    assert ikura.open_study(out).test is not None
    assert (out / "model" / "model.json").is_file()
    resumed = ikura.resume(out)
    assert resumed.store.fact(ERRORS) is not None
