"""Estimators of scikit-learn that search their own hyperparameters."""

from __future__ import annotations

from ikura.sklearn.classifier import IkuraClassifier
from ikura.sklearn.regressor import IkuraRegressor

__all__ = ["IkuraClassifier", "IkuraRegressor"]
