"""Studies go to Optuna and come back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ikura
from ikura.errors import SpaceError, UsageError
from ikura.exchange.optuna import from_optuna
from ikura.exchange.optuna_distributions import distribution, parameter_of
from ikura.space import Space, choice, fixed, integer, linear, log, log_complement, when
from ikura.study.exports import to_optuna
from ikura.study.record.prior_trials import prior_observations
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

optuna.logging.set_verbosity(optuna.logging.WARNING)

SPACE = Space(
    when(optimizer="adam", beta1=linear(0.8, 0.99)),
    learning_rate=log(1e-4, 1),
    units=integer(8, 64, log=True),
    layers=integer(1, 4),
    optimizer=choice("adam", "momentum"),
    batch_size=choice(16, 32),
)


def rows(count: int, seed: int = 0) -> list[Trial]:
    random = np.random.default_rng(seed)
    states = [State.COMPLETE, State.STOPPED, State.PRUNED, State.DIVERGED, State.SKIPPED, State.COMPLETE]
    found = []
    for number in range(count):
        state = states[number % len(states)]
        score = None if state in ("diverged", "skipped") else float(random.random())
        tried = SPACE.from_unit({name: float(random.random()) for name in SPACE.dimensions})
        found.append(Trial(number, Purpose.SEARCH, 0, 0, tried, None, state, score, 0.5, None, 0.5, 2, 1, 0.25))
    return found


def curves(trials: list[Trial]) -> pd.DataFrame:
    points = [
        {"number": row.number, "epoch": epoch, "dev_score": math.nan if row.state == "diverged" else epoch / 10}
        for row in trials
        for epoch in (1, 2)
        if row.state != "skipped"
    ]
    return pd.DataFrame(points)


@pytest.mark.parametrize("better", [True, False])
@pytest.mark.parametrize("stored", [True, False])
def test_there_and_back(better: bool, stored: bool, tmp_path: Path) -> None:
    trials = rows(30)
    storage = f"sqlite:///{tmp_path / 'optuna.db'}" if stored else None
    study = to_optuna(trials, curves(trials), SPACE, better, "houses", storage)
    assert study.direction.name == ("MAXIMIZE" if better else "MINIMIZE")
    if stored:
        study = optuna.load_study(study_name="houses", storage=storage)
    names = {"complete": "COMPLETE", "stopped": "COMPLETE", "pruned": "PRUNED", "diverged": "FAIL", "skipped": "FAIL"}
    for row, trial in zip(trials, study.trials, strict=True):
        assert trial.number == row.number
        assert trial.state.name == names[row.state]
        assert trial.params == row.hyperparameters
        assert trial.user_attrs["state"] == row.state
        assert trial.value == row.dev_score
        steps = {} if row.state in ("diverged", "skipped") else {1: 0.1, 2: 0.2}
        assert trial.intermediate_values == steps
        assert trial.duration is not None
        assert trial.duration.total_seconds() == 0.25
    prior = from_optuna(storage) if stored else from_optuna(study)
    assert dict(prior.space) == dict(SPACE)
    assert prior.space.condition("beta1") == {"optimizer": ("adam",)}
    assert prior.greater_is_better == better
    found, left_out = prior.observations(SPACE, better)
    assert left_out == 0
    sign = 1 if better else -1
    for row, one in zip(trials, found, strict=True):
        assert one["configuration"] == row.hyperparameters
        assert one["score"] == (None if row.dev_score is None else sign * row.dev_score)
        assert {k: type(v) for k, v in one["configuration"].items()} == {
            k: type(v) for k, v in row.hyperparameters.items()
        }


@given(
    st.one_of(
        st.tuples(st.integers(-50, 50), st.integers(1, 50)).map(lambda p: linear(p[0], p[0] + p[1])),
        st.tuples(st.integers(1, 50), st.integers(1, 50)).map(lambda p: log(p[0] / 7, p[0] / 7 + p[1])),
        st.tuples(st.integers(1, 50), st.integers(1, 50), st.booleans()).map(
            lambda p: integer(p[0], p[0] + p[1], log=p[2])
        ),
        st.lists(st.integers(0, 9) | st.text(max_size=3), min_size=1, max_size=5, unique=True).map(
            lambda options: choice(*options) if len(options) > 1 else fixed(options[0])
        ),
    )
)
def test_ranges_come_back_as_they_were(parameter: Any) -> None:
    assert parameter_of(distribution(parameter)) == parameter


def test_the_complement_becomes_a_linear_range_of_the_same_values() -> None:
    assert parameter_of(distribution(log_complement(0.9, 0.999))) == linear(0.9, 0.999)


def test_steps_become_a_choice() -> None:
    made = optuna.distributions.FloatDistribution(0.1, 0.5, step=0.1)
    assert parameter_of(made) == choice(0.1, 0.2, 0.3, 0.4, 0.5)
    with pytest.raises(SpaceError, match="10,001 steps"):
        parameter_of(optuna.distributions.IntDistribution(0, 100_000, step=10))


def test_ranges_that_change_are_taken_together() -> None:
    study = optuna.create_study()
    for low, high in ((1e-3, 1e-1), (1e-4, 1e-2)):
        study.optimize(lambda trial, low=low, high=high: trial.suggest_float("learning_rate", low, high, log=True), 1)
    assert from_optuna(study).space["learning_rate"] == log(1e-4, 1e-1)


def test_a_missing_study_is_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    with pytest.raises(UsageError, match="there is no file"):
        from_optuna(url)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"an SQLite file is written sqlite:///optuna\.db"):
        from_optuna("optuna.db")
    for name in ("houses", "boats"):
        optuna.create_study(study_name=name, storage=url)
    with pytest.raises(UsageError, match="name one of the storage's studies: it has"):
        from_optuna(url)
    with pytest.raises(UsageError, match="no study 'house', did you mean 'houses'"):
        from_optuna(url, "house")
    with pytest.raises(UsageError, match="has a study 'houses' already"):
        to_optuna([], curves(rows(1)), SPACE, True, "houses", url)


def test_a_prior_warms_the_search(tmp_path: Path) -> None:
    """Every good trial of the prior has a learning rate of about 0.1: the first stage samples near it."""
    space = Space(learning_rate=log(1e-6, 1))
    study = optuna.create_study(direction="maximize")
    for i in range(40):
        rate = float(space["learning_rate"].from_unit((i + 0.5) / 40))
        study.add_trial(
            optuna.trial.create_trial(
                value=-abs(math.log10(rate) + 1),
                params={"learning_rate": rate},
                distributions={"learning_rate": distribution(space["learning_rate"])},
            )
        )
    prior = ikura.from_optuna(study)
    options: dict[str, Any] = {"space": prior.space, "trials": 20, "epochs": 1, "finalists": 0, "jobs": 1}
    cold = ikura.tune("iris", **options, out=tmp_path / "cold")
    warm = ikura.tune("iris", **options, prior=prior, out=tmp_path / "warm")
    near = [(one.trials.query("stage == 0")["learning_rate"].between(0.01, 1)).mean() for one in (cold, warm)]
    # A third of uniform draws lie there, and of the warm ones all but a part of the exploring tenth.
    assert near[0] < 0.7 < near[1]
    store = Store(tmp_path / "warm" / "study.db")
    assert [(one.stage, one.score) for one in prior_observations(store)] == [(-1, one.value) for one in study.trials]
    store.close()
    again = ikura.tune("iris", **options, prior=warm, out=tmp_path / "again")
    assert len(again.trials) == 20


def test_a_range_that_shrank_to_one_value_in_some_trials() -> None:
    study = optuna.create_study()
    for most in (1, 5, 3):
        study.optimize(lambda trial, most=most: trial.suggest_int("k", 1, most) + trial.suggest_float("x", 0, most), 1)
    for most in (1, 2):
        study.optimize(lambda trial, most=most: trial.suggest_float("rate", 1e-3, 1e-3 * most, log=True), 1)
    space = from_optuna(study).space
    assert (space["k"], space["x"], space["rate"]) == (integer(1, 5), linear(0.0, 5.0), log(1e-3, 2e-3))


def test_trials_with_another_value_than_the_fixed_one_are_left_out() -> None:
    trials = pd.DataFrame(
        {
            "number": range(4),
            "state": "complete",
            "optimizer": ["sgd", "adam", "adam", "adam"],
            "layers": [2.0, 2.0, 3.0, 2.0],
            "learning_rate": [0.1, 0.2, 0.3, 0.4],
            "score": [1.0, 0.9, 0.8, 0.7],
        }
    )
    whole = Space(optimizer=choice("adam", "sgd"), layers=integer(1, 4), learning_rate=log(1e-3, 1))
    narrow = Space(optimizer="adam", layers=2, learning_rate=log(1e-3, 1), dropout=0.25)
    found, left_out = ikura.Prior(whole, trials, True).observations(narrow, True)
    assert left_out == 2
    assert [one["score"] for one in found] == [0.9, 0.7]
    assert found[0]["configuration"] == {"optimizer": "adam", "layers": 2, "learning_rate": 0.2, "dropout": 0.25}
    assert isinstance(found[0]["configuration"]["layers"], int)


def test_a_prior_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    study = optuna.create_study(direction="minimize")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    prior = from_optuna(study)
    for wrong, words in (
        (prior, "smaller, those of the study's metric when greater"),
        (ikura.Prior(prior.space, prior.trials, True), "none of the prior's 3 trials lies in the search space"),
        ("trials.csv", "prior is a Study or what ikura.from_optuna returns"),
    ):
        with pytest.raises(UsageError, match=words):
            ikura.tune("iris", trials=4, epochs=1, prior=wrong, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()
