"""What learners that nobody tuned reach on the rows that the study's network is tested on."""

from __future__ import annotations

import zlib
from threading import Lock
from typing import Any

import numpy as np

from ikura.metric import Metric, interval
from ikura.metric.paired_gain import paired_gain
from ikura.population.examples import Examples
from ikura.population.setup import TrainingSetup
from ikura.process_state import ignored_warnings
from ikura.study.other_learners import as_columns, predicted_by
from ikura.study.record.baseline import Baseline

__all__ = ["fits_baselines", "measure_baselines"]

MOST_ROWS, MOST_CELLS = 50_000, 2_000_000
MOST_LEVELS = 255
MOST_TARGETS = 12
"""Targets for each of which learners are fitted."""
_FITTING = Lock()
"""Held while one is fitted: scikit-learn puts filters of warnings back as one thread found them."""
BOOSTING, LINEAR = "gradient boosting", "a linear model"


def fits_baselines(setup: TrainingSetup) -> bool:
    """Whether other learners can be given the examples: rows of numbers, with one target each or a few."""
    shape = setup.train.y.shape[1:]
    few = not shape or (len(shape) == 1 and shape[0] <= MOST_TARGETS and setup.task != "multiclass")
    return few and setup.task != "own" and not setup.train.several and setup.train.is_table


def measure_baselines(
    setup: TrainingSetup, metric: Metric, test: Examples, target: np.ndarray, ours: np.ndarray, seed: int
) -> list[Baseline]:
    """Fit gradient boosting and a linear model on the training and dev rows, and measure them on the test rows.

    They are scikit-learn's HistGradientBoosting and LogisticRegression or RidgeCV as they come. Of many rows at most
    50,000, and fewer of wide tables, are drawn. Of several targets each has learners of its own.

    Args:
        setup: of the study.
        metric: what is measured.
        test: examples that the study's network was measured on just now.
        target: their truth as the metric takes it.
        ours: what the study's network predicts.
        seed: keys the draws.

    Returns:
        Their scores, and how much better the study's network is, with its interval over test rows in pairs.
    """
    given = [setup.train, setup.dev]
    x = np.concatenate([as_columns(one) for one in given])
    y = np.concatenate([one.y for one in given])
    weights = None if setup.train.weights is None else np.concatenate([np.asarray(one.weights) for one in given])
    most = min(MOST_ROWS, max(MOST_CELLS // max(x.shape[1], 1), 1000))
    if len(x) > most:
        random = np.random.default_rng([seed % 2**63, zlib.crc32(b"baselines")])
        rows = np.sort(random.choice(len(x), most, replace=False))
        x, y, weights = x[rows], y[rows], None if weights is None else weights[rows]
    if setup.task != "regression":
        y = y.astype(np.int64)
    asked, found = as_columns(test), []
    for name in (BOOSTING, LINEAR):
        columns = []
        for place, own in enumerate(y.T) if y.ndim > 1 else [(None, y)]:
            if place is not None and setup.task == "multilabel" and np.ptp(own) == 0:
                columns.append(np.full(len(asked), float(own[0])))
                continue
            learner = _learners(setup, own)[name]
            # That it did not converge is no news to a reader of the score.
            with _FITTING, ignored_warnings:
                learner.fit(x, own, **_weighted(learner, weights))
            columns.append(predicted_by(learner, asked, setup, place))
        theirs = np.stack(columns, 1) if y.ndim > 1 else columns[0]
        value, ends = float(metric(theirs, target)), interval(metric, [theirs], target, seed=seed)
        found.append(Baseline(name, value, ends, *paired_gain(metric, ours, [theirs], target, seed), len(x)))
    return found


def _learners(setup: TrainingSetup, y: np.ndarray) -> dict[str, Any]:
    """The learners by name, for targets y."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    regression = setup.task == "regression"
    inputs, codes = setup.train.table().shape[1], setup.train.codes
    places = list(range(inputs, inputs + codes.shape[1]))
    few = [place for place, levels in zip(places, codes.max(0, initial=0), strict=True) if levels < MOST_LEVELS]
    boosting = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    linear = RidgeCV(np.logspace(-3, 3, 7)) if regression else LogisticRegression(max_iter=300)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", max_categories=50), places), remainder="passthrough"
    )
    # To stop early it takes rows of each class away, which a class of one row does not have.
    lonely = not regression and np.unique(y, return_counts=True)[1].min() < 2
    stop = {"early_stopping": False} if lonely else {}
    return {
        BOOSTING: boosting(random_state=0, categorical_features=few or None, **stop),
        LINEAR: make_pipeline(columns, linear),
    }


def _weighted(learner: Any, weights: np.ndarray | None) -> dict[str, np.ndarray]:
    """The weights of the rows as a learner takes them."""
    if weights is None:
        return {}
    steps = getattr(learner, "steps", None)
    return {"sample_weight" if steps is None else f"{steps[-1][0]}__sample_weight": weights}
