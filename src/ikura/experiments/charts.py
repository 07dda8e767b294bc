"""Charts of experiments: curves with bands, points with intervals, maps of a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ikura.experiments.claim import mean_interval, mean_intervals
from ikura.page.figure import Trace, axis, css, figure, rounded
from ikura.page.lines import MARGIN, MARKS, Line, chart, level
from ikura.page.markup import Html, element

__all__ = ["MARKS", "Line", "averaged", "averaged_by", "best_charts", "chart", "level", "plane", "short"]


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
        found = mean_intervals(np.log(np.maximum(one, least)) for one in groups)
        return Line(name, places, *(np.exp(column).tolist() for column in found), **look)
    return Line(name, places, *mean_intervals(groups), **look)


def averaged_by(
    frame: pd.DataFrame, kind: str, colours: Mapping[str, str], by: str, value: str, *more: bool, **look: Any
) -> list[Line]:
    """Average a column as `averaged` does, a line for each kind.

    Args:
        frame: rows of all repetitions.
        kind: the column that holds the kind.
        colours: kind to colour.
        by, value: as for `averaged`.
        more, look: further arguments of `averaged`.
    """
    return [
        averaged(frame[frame[kind] == one], by, value, one, *more, colour=colour, **look)
        for one, colour in colours.items()
    ]


def best_charts(what: str, by_data: Mapping[str, Sequence[Line]], gain: Line, ratio: str, better: str) -> Html:
    """Draw what two ways of searching found by the number of trials, for each data set and for all together.

    Args:
        what: the lowest loss, in words.
        by_data: data set to a line for each way.
        gain: the logarithm of their ratio over all data sets, by the number of trials.
        ratio: what that is, in words.
        better: the way that is better where the logarithm is above 0, in words.
    """
    scale = {"type": "log", "tickformat": "~g", "nticks": 6}
    charts = [chart(one, "trials", what, title=data, height=280, yaxis=scale) for data, one in by_data.items()]
    caption = f"Above 0 {better} has found the lower loss. Means (of losses geometric ones) with 95 % intervals."
    zero = {"zeroline": True, "zerolinecolor": css("--muted")}
    together = chart([gain], "trials", ratio, title="All data sets", caption=caption, height=280, yaxis=zero)
    return element("div", *charts, together, class_="pair")


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
    grid = {"x": rounded(x, 3), "y": rounded(y, 3), "z": [rounded(row, 2) for row in values]}
    heat = {"colorscale": ramp, "zmin": 0, "zmax": 1, "zsmooth": "best", "showscale": False, "hoverinfo": "skip"}
    half = {"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"}
    border = {"line": {"width": 2, "color": css("--ink")}, "contours": half}
    traces: list[Trace] = [
        {"type": "heatmap", **grid, **heat},
        {"type": "contour", **grid, "showscale": False, "hoverinfo": "skip", **border},
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
