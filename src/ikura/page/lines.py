"""Lines and points over one pair of axes, with bands or bars for their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ikura.page.figure import Axis, Trace, axis, css, figure, legend, plot_text, rounded
from ikura.page.markup import Html, join
from ikura.page.traces import interval_bars, scatter

__all__ = ["MARGIN", "MARKS", "Line", "chart", "level"]

MARKS = tuple(f"--mark-{place}" for place in range(5))
MARGIN = {"l": 62, "r": 14, "t": 8, "b": 46}


@dataclass(frozen=True)
class Line:
    """One row of points, with an interval at each if `low` and `high` are given.

    Attributes:
        name: what it shows; lines of one name share an entry of the legend, an empty name has none.
        x, y: the points.
        low, high: the intervals' ends.
        colour: a variable of the style sheet.
        mode: Plotly's mode, "lines", "markers" or "lines+markers".
        dash: Plotly's dash.
        width: of the line in pixels.
    """

    name: str
    x: Sequence[Any]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    colour: str = MARKS[0]
    mode: str = "lines+markers"
    dash: str = "solid"
    width: float = 2


def chart(
    lines: Sequence[Line],
    x: str,
    y: str,
    title: str | None = None,
    caption: object = None,
    height: int = 340,
    xaxis: Axis | None = None,
    yaxis: Axis | None = None,
    shapes: Sequence[Mapping[str, Any]] = (),
) -> Html:
    """Draw lines over one pair of axes, with a legend.

    Args:
        lines: what to draw; one along continuous x with intervals gets a band, one of markers gets bars.
        x, y: what the axes show.
        title, caption, height: of the figure.
        xaxis, yaxis: Plotly's settings of the axes.
        shapes: Plotly's shapes.
    """
    traces: list[Trace] = []
    for line in lines:
        traces += _traces(line)
    entries = {
        line.name: (f"{'line' if 'lines' in line.mode else 'dot'} {line.colour}", line.name)
        for line in lines
        if line.name
    }
    layout = {
        "xaxis": axis(x, showgrid=False, **(xaxis or {})),
        "yaxis": axis(y, **(yaxis or {})),
        "margin": MARGIN,
        "shapes": list(shapes),
    }
    # The legend is part of the caption, so that a figure is whole wherever it stands.
    below = join(legend(entries.values()) if len(entries) > 1 else None, caption)
    return figure(traces, layout, title=title, caption=below, label=f"{y} against {x}", height=height)


def level(y: float, **look: Any) -> Mapping[str, Any]:
    """Make a thin horizontal line across the whole chart, a shape of Plotly's; `look` is more of its line."""
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": {"width": 1, **look}}


def _traces(line: Line) -> list[Trace]:
    numeric = all(isinstance(one, int | float | np.number) for one in line.x)
    xs = rounded(line.x) if numeric else [plot_text(one) for one in line.x]
    look = {"width": line.width, "dash": line.dash}
    main = scatter(xs, rounded(line.y), line.colour, line.mode, line=look, name=plot_text(line.name), hoverinfo="all")
    if line.low is None or line.high is None:
        return [main]
    lows, highs = np.asarray(line.low, float), np.asarray(line.high, float)
    if "lines" not in line.mode or not numeric:
        return [{**main, "error_y": interval_bars(line.y, lows, highs, line.colour)}]
    known = np.isfinite(lows) & np.isfinite(highs)
    places = [place for place, one in zip(xs, known, strict=True) if one]
    ends = rounded([*highs[known], *lows[known][::-1]])
    band = scatter(
        [*places, *places[::-1]], ends, line.colour,
        line={"width": 0}, fill="toself", fillcolor=css(line.colour), opacity=0.16,
    )  # fmt: skip
    return [band, main]
