"""Borders that hold a search back are named; others are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ikura.diagnose import borders, trial_variance
from ikura.diagnose.space_borders import chance
from ikura.space import Space, choice, integer, linear, log, log_complement
from ikura.study.chosen_space import check_space

from .test_importance import table


@pytest.mark.parametrize(
    ("parameter", "side", "border", "beyond"),
    [
        (log(1e-4, 1e-1), "upper", 0.1, 1.0),
        (log(1e-4, 1e-1), "lower", 1e-4, 1e-5),
        (linear(0.1, 0.4), "upper", 0.4, 0.5),
        (linear(0, 0.6), "upper", 0.6, 0.8),
        (integer(10, 40), "upper", 40, 50),
        (integer(8, 64, log=True), "lower", 8, 4),
        (log_complement(0.9, 0.9999), "upper", 0.9999, 0.99999),
    ],
)
def test_a_border_that_holds_back_is_named(parameter: object, side: str, border: float, beyond: float) -> None:
    space = Space(x=parameter, dropout=linear(0.2, 0.5), optimizer=choice("adam", "sgd"))
    sign = 1 if side == "upper" else -1
    [found] = borders(table(100, lambda c, r: sign * space["x"].to_unit(c["x"]), space), space, True)
    assert (found.hyperparameter, found.side, found.value) == ("x", side, border)
    assert found.beyond == pytest.approx(beyond, rel=0.1)
    assert (found.beyond > border) == (side == "upper")
    assert f"The best lies at the {side} edge of x ({border:g})" in found.sentence
    assert f"to {found.beyond:g}." in found.sentence


@pytest.mark.parametrize(
    ("name", "high", "beyond"),
    [("dropout", 0.9, 0.95), ("momentum", 0.99, 0.995), ("final_share", 0.8, 1.0), ("flip", 0.9, 1.0)],
)
def test_what_is_proposed_can_be_searched(name: str, high: float, beyond: float) -> None:
    space = Space(**{name: linear(0, high), "learning_rate": log(1e-4, 1)})
    [found] = borders(table(100, lambda c, r: c[name], space), space, True)
    assert (found.hyperparameter, found.side, found.beyond) == (name, "upper", beyond)
    whole = Space(**{name: linear(0, beyond), "learning_rate": log(1e-4, 1)})
    check_space(whole, "cnn" if name == "flip" else "mlp", images=name == "flip")


def test_where_a_range_ends_where_the_hyperparameter_does_there_is_nothing_beyond() -> None:
    space = Space(flip=linear(0, 1), learning_rate=log(1e-4, 1))
    assert borders(table(100, lambda c, r: c["flip"], space), space, True) == []


@pytest.mark.parametrize("count", [20, 400, 100_000])
def test_the_chance_of_a_crowd_at_a_border_is_hypergeometric(count: int) -> None:
    from scipy.stats import hypergeom

    good, outer = count // 10, count // 7
    for inside in (0, 1, good // 3, good // 2, min(good, outer)):
        # Sums of at most 10,000 terms, each off by the rounding of logarithms of a few hundred thousand.
        expected = hypergeom.sf(inside - 1, count, outer, good)
        assert chance(inside, count, outer, good) == pytest.approx(expected, rel=1e-7, abs=1e-300)


def test_the_natural_end_of_a_range_is_no_border() -> None:
    space = Space(dropout=linear(0, 0.6), layers=integer(1, 30))
    assert borders(table(100, lambda c, r: -c["dropout"] - 0.01 * c["layers"], space), space, True) == []


def test_an_idle_hyperparameter_has_no_border_that_holds_back() -> None:
    """Two hyperparameters, four borders, a level of 0.01 for all: 50 studies name half a one on average, 5 in 1e4."""
    space = Space(a=linear(1, 2), b=log(1, 10))
    found = [borders(table(60, lambda c, r: r.normal(), space, seed), space, True) for seed in range(50)]
    assert sum(map(len, found)) < 5


def test_a_smaller_score_may_be_the_better_one() -> None:
    space = Space(x=log(1e-3, 1), y=linear(1, 2))
    [found] = borders(table(100, lambda c, r: -np.log(c["x"]), space), space, False)
    assert found.side == "upper"


def test_few_trials_name_no_border() -> None:
    space = Space(x=log(1e-3, 1))
    assert borders(table(8, lambda c, r: c["x"], space), space, True) == []


def test_trial_variance_is_pooled_over_configurations() -> None:
    trials = pd.DataFrame(
        {
            "state": ["complete"] * 7 + ["diverged"],
            "purpose": ["search"] + ["finalist"] * 7,
            "parent": [None, 0, 0, 0, 1, 1, 2, 2],
            "dev_score": [0.9, 0.1, 0.2, 0.3, 0.5, 0.7, 0.4, np.nan],
        }
    )
    found = trial_variance(trials)
    assert found is not None
    assert (found.configurations, found.runs) == (2, 5)
    assert found.deviation == pytest.approx(np.sqrt((0.02 + 0.02) / 3))
    assert found.between == pytest.approx(np.std([0.2, 0.6], ddof=1))
    assert trial_variance(trials[trials["purpose"] == "search"]) is None
