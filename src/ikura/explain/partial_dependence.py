"""How predictions follow a column, all else as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ikura.explain.dev_rows import DevRows

__all__ = ["PartialDependence", "partial_dependence"]

POINTS = 20
LEVELS = 12
CLASSES = 4
SIDE = 0.975


@dataclass(frozen=True)
class PartialDependence:
    """The mean prediction where a column has a value in all rows.

    Attributes:
        column: its name.
        numeric: whether its values are numbers on an axis; levels by name otherwise.
        values: of the column; for levels and dates their text.
        names: what is predicted: the target, or classes, of many the four likeliest.
        means: shape (names, values): mean value, or mean probability of the class.
        low, high: 95 % interval of it, over dev rows, as far as the column decides: what rows have in common is left
            out, so that two intervals that do not meet are a difference.
    """

    column: str
    numeric: bool
    values: list[float] | list[str]
    names: list[str]
    means: list[list[float]]
    low: list[list[float]]
    high: list[list[float]]


def partial_dependence(rows: DevRows, column: str, target: str) -> list[PartialDependence]:
    """Follow one column.

    With p_iv the prediction of row i where the column has the value v: the mean over i of p_iv, and as its interval
    ± t s/√n of the deviations p_iv - mean over v of p_iv. Values are quantiles of the rows' own, or the levels that
    occur most often, so that no value is invented; combinations with other columns may be unusual all the same.

    Args:
        rows: dev rows and the model.
        column: its name.
        target: name of what is predicted.

    Returns:
        The dependence, of several values to predict one for each, because they have units of their own; none where the
        column has fewer than two values.

    Source: Friedman (2001), Greedy function approximation, Annals of Statistics 29, section 8.2.
    """
    kind = next(one.kind for one in rows.columns if one.name == column)
    values, numeric = _grid(rows.frame[column], kind)
    if len(values) < 2:
        return []
    answers = np.stack([_answers(rows, column, value) for value in values], axis=-1)
    n = answers.shape[0]
    means = answers.mean(0)
    deviations = answers - answers.mean(-1, keepdims=True)
    half = np.full(means.shape, np.nan)
    if n > 1:
        half = deviations.std(0, ddof=1) * float(stdtrit(n - 1, SIDE)) / np.sqrt(n)
    classes = rows.model.classes
    low, high = means - half, means + half
    told = [float(value) for value in values] if numeric else [str(value) for value in values]
    if classes is None:
        several = rows.model.targets or [f"{target} {k}" for k in range(len(means))]
        named = [target] if len(means) == 1 else several
        return [
            PartialDependence(column, numeric, told, [name], [means[k].tolist()], [low[k].tolist()], [high[k].tolist()])
            for k, name in enumerate(named)
        ]
    names = [str(one) for one in (classes[1:] if rows.model.task == "binary" else classes)]
    # The likeliest classes in their own order, so that each has one colour for all columns.
    order = np.sort(np.argsort(-means.mean(-1), kind="stable")[:CLASSES])
    low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
    every = (part[order].tolist() for part in (means, low, high))
    return [PartialDependence(column, numeric, told, [names[k] for k in order], *every)]


def _grid(series: pd.Series, kind: str) -> tuple[list[Any], bool]:
    """Values that the column is given, and whether they are numbers."""
    present = series.dropna()
    if kind == "numeric":
        numbers = present.to_numpy(np.float64)
        if not numbers.size:
            return [], True
        quantiles = np.quantile(numbers, np.linspace(0.02, 0.98, POINTS), method="nearest")
        return list(np.unique(quantiles)), True
    if kind == "datetime":
        moments = present.sort_values()
        places = np.unique(np.linspace(0, len(moments) - 1, min(POINTS, len(moments))).astype(int))
        return list(moments.iloc[places].drop_duplicates()) if len(moments) else [], False
    return list(present.value_counts().index[:LEVELS]), False


def _answers(rows: DevRows, column: str, value: object) -> np.ndarray:
    """Predictions of all rows with one value of the column, shape (n, names)."""
    given = pd.Series([value] * len(rows.frame), dtype=rows.frame[column].dtype)
    found: np.ndarray = rows.predicted(rows.frame.assign(**{column: given}))
    return found[:, None] if found.ndim == 1 else found
