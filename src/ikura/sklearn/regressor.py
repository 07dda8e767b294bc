"""A regressor that searches its own hyperparameters."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from ikura.sklearn._base import Tuned

__all__ = ["IkuraRegressor"]


class IkuraRegressor(RegressorMixin, Tuned):
    """Predict values with a network whose hyperparameters are searched when it is fitted.

    Args:
        network, space, trials, epochs, time_limit, search, schedule, finalists, ensemble: as for `ikura.tune`.
        loss, max_parameters, kinds, device, dtype: as for `ikura.tune`.
        metric: as for `ikura.tune`; by default rmse, by which networks rank as by R²; few rows of one value
            have it too.
        random_state: the seed of everything: the same data and seed give the same network, to the bit. An integer, a
            `numpy.random.RandomState`, or None for another one each time.
        n_jobs: tiles that train at once, as everywhere in scikit-learn; by default all cores, and one in a worker
            process, as of `GridSearchCV(n_jobs=2)`.
        out: folder to keep the run in, which must not hold one; by default nothing is kept.

    Attributes:
        model_: the chosen network, or the ensemble, with its preprocessing, an `ikura.Model`.
        hyperparameters_: what was chosen.
        dev_score_: its score on the rows held out for the choice; it flatters, because it was picked.
        trials_: the table of trials.
        run_: the run folder, where `out` was given: `ikura.open_study(estimator.run_)` reads it.
        n_features_in_, feature_names_in_: of the features.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> x, y = load_diabetes(return_X_y=True)
        >>> regressor = IkuraRegressor(trials=4, epochs=10, finalists=0).fit(x, y)
        >>> regressor.predict(x[:2]).shape, sorted(regressor.hyperparameters_)[:2]
        ((2,), ['activation', 'batch_size'])
    """

    task: ClassVar[str] = "regression"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> IkuraRegressor:  # noqa: N803
        """Search hyperparameters on these rows.

        Args:
            X: features, shape (n, d): numbers, of which NaN are missing; or a frame, also of words and dates.
            y: values, shape (n,), or (n, targets) of several targets, which one network predicts.
            sample_weight: weights of the rows in the loss, shape (n,).

        Raises:
            ValueError: the data cannot be used.
        """
        X, y = self._fitted(X, y, y_numeric=True)  # noqa: N806
        y = column_or_1d(y, warn=True) if np.ndim(y) == 2 and np.shape(y)[1] == 1 else y
        self._tune(X, np.asarray(y, np.float64), sample_weight, metric=self.metric or "rmse")
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Predict the values, shape (n,), or (n, targets)."""
        given = self._given(X)
        return self.model_.predict(given)
