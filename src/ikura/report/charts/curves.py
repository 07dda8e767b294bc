"""Learning curves: the crowd in one faint trace, the best few in colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ikura.page.figure import Axis, Trace, axis, evenly, figure, legend, log_tick, rounded
from ikura.page.formatting import count, plural, score
from ikura.page.markup import Html, element, join
from ikura.page.traces import scatter
from ikura.report.view import View

__all__ = ["curves"]

MOST_CURVES = 300
MOST_EPOCHS = 200
HIGHLIGHTED = 5
COLUMNS = ("number", "epoch", "train_loss", "dev_loss", "dev_score")


def curves(view: View) -> Html | None:
    """Draw loss against epoch, training and dev side by side on the same axes.

    Args:
        view: the study.

    Returns:
        Legend and two figures; None when no epoch is recorded.
    """
    best = view.ranked.sort_values("chosen", ascending=False, kind="stable").head(HIGHLIGHTED)
    marked = [int(number) for number in best["number"]]
    numbers = np.unique(view.trials["number"].to_numpy()).tolist()
    # The curves of the best trials come on top of the sample, so that a few more than MOST_CURVES may be drawn.
    sample = sorted(_sample(view, numbers) | set(marked))
    frame = view.record.curves(sample) if sample else pd.DataFrame()
    if not len(frame):
        return None
    frame = frame.reindex(columns=list(COLUMNS)).replace([np.inf, -np.inf], np.nan)
    frame = frame.sort_values(["number", "epoch"], kind="stable")
    scale = _losses(frame)
    by_number = _by_number(frame)
    marked = [number for number in marked if number in by_number]
    crowd = [curve for number, curve in by_number.items() if number not in marked]
    charts = [
        figure(
            _traces(view, column, crowd, by_number, marked),
            {
                "xaxis": axis("epoch", rangemode="tozero", showgrid=False),
                "yaxis": axis(None, **scale),
                "margin": {"l": 52, "r": 10, "t": 8, "b": 42},
            },
            title=title,
            label=f"{title} by epoch for {len(by_number)} trials",
            height=360,
        )
        for column, title in (("train_loss", "Training loss"), ("dev_loss", "Dev loss"))
    ]
    return join(
        element(
            "p", _sentence(view, len(numbers) if len(sample) < len(numbers) else len(by_number), len(by_number), frame)
        ),
        legend(
            [(f"line --mark-{place}", f"trial {number}{_score(view, number)}") for place, number in enumerate(marked)]
            + ([("line --crowd", "the others")] if crowd else [])
        ),
        element("div", *charts, class_="pair"),
    )


def _sample(view: View, numbers: Sequence[int]) -> set[int]:
    """Half of the curves evenly from the best trial to the worst, half evenly over all, diverged ones among them."""
    if len(numbers) <= MOST_CURVES:
        return set(numbers)
    by_rank = view.ranked["number"].to_numpy()
    quantiles = {int(by_rank[place]) for place in evenly(len(by_rank), MOST_CURVES // 2)}
    return quantiles | {numbers[place] for place in evenly(len(numbers), MOST_CURVES - len(quantiles))}


def _by_number(frame: pd.DataFrame) -> dict[int, dict[str, np.ndarray]]:
    """The curve of each trial: its columns, of shape (epochs,); of a long one some epochs."""
    columns = {name: frame[name].to_numpy() for name in COLUMNS}
    begins = np.flatnonzero(np.diff(columns["number"], prepend=-1))
    found = {}
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(frame)], strict=True):
        few = end - begin <= MOST_EPOCHS
        places = slice(begin, end) if few else begin + np.asarray(evenly(end - begin, MOST_EPOCHS))
        found[int(columns["number"][begin])] = {name: column[places] for name, column in columns.items()}
    return found


def _traces(
    view: View,
    column: str,
    crowd: Sequence[dict[str, np.ndarray]],
    by_number: dict[int, dict[str, np.ndarray]],
    marked: Sequence[int],
) -> list[Trace]:
    x: list[int | None] = []
    y: list[float | None] = []
    for curve in crowd:
        x += [*curve["epoch"].tolist(), None]
        y += [*rounded(curve[column], 4), None]
    traces: list[Trace] = []
    if crowd:
        traces.append(scatter(x, y, "--crowd", line={"width": 1}, type="scattergl", connectgaps=False))
    for place, number in reversed(list(enumerate(marked))):
        curve = by_number[number]
        traces.append(
            scatter(
                curve["epoch"].tolist(),
                rounded(curve[column], 4),
                f"--mark-{place}",
                "lines" if len(curve["epoch"]) > 1 else "markers",
                f"trial {number}<br>epoch %{{x}}<br>loss %{{y:.4g}}",
                size=8,
                line={"width": 3 if place == 0 else 2},
                type="scattergl",
            )
        )
    return traces


def _losses(frame: pd.DataFrame) -> Axis:
    """The loss axis: logarithmic, cut where only diverging or overfitted curves are; a loss of 0 is not drawn."""
    losses = frame[["train_loss", "dev_loss"]].to_numpy(dtype=float)
    losses = losses[np.isfinite(losses) & (losses > 0)]
    dev = frame["dev_loss"].dropna()
    dev = dev[dev > 0]
    if not losses.size or not len(dev):
        return {}
    low = max(losses.min(), dev.quantile(0.01) / 30)
    high = max(np.quantile(losses, 0.98), dev.min())
    margin = 0.05 * max(np.log10(high / low), 0.1)
    return {
        "type": "log",
        "range": [float(np.log10(low) - margin), float(np.log10(high) + margin)],
        "tickformat": "~g",
        "dtick": log_tick(float(np.log10(high / low))),
    }


def _score(view: View, number: int) -> str:
    row = view.ranked[view.ranked["number"] == number].iloc[0]
    return f", {score(row['dev_score'])}{', chosen' if row['chosen'] else ''}"


def _sentence(view: View, trials: int, drawn: int, frame: pd.DataFrame) -> Html:
    sampled = (
        f"Of {count(trials)} curves, {count(drawn)} are drawn: the best, a sample from the best to the worst, "
        "and one over all trials"
        if trials > drawn
        else f"{'All ' if drawn > 1 else ''}{plural(drawn, 'curve')} {'are' if drawn > 1 else 'is'} drawn"
    )
    thinned = (
        f"; of a long curve at most {MOST_EPOCHS} epochs" if frame.groupby("number").size().max() > MOST_EPOCHS else ""
    )
    best = f"The best by dev {view.metric} stand out. " if len(view.ranked) else ""
    again = ", finalists trained again among them" if len(view.trials) > len(view.search) else ""
    counted = "" if view.record.task == "regression" else "; the dev loss counts one more example, of any class"
    return join(
        f"{sampled}{again}{thinned}. {best}Both charts share one axis. The training "
        "loss holds the penalty on the weights and the noise of dropout, so that it may lie above the dev loss"
        f"{counted}. Drag to zoom, double-click to return."
    )
