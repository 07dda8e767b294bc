"""Each hyperparameter against the dev score, one small chart apiece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from ikura.page.figure import Trace, axis, css, evenly, figure, legend, plot_text, rounded
from ikura.page.formatting import listed, number, plural
from ikura.page.markup import Html, element, join
from ikura.page.traces import scatter
from ikura.report.charts.trend import FEWEST, places, trend
from ikura.report.charts.value_axis import Scale, scale_of
from ikura.report.view import View
from ikura.trial_state import State

__all__ = ["hyperparameters", "score_range"]

MOST_POINTS = 800
MOST_STAGES = 6
MOST_BEST = 60
GOOD_SHARE = 0.2
MOST_GOOD = 20
FEW_TRIALS = 8
DIGITS = 7
SAID = frozenset((State.DIVERGED, State.FROZEN, State.INFEASIBLE))
"""States that are said of a point in place of its score."""


def hyperparameters(view: View) -> Html | None:
    """Draw every hyperparameter that varied against the dev score, on its own scale.

    Args:
        view: the study.

    Returns:
        Legend and charts; None when nothing varied or no trial stands in the table.
    """
    if not view.varying or not len(view.search):
        return None
    rows = _sample(view)
    low, high = score_range(view)
    charts = [_chart(view, name, rows, (low, high)) for name in view.by_importance]
    entries = _stages(view)
    if any(stage.region for stage in view.stages[1:]):
        entries.append(("area --stage-3", "where a stage zoomed in"))
    if len(view.scored) >= FEWEST:
        entries += [
            ("line --trend", "median"),
            ("dashes --trend", "best"),
            ("band --trend", "middle half of the trials"),
        ]
    if len(view.retrained):
        entries.append(("ring --ink", "finalists"))
    if view.ranked["chosen"].any():
        entries.append(("star --mark-0", "chosen"))
    if (view.search["state"] == State.DIVERGED).any():
        entries.append(("cross --muted", "diverged, at the edge"))
    if (view.search["state"] == State.FROZEN).any():
        entries.append(("cross --muted", "did not move, at the edge"))
    if (view.search["state"] == State.INFEASIBLE).any():
        entries.append(("cross --mark-2", "infeasible, at the edge"))
    return join(
        element("p", _sentence(view, rows, (low, high))),
        *(element("p", f"{line}.") for line in view.widened),
        legend(entries),
        element("div", *charts, class_="multiples"),
    )


def _stages(view: View) -> list[tuple[str, str]]:
    """The legend's entries for the stages; of many stages those of one colour and length share one."""
    many = len(view.stages) > MOST_STAGES
    entries = []
    for _, alike in groupby(view.stages, lambda stage: (stage.colour, stage.epochs) if many else stage.stage):
        first, *others = alike
        name = f"{first.name} to {others[-1].name}" if others else first.name
        trials = sum(stage.trials for stage in (first, *others))
        entries.append((f"dot {first.colour}", f"{name}: {plural(trials, 'trial')}" + _epochs(first.epochs)))
    return entries


def score_range(view: View) -> tuple[float, float]:
    """Choose the part of the score axis worth showing: from the worst tenth's end to the best score, with room.

    Args:
        view: the study.

    Returns:
        The lower and the upper end of the axis.
    """
    merits = np.sort(view.scored["dev_score"].to_numpy(dtype=float) * view.better)
    if not merits.size:
        return 0.0, 1.0
    best, quarter, worst = (float(merits[int(share * (merits.size - 1))]) for share in (1, 0.25, 0.1))
    # Trials much further off than the worst quarter's end would press all others together.
    worst = max(worst, best - 2.5 * (best - quarter)) if best > quarter else worst
    margin = 0.07 * (best - worst) or 0.05 * abs(best) or 0.05
    ends = ((worst - margin) * view.better, (best + margin) * view.better)
    # The same digits as the points have: one that is clipped to the axis' end must not be rounded beyond it.
    low, high = (float(f"{end:.{DIGITS}g}") for end in sorted(ends))
    return low, high


def _sample(view: View) -> pd.DataFrame:
    """At most `MOST_POINTS` trials, evenly, and the best and the finalists always."""
    rows = view.search
    if len(rows) <= MOST_POINTS:
        return rows
    numbers = set(rows["number"].iloc[evenly(len(rows), MOST_POINTS - MOST_BEST)])
    numbers |= set(view.ranked["number"].head(MOST_BEST)) | set(view.ranked.loc[view.ranked["chosen"], "number"])
    return rows[rows["number"].isin(numbers)]


def _chart(view: View, name: str, rows: pd.DataFrame, ends: tuple[float, float]) -> Html:
    scale = scale_of(view.record.searched[name], view.values(name))
    edge = ends[0] if view.better > 0 else ends[1]
    crosses = {State.DIVERGED: "--muted", State.FROZEN: "--muted", State.INFEASIBLE: "--mark-2"}
    traces = trend(view.scored, name, scale, ends, view.better)
    marks = _Marks.of(rows, name, scale, view.metric)
    failed = np.isin(marks.states, list(crosses))
    traces += [
        marks.trace((marks.stages == one.stage) & ~failed, ends, one.colour, opacity=0.75) for one in view.stages
    ]
    failures = marks.at_height(edge) if failed.any() else marks
    traces += [
        failures.trace(
            failures.states == state, ends, colour, symbol="x-thin", line={"width": 1.3, "color": css(colour)}
        )
        for state, colour in crosses.items()
    ]
    again = _Marks.of(view.retrained, name, scale, view.metric)
    traces.append(again.trace(None, ends, "--ink", 11, symbol="circle-open", line={"width": 1.6}))
    chosen = _Marks.of(view.chosen_row, name, scale, view.metric)
    traces.append(chosen.trace(None, ends, "--mark-0", 14, symbol="star"))
    shapes = [
        {"type": "rect", "xref": "x", "yref": "paper", "x0": left, "x1": right, "y0": 0, "y1": 1, "layer": "below"}
        | {"fillcolor": css(stage.colour), "opacity": 0.11, "line": {"width": 0}}
        for stage in view.stages[1:]
        for left, right in scale.span(stage.region.get(name, []))
    ]
    return figure(
        [trace for trace in traces if trace["x"]],
        {
            "xaxis": scale.axis,
            "yaxis": axis(range=list(ends), nticks=5, tickformat="~g"),
            "shapes": shapes,
            "margin": {"l": 40, "r": 8, "t": 6, "b": 28},
        },
        title=join(element("code", name), element("small", scale.words)),
        caption=_caption(view, name, scale),
        label=f"dev {view.metric} against {name}",
        height=220,
    )


@dataclass(frozen=True)
class _Marks:
    """Trials on a chart: where each stands, and what is said of it.

    Attributes:
        numbers, states, stages, scores: of the trials, shape (trials,).
        x: where they stand on the horizontal axis, rounded.
        words: their values, as the page writes them.
        hover: what is said of a point, in Plotly's words.
    """

    numbers: np.ndarray
    states: np.ndarray
    stages: np.ndarray
    scores: np.ndarray
    x: list[float | None]
    words: list[str]
    hover: str

    @classmethod
    def of(cls, rows: pd.DataFrame, name: str, scale: Scale, metric: str) -> _Marks:
        """Place those trials that have a place on the axis."""
        at = places(rows[name], scale)
        known = np.flatnonzero(np.isfinite(at))
        numbers = rows["number"].to_numpy()[known]
        values = rows[name].iloc[known].tolist()
        written = {(type(value), value): plot_text(number(value)) for value in values}
        hover = f"trial %{{customdata[0]}}<br>{plot_text(name)} %{{customdata[1]}}<br>{plot_text(metric)} "
        x = rounded(at[known] + scale.spread(numbers), DIGITS)
        states, stages = (rows[column].to_numpy(object)[known] for column in ("state", "stage"))
        scores = rows["dev_score"].to_numpy(dtype=float)[known]
        return cls(numbers, states, stages, scores, x, [written[type(value), value] for value in values], hover)

    def at_height(self, score: float) -> _Marks:
        """The same trials, each with this score."""
        return replace(self, scores=np.full(len(self.scores), score))

    def trace(
        self, which: np.ndarray | None, ends: tuple[float, float], colour: str, size: int = 6, **marker: Any
    ) -> Trace:
        """One trace of some of them, or of all; scores off the axis stand on its edge."""
        places = np.arange(len(self.x)) if which is None else np.flatnonzero(which)
        scores = self.scores[places]
        data = [
            [trial, self.words[place], state if state in SAID else number(score)]
            for trial, place, state, score in zip(
                self.numbers[places].tolist(), places.tolist(), self.states[places], scores.tolist(), strict=True
            )
        ]
        return scatter(
            [self.x[place] for place in places.tolist()], rounded(np.clip(scores, *ends).tolist(), DIGITS), colour,
            "markers", self.hover + "%{customdata[2]}", size, marker=marker, customdata=data, cliponaxis=False,
        )  # fmt: skip


def _caption(view: View, name: str, scale: Scale) -> str | None:
    """Say in words where the good values are."""
    good = view.ranked.head(min(MOST_GOOD, max(4, int(GOOD_SHARE * len(view.ranked)))))
    values = [value for value in good[name] if not _missing(value)]
    if not values:
        return None
    if len(view.ranked) < FEW_TRIALS:
        return f"Tried: {listed(list(dict.fromkeys(scale.write(value) for value in values)), 4)}."
    if scale.name == "choice":
        counts = pd.Series([number(value) for value in values]).value_counts()
        return f"Best {len(good)} trials: {listed([f'{option} {times}×' for option, times in counts.items()], 3)}."
    if len(values) < len(good):
        return f"Used by {len(values)} of the best {len(good)} trials: {_span(values, scale)}."
    return f"Best {len(good)} trials: {_span(values, scale)}."


def _span(values: Sequence[Any], scale: Scale) -> str:
    low, high = scale.write(min(values)), scale.write(max(values))
    return low if low == high else f"{low} to {high}"


def _sentence(view: View, rows: pd.DataFrame, ends: tuple[float, float]) -> str:
    scores = view.scored["dev_score"]
    off = int((scores < ends[0]).sum() if view.better > 0 else (scores > ends[1]).sum())
    direction = "higher" if view.better > 0 else "lower"
    sentences = [f"Each dot is a trial, its height the dev {view.metric}: {direction} is better."]
    if len(rows) < len(view.search):
        sentences.append(
            f"Of {len(view.search):,} trials, {len(rows):,} are drawn: the best {MOST_BEST} and an even sample."
        )
    if off:
        sentences.append(f"{plural(off, 'trial')} beyond the axis {'stands' if off == 1 else 'stand'} on its edge.")
    if view.record.space_note:
        sentences.append(str(view.record.space_note).rstrip(".") + ".")
    return " ".join(sentences)


def _epochs(epochs: int | None) -> str:
    return "" if epochs is None else f" of {plural(epochs, 'epoch')}"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))
