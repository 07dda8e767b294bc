"""What the trials have in common at each value of a hyperparameter: the best of them, and the middle half."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ikura.page.figure import Trace, css, rounded
from ikura.page.traces import scatter
from ikura.report.charts.value_axis import Scale

__all__ = ["places", "trend"]

FEWEST = 24
FEWEST_IN_BIN = 3
MOST_BINS = 16
DIGITS = 7


def places(column: pd.Series, scale: Scale) -> np.ndarray:
    """Where values stand on the axis, NaN where they have no place, shape (rows,)."""
    if scale.name == "choice":
        kinds = {value: scale.place(value) for value in column.dropna().unique()}
        return column.map(kinds).to_numpy(dtype=float)
    at = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    at = 1 - at if scale.name == "log-complement" else at
    return np.where(at > 0, at, np.nan) if scale.axis.get("type") == "log" else at


def trend(rows: pd.DataFrame, name: str, scale: Scale, ends: tuple[float, float], better: int) -> list[Trace]:
    """Draw the best score, the median and the middle half of the scores in each part of a hyperparameter's range.

    Args:
        rows: all trials with a score.
        name: the hyperparameter.
        scale: its scale.
        ends: both ends of the score axis; what lies beyond is drawn on them.
        better: 1 if a greater score is better, else -1.

    Returns:
        Traces, to be drawn below the points; none with fewer than 24 trials.
    """
    at, scores = places(rows[name], scale), rows["dev_score"].to_numpy(dtype=float)
    known = np.isfinite(at) & np.isfinite(scores)
    at, scores = at[known], scores[known]
    if len(at) < FEWEST:
        return []
    parts = at if scale.jitter else _parts(at, scale)
    order = np.lexsort((scores, parts))
    at, first, sizes = np.unique(parts[order], return_index=True, return_counts=True)
    many = sizes >= FEWEST_IN_BIN
    if many.sum() < 2:
        return []
    at, first, sizes, scores = at[many], first[many], sizes[many], scores[order]
    x = rounded(at.tolist(), DIGITS)
    shares = (0.25, 0.5, 0.75, 1.0 if better > 0 else 0.0)
    found = (_quantiles(scores, first, sizes, share).clip(*ends).tolist() for share in shares)
    low, middle, high, best = (rounded(one, DIGITS) for one in found)
    if scale.name == "choice":
        return _options(x, low, middle, high, best)
    return [
        scatter(x, low, "--band", line={"width": 0}),
        scatter(x, high, "--band", line={"width": 0}, fill="tonexty", fillcolor=css("--band")),
        *_middle_and_best((x, middle), (x, best)),
    ]


def _quantiles(scores: np.ndarray, first: np.ndarray, sizes: np.ndarray, share: float) -> np.ndarray:
    """A quantile of each of some parts, which lie one after another, each sorted; between two scores it is linear."""
    place = share * (sizes - 1)
    below = np.floor(place).astype(int)
    lower, upper = scores[first + below], scores[first + np.minimum(below + 1, sizes - 1)]
    found: np.ndarray = lower + (upper - lower) * (place - below)
    return found


def _middle_and_best(middle: tuple[list[Any], list[Any]], best: tuple[list[Any], list[Any]]) -> list[Trace]:
    return [
        scatter(*middle, "--trend", line={"width": 1.6}),
        scatter(*best, "--trend", line={"width": 1.6, "dash": "2px,3px"}),
    ]


def _parts(at: np.ndarray, scale: Scale) -> np.ndarray:
    """The middle of each value's part; parts are equally wide on the axis."""
    u = np.log(at) if scale.axis.get("type") == "log" else at
    low, width = float(u.min()), float(np.ptp(u))
    count = int(np.clip(len(u) // 20, 4, MOST_BINS))
    bins = np.minimum(((u - low) / (width or 1.0) * count).astype(int), count - 1)
    middle = low + (bins + 0.5) * width / count
    parts: np.ndarray = np.exp(middle) if scale.axis.get("type") == "log" else middle
    return parts


def _options(x: list[Any], low: list[Any], middle: list[Any], high: list[Any], best: list[Any]) -> list[Trace]:
    """Boxes for the middle half, strokes for the median and the best."""

    def strokes(y: list[Any], half: float) -> tuple[list[Any], list[Any]]:
        xs = [one for at in x for one in (at - half, at + half, None)]
        return xs, [one for value in y for one in (value, value, None)]

    box_x = [one for at in x for one in (at - 0.38, at - 0.38, at + 0.38, at + 0.38, at - 0.38, None)]
    box_y = [one for a, b in zip(low, high, strict=True) for one in (a, b, b, a, a, None)]
    boxes = scatter(box_x, box_y, "--band", line={"width": 0}, fill="toself", fillcolor=css("--band"))
    return [boxes, *_middle_and_best(strokes(middle, 0.38), strokes(best, 0.38))]
