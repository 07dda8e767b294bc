"""Traces: what a chart draws, in Plotly's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ikura.page.figure import Trace, css, rounded

__all__ = ["interval_bars", "scatter"]


def scatter(
    x: Sequence[Any],
    y: Sequence[Any],
    colour: str,
    mode: str = "lines",
    hover: str = "",
    size: float = 7,
    line: Mapping[str, Any] | None = None,
    marker: Mapping[str, Any] | None = None,
    **more: Any,
) -> Trace:
    """Make points, joined by lines or not, in one colour.

    Args:
        x, y: the points; None interrupts a line.
        colour: a variable of the style sheet.
        mode: Plotly's mode, "lines", "markers" or "lines+markers".
        hover: what is said of a point, in Plotly's words; empty says nothing.
        size: of the points in pixels.
        line, marker: Plotly's settings beyond colour and size; a line is 2 pixels wide, points have no outlines.
        more: Plotly's settings of the trace.

    Example:
        >>> trace = scatter([1, 2], [3, 4], "--roe", "markers", "%{x}")
        >>> trace["marker"], trace["hovertemplate"]
        ({'size': 7, 'color': 'css(--roe)', 'line': {'width': 0}}, '%{x}<extra></extra>')
    """
    trace: dict[str, object] = {"type": "scatter", "mode": mode, "x": x, "y": y}
    if "lines" in mode:
        trace["line"] = {"width": 2, "color": css(colour), **(line or {})}
    if "markers" in mode:
        trace["marker"] = {"size": size, "color": css(colour), "line": {"width": 0}, **(marker or {})}
    said = {"hovertemplate": f"{hover}<extra></extra>"} if hover else {"hoverinfo": "skip"}
    return {**trace, **said, **more}


def interval_bars(
    values: Iterable[float], low: Iterable[float], high: Iterable[float], colour: str, thickness: float = 1.6
) -> Mapping[str, Any]:
    """Make the bars of intervals around values, as a trace's `error_x` or `error_y`."""
    middle, below, above = (np.array(list(ends), float) for ends in (values, low, high))
    look = {"type": "data", "symmetric": False, "thickness": thickness, "width": 4, "color": css(colour)}
    return {**look, "array": rounded(above - middle), "arrayminus": rounded(middle - below)}
