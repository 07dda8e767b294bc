"""What all charts share: their look, their place on the page, safe text, thinned numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, TypeAlias

import numpy as np

from ikura.page.formatting import as_float
from ikura.page.markup import Html, element, plain_json

__all__ = ["Axis", "Trace", "axis", "css", "evenly", "figure", "legend", "log_tick", "plot_text", "rounded"]

Trace: TypeAlias = Mapping[str, Any]
"""What a chart draws, in Plotly's words."""

Axis: TypeAlias = Mapping[str, Any]
"""An axis, or settings of one, in Plotly's words."""

AXIS: Axis = {
    "gridcolor": "css(--line)",
    "linecolor": "css(--line)",
    "tickcolor": "css(--line)",
    "zeroline": False,
    "automargin": True,
    "tickfont": {"size": 11, "color": "css(--muted)"},
}
LAYOUT: Mapping[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "system-ui, sans-serif", "size": 12, "color": "css(--ink)"},
    "margin": {"l": 44, "r": 10, "t": 8, "b": 34},
    "showlegend": False,
    "hovermode": "closest",
    "hoverlabel": {
        "bgcolor": "css(--card)",
        "bordercolor": "css(--line)",
        "font": {"color": "css(--ink)", "size": 12},
        "align": "left",
    },
}


def css(variable: str) -> str:
    """Name a colour of the style sheet; the page puts the colour of the reader's scheme in its place."""
    return f"css({variable})"


def axis(title: str | None = None, **settings: Any) -> Axis:
    """Make an axis in the house's look.

    Args:
        title: what it shows; escaped.
        settings: Plotly's settings of an axis.

    Returns:
        The axis.
    """
    label = {"text": plot_text(title), "font": {"size": 12, "color": css("--muted")}}
    return {**AXIS, **({"title": label} if title else {}), **settings}


def figure(
    traces: Sequence[Trace],
    layout: Mapping[str, Any],
    title: object = None,
    caption: object = None,
    label: str = "",
    height: int = 320,
) -> Html:
    """Place a chart.

    Args:
        traces: Plotly's traces; colours as `css` writes them.
        layout: Plotly's layout beyond the house's.
        title: what stands above, None for nothing.
        caption: what stands below, None for nothing.
        label: what the chart shows, for those who cannot see it.
        height: its height in pixels.

    Returns:
        A `figure` element.
    """
    data = {"data": list(traces), "layout": {**LAYOUT, **layout}}
    return element(
        "figure",
        None if title is None else element("h3", title),
        element(
            "div",
            element("script", plain_json(data), type="application/json"),
            class_="plot",
            role="img",
            aria_label=label,
            style=f"height:{height}px",
        ),
        None if caption is None else element("figcaption", caption),
    )


def legend(entries: Iterable[tuple[str, object]]) -> Html:
    """Explain colours: pairs of the kind of mark with its CSS variable ("dot --roe") and its text."""
    keys = []
    for mark, text in entries:
        shape, _, variable = mark.partition(" ")
        keys.append(element("li", element("i", class_=f"key {shape}", style=f"--key:var({variable})"), text))
    return element("ul", *keys, class_="legend")


def log_tick(decades: float) -> int | str | None:
    """Choose the ticks of a log axis: powers of ten, 1 2 5 between them on a shorter one, all digits on a short one.

    Example:
        >>> log_tick(4), log_tick(1.5), log_tick(0.3)
        (1, 'D2', None)
    """
    return 1 if decades > 2.2 else "D2" if decades > 0.6 else None


def plot_text(value: object) -> str:
    """Make text safe for Plotly, which reads a little HTML and fills in %{…}.

    Example:
        >>> plot_text("<b>%{x}</b>")
        '&lt;b&gt;&#37;{x}&lt;/b&gt;'
    """
    return escape(str(value), quote=False).replace("%{", "&#37;{")


def rounded(values: Iterable[Any], digits: int = 5) -> list[float | None]:
    """Shorten numbers for the page; what is not finite becomes None.

    Example:
        >>> rounded([0.123456789, float("nan"), 2])
        [0.12346, None, 2.0]
    """
    written = f"%.{digits}g"
    numbers = (value if isinstance(value, float) else as_float(value) for value in values)
    return [float(written % value) if math.isfinite(value) else None for value in numbers]


def evenly(length: int, most: int) -> list[int]:
    """Pick at most so many places out of a row, evenly, the first and the last among them.

    Example:
        >>> evenly(3, 5), evenly(9, 3)
        ([0, 1, 2], [0, 4, 8])
    """
    if length <= most:
        return list(range(length))
    return [int(place) for place in np.unique(np.linspace(0, length - 1, most).round())]
