"""Importance: equal to Optuna's own, and true where one hyperparameter decides everything."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

from ikura.diagnose import importance, ranked
from ikura.errors import UsageError
from ikura.exchange.optuna_distributions import distribution
from ikura.space import Space, choice, fixed, integer, linear, log, log_complement, when

from ..sweep import one_in

SPACE = Space(
    when(optimizer="adam", beta2=log_complement(0.9, 0.9999)),
    learning_rate=log(1e-4, 1),
    units=integer(8, 128),
    layers=integer(1, 4),
    dropout=linear(0, 0.6),
    optimizer=choice("adam", "momentum"),
    epsilon=fixed(1e-8),
)
FANOVA = [("fanova", "all", False), ("fanova", "all", True), ("fanova", "good", True), ("fanova", "good", False)]
CASES = [*product(["ped-anova"], ["all", "good"], [True, False]), *one_in(2, FANOVA)]
Score = Callable[[dict[str, Any], np.random.Generator], float]


def rate(configuration: dict[str, Any], random: np.random.Generator) -> float:
    """Only the learning rate decides, down to a little noise."""
    return -abs(np.log10(configuration["learning_rate"]) + 2.3) + 0.01 * random.normal()


def table(count: int, score: Score, space: Space = SPACE, seed: int = 0) -> pd.DataFrame:
    """Trials of a random search."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        found = space.from_unit({name: float(random.random()) for name in space.dimensions})
        about = {"number": number, "state": "complete", "purpose": "search", "stage": 0}
        rows.append({**about, **{name: found.get(name) for name in space}, "dev_score": score(found, random)})
    return pd.DataFrame(rows).assign(dev_loss=0.5, epochs=5)


def shares(found: pd.DataFrame) -> dict[str, float]:
    return dict(zip(found["hyperparameter"], found["importance"], strict=True))


def optunas(trials: pd.DataFrame, space: Space, evaluator: Any, only: list[str] | None = None) -> dict[str, float]:
    """The same trials in a study of Optuna that maximises."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for row in trials.to_dict("records"):
        has = {name: row[name] for name in space.dimensions if not pd.isna(row[name])}
        kinds = {name: distribution(space[name]) for name in has}
        study.add_trial(optuna.trial.create_trial(value=row["dev_score"], params=has, distributions=kinds))
    return optuna.importance.get_param_importances(study, evaluator=evaluator, params=only)


@pytest.mark.parametrize(("among", "quantiles"), [("all", (0.1, 1.0)), ("good", (0.05, 0.25))])
def test_ped_anova_is_optunas(among: str, quantiles: tuple[float, float]) -> None:
    space = SPACE.replace(beta2=linear(0.9, 0.9999))
    trials = table(200, lambda c, r: rate(c, r) - c["dropout"] ** 2 + 0.3 * (c["optimizer"] == "adam"), space)
    target, region = quantiles
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=target, region_quantile=region)
    expected = optunas(trials, space, evaluator)
    # The same arithmetic in another order of the trials at most: a few roundings of double precision.
    assert shares(importance(trials, space, True, among=among)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_fanova_is_optunas_where_scales_are_linear() -> None:
    space = Space(dropout=linear(0, 1), l2=linear(0, 1), optimizer=choice("adam", "sgd"))
    trials = table(60, lambda c, r: c["dropout"] + 0.5 * (c["optimizer"] == "adam") + 0.1 * r.normal(), space)
    expected = optunas(trials, space, optuna.importance.FanovaImportanceEvaluator(seed=0))
    assert shares(importance(trials, space, True, "fanova")) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("method", "among", "better"), CASES)
def test_the_one_that_decides_comes_first(method: str, among: str, better: bool) -> None:
    trials = table(160, rate if better else lambda c, r: -rate(c, r))
    found = importance(trials, SPACE, better, method, among)
    assert found["hyperparameter"][0] == "learning_rate"
    assert found["importance"][0] > (0.8 if among == "all" else 0.5)
    assert found["importance"].sum() == pytest.approx(1)
    assert set(found["hyperparameter"]) == set(SPACE.dimensions)


def test_a_conditional_one_is_found_among_the_trials_that_have_it() -> None:
    def score(configuration: dict[str, Any], random: np.random.Generator) -> float:
        return (
            -abs(np.log10(1 - configuration["beta2"]) + 2) if "beta2" in configuration else -1.5 + 0.1 * random.normal()
        )

    found = shares(importance(table(400, score), SPACE, True))
    assert max(found, key=lambda name: found[name]) == "beta2"
    assert importance(table(400, score), SPACE, True).set_index("hyperparameter")["trials"]["beta2"] < 250


def test_chance_covers_what_has_no_influence() -> None:
    """Over 20 studies of 5 idle hyperparameters, about 5 of 100 exceed their chance level; 25 would be 9 sigma off."""
    exceeding = 0
    for seed in range(20):
        found = importance(table(100, rate, seed=seed), SPACE, True).set_index("hyperparameter")
        idle = found.drop(index="learning_rate")
        exceeding += int((idle["importance"] > idle["chance"]).sum())
    assert exceeding < 25


def test_stages_are_compared_within_themselves() -> None:
    """A second stage trains longer, scores better throughout and keeps to small dropout; dropout matters to neither."""
    first = table(200, rate)
    second = table(200, lambda c, r: rate(c, r) + 5, SPACE.replace(dropout=linear(0, 0.1)), seed=1)
    trials = pd.concat([first, second.assign(stage=1, number=second["number"] + 200)], ignore_index=True)
    found = shares(importance(trials, SPACE, True))
    assert found["learning_rate"] > 0.8
    assert found["dropout"] < 0.1
    mixed = shares(importance(trials.assign(stage=0), SPACE, True))
    assert mixed["dropout"] > 3 * found["dropout"]


def test_trials_without_a_score_are_left_out_and_counted() -> None:
    trials = table(100, rate)
    trials.loc[::10, ["state", "dev_score"]] = ["diverged", np.nan]
    trials.loc[[3], "dev_score"] = np.inf
    found = importance(trials, SPACE, True)
    assert found.attrs["note"] == "From 89 trials with a score; 11 without a score are left out."
    kept = trials[np.isfinite(trials["dev_score"])]
    assert shares(found) == shares(importance(kept, SPACE, True))


@pytest.mark.parametrize(("count", "among", "least"), [(19, "all", 20), (79, "good", 80)])
def test_too_few_trials_are_told(count: int, among: str, least: int) -> None:
    found = importance(table(count, rate), SPACE, True, among=among)
    assert found.empty
    assert list(found) == ["hyperparameter", "importance", "chance", "trials"]
    assert "too few trials" in found.attrs["note"]
    assert f"at least {least} trials with a score are needed, and there are {count}." in found.attrs["note"]
    assert len(importance(table(least, rate), SPACE, True, among=among)) == 6


def test_equal_scores_say_nothing() -> None:
    assert importance(table(50, lambda c, r: 1.0), SPACE, True).attrs["note"] == "All 50 trials scored the same."


def test_unknown_names_are_refused_with_the_nearest() -> None:
    trials = table(20, rate)
    with pytest.raises(
        UsageError, match="method must be one of ped-anova, fanova, but is 'fanov', did you mean 'fanova'"
    ):
        importance(trials, SPACE, True, "fanov")
    with pytest.raises(UsageError, match="among must be one of all, good, but is 'god', did you mean 'good'"):
        importance(trials, SPACE, True, among="god")


def test_pruned_trials_rank_behind_by_their_epochs() -> None:
    trials = table(5, rate).assign(
        state=["complete", "pruned", "pruned", "complete", "diverged"],
        dev_score=[0.5, 0.9, 0.95, 0.6, np.nan],
        epochs=[9, 3, 1, 9, 1],
    )
    assert ranked(trials, True).sort_values("rank")["number"].tolist() == [3, 0, 1, 2]
    assert ranked(trials, False).sort_values("rank")["number"].tolist() == [0, 3, 1, 2]
