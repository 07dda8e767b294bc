"""What the estimators share: a search when they are fitted, the network that it chose when they predict."""

from __future__ import annotations

from contextlib import nullcontext
from multiprocessing import current_process
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from ikura.api.tune import tune
from ikura.errors import DataError
from ikura.process_state import cores
from ikura.study.record.model import Model

__all__ = ["Tuned", "jobs_of"]

LEAST_ROWS = 4
"""Of which one is held out for the choice."""


class Tuned(BaseEstimator):
    """A network whose hyperparameters are searched when it is fitted.

    The arguments are those of `ikura.tune`, but for `random_state` (its seed) and `n_jobs` (its jobs), which are called
    as everywhere in scikit-learn. Rows for early stopping and for the choice, a fifth of up to 10,000 rows, are taken
    from those that are fitted; a test set is not, because who fits an estimator keeps one elsewhere.
    """

    task: ClassVar[str]

    def __init__(
        self,
        *,
        network: Any = None,
        space: Any = None,
        trials: int | None = None,
        epochs: int | None = None,
        time_limit: float | None = None,
        search: str = "coarse-to-fine",
        schedule: str = "early-stopping",
        finalists: int | None = None,
        ensemble: int | str = "auto",
        loss: Any = None,
        metric: Any = None,
        max_parameters: int | None = None,
        kinds: Any = None,
        device: str = "auto",
        dtype: str = "float32",
        random_state: Any = 0,
        n_jobs: int | None = None,
        out: Any = None,
    ) -> None:
        self.network = network
        self.space = space
        self.trials = trials
        self.epochs = epochs
        self.time_limit = time_limit
        self.search = search
        self.schedule = schedule
        self.finalists = finalists
        self.ensemble = ensemble
        self.loss = loss
        self.metric = metric
        self.max_parameters = max_parameters
        self.kinds = kinds
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.out = out

    def _tune(self, X: Any, y: Any, sample_weight: Any, **options: Any) -> None:  # noqa: N803
        """Search, and keep the chosen network, what it is made of, and the table of trials.

        Raises:
            ValueError: the data cannot be used; the message is ikura's.
        """
        given = self.get_params(deep=False)
        seed, jobs, out = given.pop("random_state"), given.pop("n_jobs"), given.pop("out")
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        if sample_weight is not None:
            options["sample_weight"] = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        with TemporaryDirectory(prefix="ikura-") if out is None else nullcontext(out) as place:
            folder = Path(place) / "run" if out is None else Path(place)
            try:
                study = tune(
                    (X, y), out=folder, test_set=False, task=self.task, seed=int(seed), jobs=jobs_of(jobs),
                    **given | options,
                )  # fmt: skip
            except DataError as error:
                raise ValueError(str(error)) from error
            if study.best is None:
                raise ValueError(f"no trial could be trained to its end; {study.run / 'report.html'} says why")
            self.model_: Model = study.model
            self.hyperparameters_: dict[str, Any] = dict(study.best.hyperparameters)
            self.dev_score_: float = study.best.dev
            self.trials_: pd.DataFrame = study.trials
            if out is None:
                study.close()
            else:
                self.run_ = study.run

    def _fitted(self, X: Any, y: Any, **options: Any) -> tuple[Any, Any]:  # noqa: N803
        """Features and target as `ikura.tune` takes them: a frame stays one where it holds more than numbers."""
        self.mixed_ = isinstance(X, pd.DataFrame) and any(not is_numeric_dtype(kind) for kind in X.dtypes)
        options |= {"multi_output": True}
        if not self.mixed_:
            options |= {"ensure_all_finite": "allow-nan", "ensure_min_samples": LEAST_ROWS}
            X, y = validate_data(self, X, y, **options)  # noqa: N806
            return X, y
        _check_feature_names(self, X, reset=True)
        _check_n_features(self, X, reset=True)
        y = _check_y(y, multi_output=True, y_numeric=options.get("y_numeric", False), estimator=self)
        check_consistent_length(X, y)
        return X.reset_index(drop=True), y

    def _given(self, X: Any) -> Any:  # noqa: N803
        """Features to predict, as those of the training were."""
        check_is_fitted(self)
        if not self.mixed_:
            return validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X, columns=self.feature_names_in_)
        _check_feature_names(self, frame, reset=False)
        return frame

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags


def jobs_of(n_jobs: int | None) -> int | None:
    """Tiles that train at once: all cores, but one in a worker process, where others run several fits already.

    Args:
        n_jobs: as in scikit-learn, -1 for all cores, -2 for all but one; None to choose as said.

    Raises:
        ValueError: it is 0.
    """
    if n_jobs is None:
        return None if current_process().name == "MainProcess" else 1
    if n_jobs == 0:
        raise ValueError("n_jobs must be a number of jobs, or -1 for all cores, but is 0")
    return n_jobs if n_jobs > 0 else max(1, cores() + 1 + n_jobs)
