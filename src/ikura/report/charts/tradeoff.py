"""The Pareto front: dev score against every other objective, and a table of what nothing else is better than."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ikura.page.figure import Trace, axis, evenly, figure, legend, log_tick, plot_text, rounded
from ikura.page.formatting import as_float, count, number, plural, score
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join
from ikura.page.traces import scatter
from ikura.report.view import View
from ikura.trial_state import TRAINED

__all__ = ["tradeoff"]

MOST_POINTS = 2000
MOST_ROWS = 20
LOG_FROM = 20.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""


def tradeoff(view: View) -> Html | None:
    """Draw the dev score against each further objective, with the front, and list the front.

    Args:
        view: the study.

    Returns:
        Charts and a table; None when the dev score is the only objective, or no trial has a score.
    """
    names = list(view.record.objectives[1:])
    known = view.scored[view.scored["state"].isin(TRAINED)]
    if not names or not len(known):
        return None
    found = view.record.pareto
    words = [_words(name) for name in names]
    entries = [("dot --stage-0", "trials"), ("dot --roe", "on the front")]
    if found["chosen"].any():
        entries.append(("star --mark-0", "chosen"))
    charts = [_chart(view, name, known, found) for name in names]
    direction = "higher" if view.better > 0 else "lower"
    sentence = (
        f"Of {plural(len(known), 'trial')} that ended with a dev score, {count(len(found))} "
        f"{'is' if len(found) == 1 else 'are'} on the Pareto front: no other has a {direction} dev {view.metric} "
        f"without more {' or '.join(words)}."
    )
    return join(
        element("p", sentence),
        _choice(view),
        legend(entries),
        element("div", *charts, class_="pair" if len(charts) > 1 else "single"),
        _table(view, names, found),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _chart(view: View, name: str, known: pd.DataFrame, found: pd.DataFrame) -> Html:
    shown = known[known[name].notna()]
    drawn = shown.iloc[evenly(len(shown), MOST_POINTS)]
    # The part of the front that this axis shows: with three objectives it need not be monotonous.
    line = found[found[name].notna()].sort_values([name, "dev_score"], ascending=[True, view.better < 0])
    values = shown[name].to_numpy(dtype=float)
    positive = values.size > 0 and values.min() > 0
    logarithmic = positive and values.max() / values.min() >= LOG_FROM
    ticks: dict[str, object] = {"tickformat": "~s" if name == "parameters" else "~g"}
    if logarithmic:
        ticks |= {"type": "log", "dtick": log_tick(float(np.log10(values.max() / values.min())))}
    traces = [
        _points(drawn, name, view, "--stage-0", 6, opacity=0.55),
        _points(line, name, view, "--roe", 9, joined=len(view.record.objectives) == 2),
        _points(line[line["chosen"]], name, view, "--mark-0", 16, symbol="star"),
    ]
    return figure(
        [trace for trace in traces if trace["x"]],
        {
            "xaxis": axis(_words(name), **ticks),
            "yaxis": axis(f"dev {view.metric}", tickformat="~g"),
            "margin": {"l": 60, "r": 12, "t": 8, "b": 44},
        },
        title=f"Dev {view.metric} against {_words(name)}",
        label=f"dev {view.metric} against {_words(name)}, with the Pareto front",
        height=340,
    )


def _points(
    rows: pd.DataFrame, name: str, view: View, colour: str, size: int, joined: bool = False, **marker: Any
) -> Trace:
    lines = [f"{plot_text(_words(one))} %{{customdata[{i}]}}" for i, one in enumerate(view.record.objectives[1:], 2)]
    data = [
        [int(trial), score(dev), *map(number, costs)]
        for trial, dev, *costs in rows[["number", "dev_score", *view.record.objectives[1:]]].to_numpy(object)
    ]
    hover = "<br>".join(["trial %{customdata[0]}", f"{plot_text(view.metric)} %{{customdata[1]}}", *lines])
    return scatter(
        rounded(rows[name], 7), rounded(rows["dev_score"], 7), colour, "lines+markers" if joined else "markers", hover,
        size, {"shape": "hv", "width": 1.5}, marker, customdata=data,
    )  # fmt: skip


def _choice(view: View) -> Html | None:
    choice = view.record.choice
    if choice is None:
        return None
    what, margin = _words(choice.prefer), score(choice.margin)
    if view.record.best is not None and choice.best == view.record.best.number:
        text = f"No configuration within {margin} of the best dev {view.metric} has fewer {what}: the best is chosen."
    else:
        text = (
            f"The configuration with the fewest {what} within {margin} of the best dev {view.metric} is chosen: it has "
            f"{number(as_float(choice.cost))}, where the best one, trial {choice.best}, has "
            f"{number(as_float(choice.best_cost))} and a dev {view.metric} of {score(choice.best_dev)}."
        )
    return element("p", text)


def _table(view: View, names: list[str], found: pd.DataFrame) -> Html:
    varying = [name for name in view.varying if name in found]
    columns = ["number", "chosen", "dev_score", *names, *varying]
    rows = [
        [
            join(f"{trial}", element("span", "chosen", class_="badge chosen") if chosen else None),
            element("b", score(dev)),
            *map(number, values),
        ]
        for trial, chosen, dev, *values in found[columns].head(MOST_ROWS).to_numpy(object)
    ]
    wordy = {name for name in varying if any(isinstance(value, str) for value in found[name])}
    chosen = [place for place, is_chosen in enumerate(found["chosen"].head(MOST_ROWS)) if is_chosen]
    headings = ["trial", f"dev {view.metric}", *(_words(name) for name in names), *varying]
    more = len(found) - MOST_ROWS
    return join(
        table(headings, rows, marked=chosen[0] if chosen else None, words=wordy),
        element("p", f"{plural(more, 'more trial')} of the front {'is' if more == 1 else 'are'} not listed.")
        if more > 0
        else None,
    )
