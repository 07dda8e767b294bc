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


def predicted_by(learner: Any, asked: np.ndarray, setup: TrainingSetup, target: int | None = None) -> np.ndarray:
    """What a fitted learner predicts of columns: values in their own units, or probabilities; of a label that it holds.

    Args:
        learner: fitted on the targets of the setup: standardised values, or numbers of classes.
        asked: columns, shape (n, columns).
        setup: of the study.
        target: place of the target that it was fitted on, where there are several.
    """
    if setup.task == "regression":
        values: np.ndarray = learner.predict(asked).astype(np.float64)
        place = () if target is None else target
        return values * float(np.asarray(setup.scorer.std)[place]) + float(np.asarray(setup.scorer.mean)[place])
    shares = np.zeros((len(asked), setup.outputs if setup.task == "multiclass" else 2))
    shares[:, learner.classes_] = learner.predict_proba(asked)
    return shares if setup.task == "multiclass" else shares[:, 1]
