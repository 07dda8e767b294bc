"""A classifier that searches its own hyperparameters."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from ikura.sklearn._base import Tuned

__all__ = ["IkuraClassifier"]


class IkuraClassifier(ClassifierMixin, Tuned):
    """Predict classes with a network whose hyperparameters are searched when it is fitted.

    Args:
        network, space, trials, epochs, time_limit, search, schedule, finalists, ensemble: as for `ikura.tune`.
        loss, metric, max_parameters, kinds, device, dtype: as for `ikura.tune`.
        class_weight: class to the weight of its examples in the loss, or "balanced".
        positive: of two classes the one that a metric such as f1 is about; by default the rarer one.
        random_state: the seed of everything: the same data and seed give the same network, to the bit. An integer, a
            `numpy.random.RandomState`, or None for another one each time.
        n_jobs: tiles that train at once, as everywhere in scikit-learn; by default all cores, and one in a worker
            process, as of `GridSearchCV(n_jobs=2)`.
        out: folder to keep the run in, which must not hold one; by default nothing is kept.

    Attributes:
        classes_: the classes, ascending; of several labels their places.
        model_: the chosen network, or the ensemble, with its preprocessing, an `ikura.Model`; its classes are places in
            `classes_`.
        hyperparameters_: what was chosen.
        dev_score_: its score on the rows held out for the choice; it flatters, because it was picked.
        trials_: the table of trials.
        run_: the run folder, where `out` was given: `ikura.open_study(estimator.run_)` reads it.
        n_features_in_, feature_names_in_: of the features.
        labels_: whether y held several labels.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> x, y = load_iris(return_X_y=True)
        >>> classifier = IkuraClassifier(trials=4, epochs=10, finalists=0).fit(x, y)
        >>> classifier.predict_proba(x[:2]).shape, classifier.classes_.tolist()
        ((2, 3), [0, 1, 2])
    """

    task: ClassVar[str] = "classification"

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
        class_weight: Any = None,
        metric: Any = None,
        positive: Any = None,
        max_parameters: int | None = None,
        kinds: Any = None,
        device: str = "auto",
        dtype: str = "float32",
        random_state: Any = 0,
        n_jobs: int | None = None,
        out: Any = None,
    ) -> None:
        super().__init__(
            network=network, space=space, trials=trials, epochs=epochs, time_limit=time_limit, search=search,
            schedule=schedule, finalists=finalists, ensemble=ensemble, loss=loss, metric=metric,
            max_parameters=max_parameters, kinds=kinds, device=device, dtype=dtype, random_state=random_state,
            n_jobs=n_jobs, out=out,
        )  # fmt: skip
        self.class_weight = class_weight
        self.positive = positive

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> IkuraClassifier:  # noqa: N803
        """Search hyperparameters on these rows.

        Args:
            X: features, shape (n, d): numbers, of which NaN are missing; or a frame, also of words and dates.
            y: classes of any kind, shape (n,); or 0 and 1 of several labels, shape (n, labels), any of which may hold.
            sample_weight: weights of the rows in the loss, shape (n,).

        Raises:
            ValueError: the data cannot be used, or there is one class only.
        """
        X, y = self._fitted(X, y)  # noqa: N806
        check_classification_targets(y)
        self.labels_ = type_of_target(y) == "multilabel-indicator"
        if self.labels_:
            self._fit_labels(X, np.asarray(y), sample_weight)
            return self
        if np.ndim(y) == 2 and np.shape(y)[1] > 1:
            raise ValueError("y has several columns of more than two classes; fit each on its own")
        y = column_or_1d(y, warn=True)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_.tolist()[0]!r}; a classifier needs at least two")
        weight = self.class_weight
        if isinstance(weight, dict):
            weight = {str(self._place(name, "class_weight")): value for name, value in weight.items()}
        positive = None if self.positive is None else str(self._place(self.positive, "positive"))
        # As text they are names, of which nothing has to be said.
        self._tune(X, codes.astype(str), sample_weight, class_weight=weight, positive=positive)
        return self

    def _fit_labels(self, X: Any, y: np.ndarray, sample_weight: Any) -> None:  # noqa: N803
        """Search on several labels."""
        if self.class_weight is not None or self.positive is not None:
            raise ValueError("class_weight and positive are of one class for each row, and y holds several labels")
        self.classes_ = np.arange(y.shape[1])
        self._tune(X, y.astype(np.int64), sample_weight)

    def _place(self, name: Any, argument: str) -> int:
        """The place of a class among all."""
        places = np.flatnonzero(self.classes_ == name)
        if not places.size:
            raise ValueError(f"{argument}: y has no class {name!r}; its classes are {self.classes_.tolist()}")
        return int(places[0])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Predict the likeliest class of each row, shape (n,); of several labels 0 and 1, shape (n, labels)."""
        if getattr(self, "labels_", False):
            return (self.predict_proba(X) > 0.5).astype(np.int64)
        likeliest = self.predict_proba(X).argmax(1)
        found: np.ndarray = self.classes_[likeliest]
        return found

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Predict the probability of each class, shape (n, classes), in the order of `classes_`, or of each label."""
        given = self._given(X)
        found = self.model_.predict_proba(given)
        if self.labels_:
            return found.to_numpy()
        return found[sorted(found.columns, key=lambda name: int(str(name)))].to_numpy()
