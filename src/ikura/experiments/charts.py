"""Charts of experiments: curves with bands, points with intervals, maps of a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ikura.experiments.claim import mean_interval
from ikura.json_values import JsonObject
from ikura.page.figure import axis, css, figure, rounded
from ikura.page.lines import MARGIN, MARKS, Line, chart
from ikura.page.markup import Html

__all__ = ["MARKS", "Line", "averaged", "chart", "plane", "short"]


def averaged(
    frame: pd.DataFrame, by: str, value: str, name: str, geometric: bool = False, least: float = 1e-3, **look: Any
) -> Line:
    """Average a column over repetitions for each value of another one.

    Args:
        frame: rows of all repetitions.
        by: the column along the axis.
        value: the column to average.
        name: of the line.
        geometric: average logarithms, as a log axis wants it.
        least: what smaller numbers count as then.
        look: further arguments of `Line`.
    """
    places = sorted(set(frame[by].tolist()))
    groups = [frame.loc[frame[by] == place, value].dropna().to_numpy(float) for place in places]
    if geometric:
        found = [tuple(np.exp(mean_interval(np.log(np.maximum(one, least)))).tolist()) for one in groups]
    else:
        found = [mean_interval(one) for one in groups]
    means, lows, highs = (list(column) for column in zip(*found, strict=True)) if found else ([], [], [])
    return Line(name, places, means, lows, highs, **look)


def plane(
    values: np.ndarray, x: np.ndarray, y: np.ndarray, points: np.ndarray, classes: np.ndarray, title: str, caption: str
) -> Html:
    """Draw the probability of the second class over a plane, with the training examples.

    Args:
        values: probabilities, shape (len(y), len(x)).
        x, y: the grid.
        points: examples, shape (rows, 2).
        classes: their classes, 0 or 1.
        title, caption: of the figure.
    """
    ramp = [[0, css("--wrong-1")], [0.5, css("--heat-0")], [1, css("--heat-1")]]
    traces: list[JsonObject] = [
        {
            "type": "heatmap",
            "x": rounded(x, 3),
            "y": rounded(y, 3),
            "z": [rounded(row, 2) for row in values],
            "colorscale": ramp,
            "zmin": 0,
            "zmax": 1,
            "zsmooth": "best",
            "showscale": False,
            "hoverinfo": "skip",
        },
        {
            "type": "contour",
            "x": rounded(x, 3),
            "y": rounded(y, 3),
            "z": [rounded(row, 2) for row in values],
            "showscale": False,
            "hoverinfo": "skip",
            "line": {"width": 2, "color": css("--ink")},
            "contours": {"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
        },
    ]
    for which, colour in ((0, "--wrong-2"), (1, "--roe")):
        own = points[classes == which]
        traces.append(
            {"type": "scatter", "mode": "markers", "x": rounded(own[:, 0], 3), "y": rounded(own[:, 1], 3)}
            | {"marker": {"size": 6, "color": css(colour), "line": {"width": 1, "color": css("--card")}}}
            | {"hoverinfo": "skip"}
        )
    layout = {"xaxis": axis(None, showgrid=False), "yaxis": axis(None, showgrid=False), "margin": {**MARGIN, "b": 30}}
    return figure(traces, layout, title=title, caption=caption, label=title, height=300)


def short(values: Sequence[float] | np.ndarray, digits: int = 4) -> str:
    """Write a mean with half the width of its interval.

    Example:
        >>> short([1.0, 2.0, 3.0])
        '2 ± 2.484'
    """
    mean, low, high = mean_interval(values)
    return f"{mean:.{digits}g} ± {(high - low) / 2:.{digits}g}".replace("-", "−")
