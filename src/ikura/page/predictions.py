"""Charts of predictions: a confusion matrix, or predicted against true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ikura.page.figure import axis, css, evenly, figure, plot_text, rounded
from ikura.page.formatting import NOTHING, count, number, plural, score
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join
from ikura.page.traces import scatter

__all__ = ["MOST_CLASSES", "MOST_POINTS", "confusion", "predicted"]


MOST_CLASSES = 40


MOST_POINTS = 2000


WRITTEN_CLASSES = 16


OTHER = "all others"


def predicted(predictions: Mapping[str, Any], task: str, part: str) -> Html | None:
    """Draw predictions: a confusion matrix with a table of classes, or two charts of a regression's errors.

    Args:
        predictions: target, prediction and classes.
        task: "binary", "multiclass" or "regression".
        part: the set that they are of, "test" or "dev".
    """
    if not predictions["target"]:
        return None
    return _numbers(predictions, part) if task == "regression" else _classes(predictions, part)


def confusion(predictions: Mapping[str, Any], most: int = MOST_CLASSES) -> tuple[list[str], np.ndarray]:
    """Count predicted classes for every true class.

    Args:
        predictions: classes, and target and prediction as places in classes.
        most: classes to tell apart at most; the rarest beyond that are taken together.

    Returns:
        The names of the classes, and counts of shape (classes, classes), a row for each true class.

    Example:
        >>> confusion({"target": [0, 1, 1], "prediction": [0, 1, 0], "classes": ["a", "b"]})[1].tolist()
        [[1, 0], [1, 1]]
    """
    names = [str(one) for one in predictions["classes"]]
    target, prediction = (np.asarray(predictions[part]).astype(int) for part in ("target", "prediction"))
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (target, prediction), 1)
    if len(names) <= most:
        return names, counts
    common = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: most - 1])
    group = np.full(len(names), most - 1)
    group[common] = np.arange(most - 1)
    grouped = np.zeros((most, most), dtype=int)
    np.add.at(grouped, (group[:, None], group[None, :]), counts)
    return [*(names[place] for place in common), OTHER], grouped


def _classes(predictions: Mapping[str, Any], part: str) -> Html:
    names, counts = confusion(predictions)
    truth, guessed, right = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
    shares = counts / np.maximum(truth, 1)[:, None]
    labels = [plot_text(name if len(name) <= 24 else name[:23] + "…") for name in names]
    written = len(names) <= WRITTEN_CLASSES
    places = list(range(len(names)))
    trace = {
        "type": "heatmap",
        "x": places,
        "y": places,
        "z": [rounded(row, 3) for row in np.where(np.eye(len(names), dtype=bool), shares, -shares)],
        "text": [[count(cell) if cell else "" for cell in row] for row in counts] if written else None,
        "texttemplate": "%{text}" if written else None,
        "textfont": {"size": 13},
        "customdata": [
            [[labels[i], labels[j], int(counts[i, j]), round(float(100 * shares[i, j]), 1)] for j in range(len(names))]
            for i in range(len(names))
        ],
        "colorscale": [
            [0, css("--wrong-2")],
            [0.45, css("--wrong-1")],
            [0.5, css("--heat-0")],
            [0.55, css("--heat-1")],
            [1, css("--heat-2")],
        ],
        "zmin": -1,
        "zmax": 1,
        "showscale": False,
        "xgap": 3 if written else 1,
        "ygap": 3 if written else 1,
        "hovertemplate": "true %{customdata[0]}<br>predicted %{customdata[1]}<br>%{customdata[2]} rows, "
        "%{customdata[3]} % of the class<extra></extra>",
    }
    ticks = {"tickvals": places, "ticktext": labels, "showgrid": False, "ticks": "", "showline": False}
    chart = figure(
        [trace],
        {
            "xaxis": axis("predicted", side="bottom", **ticks),
            "yaxis": axis("true", autorange="reversed", **ticks),
            "margin": {"l": 60, "r": 10, "t": 8, "b": 50},
        },
        title="Confusion matrix",
        label=f"confusion matrix of {len(names)} classes",
        height=int(min(760, max(300, 130 + 46 * len(names)))),
    )
    rows = [
        (name, count(truth[i]), _share(right[i], truth[i]), _share(right[i], guessed[i]))
        for i, name in enumerate(names)
    ]
    listing = table(("class", "rows", "found", "right when predicted"), rows)
    wrong = int(truth.sum() - right.sum())
    return join(
        element("p", _confused(names, counts, wrong, part)),
        element("div", chart, element("figure", element("h3", "Class by class"), listing), class_="pair"),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else NOTHING


def _confused(names: Sequence[str], counts: np.ndarray, wrong: int, part: str) -> str:
    total = int(counts.sum())
    off = counts - np.diag(counts.diagonal())
    row, column = divmod(int(off.argmax()), len(names))
    if wrong == 1:
        return f"1 of {plural(total, 'row')} of the {part} set is misclassified: {names[row]} as {names[column]}."
    if wrong == 0:
        return f"All {plural(total, 'row')} of the {part} set are classified correctly."
    return (
        f"{count(wrong)} of {plural(total, 'row')} of the {part} set are misclassified, most often "
        f"{names[row]} as {names[column]} ({int(off[row, column])}×). Each row of the matrix is a true class, "
        "the colour is the share of that class: salmon where it is right, blue where it is not."
    )


def _numbers(predictions: Mapping[str, Any], part: str) -> Html | None:
    truth, guess = (
        pd.to_numeric(pd.Series(list(predictions[part])), errors="coerce") for part in ("target", "prediction")
    )
    known = np.isfinite(truth) & np.isfinite(guess)
    lost = int((~known).sum())
    truth, guess = truth[known].to_numpy(dtype=float), guess[known].to_numpy(dtype=float)
    if not truth.size:
        return None
    ends = [float(min(truth.min(), guess.min())), float(max(truth.max(), guess.max()))]
    margin = 0.04 * (ends[1] - ends[0]) or 1.0
    ends = [ends[0] - margin, ends[1] + margin]
    drawn = evenly(truth.size, MOST_POINTS)
    error = guess - truth
    against = figure(
        [
            scatter(ends, ends, "--muted", line={"width": 1, "dash": "dot"}),
            scatter(
                rounded(truth[drawn]),
                rounded(guess[drawn]),
                "--roe",
                "markers",
                "true %{x:.4g}<br>predicted %{y:.4g}",
                size=6,
                marker={"opacity": 0.55},
            ),
        ],
        {
            "xaxis": axis("true", range=ends),
            "yaxis": axis("predicted", range=ends),
            "margin": {"l": 60, "r": 10, "t": 8, "b": 44},
        },
        title="Predicted against true",
        caption=f"{len(drawn):,} of {truth.size:,} rows are drawn." if len(drawn) < truth.size else None,
        label=f"predicted against true values of the {part} set",
        height=380,
    )
    heights, edges = np.histogram(error, bins=min(60, max(8, int(np.sqrt(error.size)) * 2)))
    histogram = figure(
        [
            {
                "type": "bar",
                "x": rounded((edges[1:] + edges[:-1]) / 2),
                "y": heights.tolist(),
                "width": float(edges[1] - edges[0]) * 0.92,
                "marker": {"color": css("--roe"), "line": {"width": 0}},
                "hovertemplate": "error about %{x:.3g}<br>%{y} rows<extra></extra>",
            }
        ],
        {
            "xaxis": axis("predicted − true", showgrid=False),
            "yaxis": axis("rows"),
            "margin": {"l": 50, "r": 10, "t": 8, "b": 44},
        },
        title="Errors",
        label=f"histogram of the errors on the {part} set",
        height=380,
    )
    half, most = (score(float(np.quantile(np.abs(error), share)), 3) for share in (0.5, 0.9))
    sentence = (
        f"Half of the predictions for the {part} set's {plural(truth.size, 'row')} lie within {half} of the truth, "
        f"nine in ten within {most}; on average they are {number(abs(float(error.mean())), 3)} too "
        f"{'high' if error.mean() > 0 else 'low'}."
    )
    if lost:
        sentence += f" {plural(lost, 'prediction')} without a finite value {'is' if lost == 1 else 'are'} left out."
    return join(element("p", sentence), element("div", against, histogram, class_="pair"))
