"""Parallel coordinates: every trial a line across all hyperparameters to its dev score."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ikura.page.figure import Axis, css, evenly, figure, plot_text, rounded
from ikura.page.formatting import number
from ikura.page.markup import Html
from ikura.report.charts.hyperparameter_charts import score_range
from ikura.report.charts.trend import places
from ikura.report.charts.value_axis import Scale, scale_of
from ikura.report.view import View

__all__ = ["parallel"]

MOST_LINES = 400
MOST_BEST = 80
MOST_AXES = 12
TICKS = 5
BELOW = 0.12


def parallel(view: View) -> Html | None:
    """Draw the trials as lines across the hyperparameters that varied, the most important next to the score.

    Args:
        view: the study.

    Returns:
        A figure; None with fewer than two hyperparameters or three trials with a score.
    """
    names = view.by_importance[:MOST_AXES][::-1]
    if len(names) < 2 or len(view.scored) < 3:
        return None
    rows = view.scored.sort_values("dev_score", ascending=view.better > 0, kind="stable")
    kept = len(rows)
    if len(rows) > MOST_LINES:
        even = rows.iloc[evenly(len(rows), MOST_LINES - MOST_BEST)]
        rows = rows[rows["number"].isin({*even["number"], *rows["number"].tail(MOST_BEST)})]
    low, high = score_range(view)
    scores = rows["dev_score"].clip(low, high)
    dimensions = [_dimension(view, name, rows) for name in names]
    dimensions.append(
        {"label": f"dev {plot_text(view.metric)}", "range": [low, high], "values": rounded(scores), "tickformat": "~g"}
    )
    merit = scores * view.better
    shade = (merit - merit.min()) / (float(np.ptp(merit)) or 1.0)
    trace = {
        "type": "parcoords",
        "dimensions": dimensions,
        "line": {
            "color": rounded(shade**2, 3),
            "cmin": 0,
            "cmax": 1,
            "colorscale": [[0, css("--line-0")], [0.6, css("--line-1")], [1, css("--line-2")]],
        },
        "unselected": {"line": {"color": css("--line"), "opacity": 0.25}},
        "labelfont": {"size": 12, "color": css("--ink")},
        "tickfont": {"size": 11, "color": css("--muted")},
        "rangefont": {"size": 1, "color": "rgba(0,0,0,0)"},
        "labelangle": -14 if len(names) > 6 else 0,
    }
    drawn = (
        f" {len(rows):,} of {kept:,} are drawn: the best {MOST_BEST} and an even sample from the best to the worst."
        if len(rows) < kept
        else ""
    )
    left = len(view.by_importance) - len(names)
    more = f" The {left} least important hyperparameters are left out." if left > 0 else ""
    return figure(
        [trace],
        {"margin": {"l": 60, "r": 50, "t": 64 if len(names) > 6 else 44, "b": 18}},
        title="All together",
        caption=f"A line is a trial, the redder the better its dev {view.metric}. "
        f"Drag along an axis to pick out trials, click to release it.{drawn}{more}",
        label=f"parallel coordinates of {len(rows)} trials",
        height=420,
    )


def _dimension(view: View, name: str, rows: pd.DataFrame) -> Axis:
    scale = scale_of(view.record.searched[name], view.values(name))
    at = places(rows[name], scale)
    logarithmic = scale.axis.get("type") == "log"
    low, high = (float(end) for end in scale.axis["range"])
    u = np.log10(at) if logarithmic else at
    if scale.jitter:
        u = u + [scale.spread(int(trial)) for trial in rows["number"]]
    if low > high:
        u, low, high = -u, -low, -high
    ticks = _ticks(scale, low, high, logarithmic)
    missing = ~np.isfinite(u)
    if missing.any():
        low -= BELOW * (high - low)
        u = np.where(missing, low + 0.3 * BELOW * (high - low), u)
        ticks = [(low + 0.3 * BELOW * (high - low), "not used"), *ticks]
    return {
        "label": plot_text(name),
        "range": [low, high],
        "values": rounded(u),
        "tickvals": [at for at, _ in ticks],
        "ticktext": [text for _, text in ticks],
    }


def _ticks(scale: Scale, low: float, high: float, logarithmic: bool) -> list[tuple[float, str]]:
    if scale.name == "choice":
        return list(zip(map(float, scale.axis["tickvals"]), scale.axis["ticktext"], strict=True))
    if scale.name == "log-complement":
        pairs = zip(scale.axis["tickvals"], scale.axis["ticktext"], strict=True)
        return [(-math.log10(at), text) for at, text in pairs]
    if logarithmic:
        steps = (1,) if high - low > 2.2 else (1, 2, 5)
        values = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
        return [(math.log10(value), number(value)) for value in values if low <= math.log10(value) <= high]
    if scale.jitter and high - low < 12:
        return [(float(value), str(value)) for value in range(math.ceil(low), math.floor(high) + 1)]
    step = 10 ** math.floor(math.log10((high - low) / TICKS))
    step *= next(by for by in (1, 2, 5, 10) if (high - low) / (by * step) <= TICKS + 1)
    return [(value * step, number(value * step)) for value in range(math.ceil(low / step), math.floor(high / step) + 1)]
