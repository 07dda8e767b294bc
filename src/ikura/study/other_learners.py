"""Learners of scikit-learn on a study's examples: what they are given, and what they predict as metrics take it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.examples import Examples
from ikura.population.setup import TrainingSetup

__all__ = ["as_columns", "predicted_by"]


def as_columns(examples: Examples) -> np.ndarray:
    """Features, and behind them the codes of categories, as columns of numbers, shape (rows, columns)."""
    x = np.asarray(examples.table(), np.float32)
    columns: np.ndarray = np.nan_to_num(
        np.concatenate([x, examples.codes.astype(np.float32)], axis=1), posinf=0.0, neginf=0.0
    )
    return columns


def predicted_by(learner: Any, asked: np.ndarray, setup: TrainingSetup) -> np.ndarray:
    """What a fitted learner predicts of columns: values in their own units, or probabilities.

    Args:
        learner: fitted on the targets of the setup: standardised values, or numbers of classes.
        asked: columns, shape (n, columns).
        setup: of the study.
    """
    if setup.task == "regression":
        values: np.ndarray = learner.predict(asked).astype(np.float64)
        return values * float(setup.scorer.std) + float(setup.scorer.mean)
    shares = np.zeros((len(asked), max(setup.outputs, 2)))
    shares[:, learner.classes_] = learner.predict_proba(asked)
    return shares[:, 1] if setup.task == "binary" else shares
