"""What gives the target away: a feature, an identifier, rows that are in two parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.checks._base import Check, Result
from ikura.checks.forest import MOST_ROWS, feature_names, forest_scores, matrix
from ikura.checks.subject import Subject
from ikura.population.examples import Examples

__all__ = ["DuplicatesCheck", "IdentifierCheck", "LeakageCheck"]

LEAK, CLEARLY = 0.01, 5.0
SCREEN = 0.05
"""Error of the nearest value from which on no tree can get below `LEAK`."""
LEAST_ERROR = 0.04
TRIED = 200
SHARE, RARER = 0.03, 10.0
MOST_HASHED, MOST_BYTES = 50_000, 1 << 28
ORDERED = 0.999


class LeakageCheck(Check):
    """Looks for a feature that predicts the target alone, where all the others together cannot."""

    name = "leakage"
    about = "no single feature gives the target away"
    needs = ("examples",)

    def __init__(self, screened: bool = False) -> None:
        """Take a check.

        Args:
            screened: whether features are first looked at by the nearest value alone, which takes a millisecond each;
                trees are then grown only of those that may give the target away.
        """
        self.screened = screened

    def run(self, subject: Subject) -> Result:
        """Compare each feature alone with the other features together, on examples held out."""
        assert subject.train is not None
        rows = np.random.default_rng(subject.seed).permutation(len(subject.train))[:MOST_ROWS]
        x = matrix(subject, subject.train, rows)
        y = np.asarray(subject.train.y)[rows].reshape(len(rows), -1)[:, 0].astype(np.float64)
        if len(rows) < 30 or x.shape[1] < 2 or np.unique(y).size < 2 or not np.isfinite(y).all():
            return self.skipped("it takes at least 30 examples and two features")
        if subject.train.several or len(subject.train.shape) > 1 or x.shape[1] > TRIED:
            return self.skipped("the inputs are no table of a few features")
        regression = subject.task == "regression"
        errors = np.array([self._error_of(x[:, column], y, regression, subject.seed) for column in range(x.shape[1])])
        suspects = np.flatnonzero(errors <= LEAK)
        best = int(errors.argmin())
        names = feature_names(subject, x.shape[1])
        figures = {"feature": names[best], "error_alone": float(errors[best])}
        told = f"{names[best]} alone has an error of {errors[best]:.1%}"
        if not suspects.size or suspects.size == x.shape[1]:
            return self.passed(f"the best single feature, {told}", **figures)
        rest = np.delete(x, suspects, axis=1)
        out, _ = forest_scores(rest, y, regression, subject.seed)
        error = _error(out if regression else out.argmax(1), y, regression)
        figures["error_of_the_rest"] = error
        if error < max(LEAST_ERROR, CLEARLY * errors[best]):
            return self.passed(f"{told}, but the others together do as well: the task is easy", **figures)
        leaking = [names[i] for i in suspects]
        return self.failed(
            f"{', '.join(leaking)} alone predict{'s' if len(leaking) == 1 else ''} the target with an error of "
            f"{errors[best]:.1%}; all other features together have {error:.1%}",
            "The feature may leak the target: made from it, or known only after it; or it settles the target alone.",
            "Leave the column out, unless it is known when predictions are wanted (--kind COLUMN=ignore).",
            features=leaking,
            **figures,
        )

    def _error_of(self, feature: npt.NDArray[Any], y: npt.NDArray[Any], regression: bool, seed: int) -> float:
        """Error of the target as one feature alone tells it."""
        if self.screened and (error := _by_nearest_value(feature, y, regression, seed)) > SCREEN:
            return error
        return _alone(feature, y, regression, seed)


def _by_nearest_value(feature: npt.NDArray[Any], y: npt.NDArray[Any], regression: bool, seed: int) -> float:
    """Cross-validated error of the targets at the nearest value of one feature, or of a straight line if that is less.

    Noise counts twice: the error is at most about twice the least that can be had of the feature.
    """
    fold = np.random.default_rng(seed).permutation(len(y)) % 3
    codes = y if regression else np.unique(y, return_inverse=True)[1].astype(np.int64)
    found = np.empty(len(y))
    for one in range(3):
        known, asked = fold != one, fold == one
        values, places = np.unique(feature[known], return_inverse=True)
        if regression:
            answers = np.bincount(places, codes[known]) / np.bincount(places)
        else:
            classes = int(codes.max()) + 1
            counts = np.bincount(places * classes + codes[known], minlength=values.size * classes)
            answers = counts.reshape(values.size, classes).argmax(1).astype(np.float64)
        above = np.searchsorted(values, feature[asked]).clip(1, max(values.size - 1, 1))
        low, high = values[above - 1], values[np.minimum(above, values.size - 1)]
        nearer = np.where(feature[asked] - low <= high - feature[asked], above - 1, np.minimum(above, values.size - 1))
        found[asked] = answers[nearer]
    error = _error(found if regression else found.astype(np.int64), codes, regression)
    if not regression or np.ptp(feature) == 0:
        return error
    return min(error, 1 - float(np.corrcoef(feature.astype(np.float64), y)[0, 1]) ** 2)


def _alone(feature: npt.NDArray[Any], y: npt.NDArray[Any], regression: bool, seed: int) -> float:
    """Cross-validated error of a tree on one feature."""
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    folds = KFold(3, shuffle=True, random_state=seed)
    column = feature[:, None]
    if np.unique(feature).size < 2:
        return 1.0
    if not regression:
        tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=seed)
        return _error(cross_val_predict(tree, column, y, cv=folds), y, False)
    learners = [LinearRegression(), DecisionTreeRegressor(min_samples_leaf=2, random_state=seed)]
    return min(_error(cross_val_predict(one, column, y, cv=folds), y, True) for one in learners)


def _error(predicted: npt.NDArray[Any], y: npt.NDArray[Any], regression: bool) -> float:
    """Mean error over the classes, or the share of the variance that is not explained."""
    if regression:
        return float(((predicted - y) ** 2).mean() / max(y.var(), 1e-300))
    codes = np.unique(y, return_inverse=True)[1]
    wrong = (np.unique(y)[predicted.astype(int)] if predicted.dtype.kind == "i" else predicted) != y
    return float((np.bincount(codes, wrong) / np.bincount(codes)).mean())


class DuplicatesCheck(Check):
    """Looks for examples of dev or test set that are in the training set too."""

    name = "duplicates"
    any_target = True
    about = "no example is both in the training set and in the dev or test set"
    needs = ("examples", "dev")

    def run(self, subject: Subject) -> Result:
        """Count them, and compare with what chance gives where features have few values."""
        assert subject.train is not None
        others = [part for part in (subject.dev, subject.test) if part is not None]
        train = _rows(subject.train)
        other = np.concatenate([_rows(part) for part in others])
        if train.shape[1] != other.shape[1] or not len(other):
            return self.skipped("the parts have different features")
        known = set(_hashes(train))
        share = float(np.mean([one in known for one in _hashes(other)]))
        random = np.random.default_rng(subject.seed)
        mixed = np.column_stack([random.permutation(column) for column in other.T]) if share else other
        chance = float(np.mean([one in known for one in _hashes(mixed)])) if share else 0.0
        own = 1 - len(known) / len(train)
        figures = {"share": share, "by_chance": chance, "within_training": own, "rows": round(share * len(other))}
        which = "dev and test" if len(others) > 1 else "dev"
        told = f"{share:.1%} of the {which} examples are also in the training set"
        if share < SHARE or share < RARER * chance:
            return self.passed(told, **figures)
        return self.failed(
            told,
            "The same rows are on both sides of the split, so that scores reward memory.",
            "Drop duplicates before splitting, or split by a group column (--group) that keeps copies together.",
            **figures,
        )


def _rows(examples: Examples) -> npt.NDArray[Any]:
    most = min(MOST_HASHED, max(MOST_BYTES // max(examples.head(1).table().nbytes, 1), 1))
    some = slice(0, most)
    x = np.asarray(examples.table(some) if examples.several else examples.raw(some))
    x = x.reshape(len(x), -1)
    if examples.codes.shape[1]:
        x = np.concatenate([x.astype(np.float64), examples.codes[:most]], axis=1)
    return x


def _hashes(rows: npt.NDArray[Any]) -> list[int]:
    return [hash(row.tobytes()) for row in np.ascontiguousarray(rows)]


class IdentifierCheck(Check):
    """Looks for columns that number the rows and that the network sees."""

    name = "identifier"
    about = "no column that the network sees names or numbers the rows"
    needs = ("table",)

    def run(self, subject: Subject) -> Result:
        """Look at whole numbers that differ in every row and rise with it, and at what was left out."""
        table = subject.table
        assert table is not None
        left = [one.name for one in table.columns if one.kind == "identifier"]
        found: list[str] = []
        for column in table.columns:
            values = table.frame[column.name] if column.kind == "numeric" else None
            if values is None or column.missing or not pd.api.types.is_numeric_dtype(values):
                continue
            numbers = values.to_numpy(np.float64)
            whole = np.isfinite(numbers).all() and not (numbers % 1).any()
            if whole and np.unique(numbers).size == len(numbers) >= 20 and _ordered(numbers):
                found.append(column.name)
        if found:
            return self.failed(
                f"{', '.join(found)} {'numbers' if len(found) == 1 else 'number'} the rows and "
                f"{'is' if len(found) == 1 else 'are'} used as a feature",
                "An identifier was taken for a feature: if rows are sorted by class or time, it gives the target away.",
                "Leave the column out (--kind COLUMN=ignore); if it is a time, split by it (--time COLUMN).",
                columns=found,
                left_out=left,
            )
        note = f"; left out: {', '.join(left)}" if left else ""
        return self.passed(f"no column that is used numbers the rows{note}", left_out=left)


def _ordered(numbers: npt.NDArray[np.float64]) -> bool:
    """Whether numbers rise or fall with their row almost without exception."""
    ranks = np.argsort(np.argsort(numbers)).astype(np.float64)
    return bool(abs(np.corrcoef(ranks, np.arange(len(numbers)))[0, 1]) > ORDERED)
