"""Tables and charts of settings for large batches, compared under the same seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ikura.experiments.charts import Line, chart, level, short
from ikura.experiments.claim import mean_interval, mean_intervals
from ikura.experiments.large_batch_columns import Setting
from ikura.page.html_tables import block
from ikura.page.markup import Html, element, passage
from ikura.trial_state import State

__all__ = ["OPTIONS", "curves", "distance", "diverged", "gaps_of", "results_table"]

OPTIONS: Mapping[str, str] = {
    "network": "f1, c1, c3, resnet44, wrn16-4, vgg or alexnet, with the paper's settings",
    "data": "images, as for ikura tune",
    "train_size": "training examples",
    "width": "hidden units of each layer of f1",
    "batch_size": "examples of the small batch, and of a ghost",
    "ratio": "large batch / small batch",
    "epochs": "epochs of the small batch",
    "learning_rate": "learning rate of the small batch",
    "device": "a torch device",
}
"""Options of an experiment that trains such columns."""

COLOURS = ("--ink", "--mark-0", "--mark-1", "--mark-2", "--mark-3", "--mark-4")


def gaps_of(results: pd.DataFrame, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Test accuracy of the small batch less that of each column, percentage points, one a seed."""
    accuracy = results.pivot_table(index="repetition", columns="column", values="accuracy", dropna=False)
    accuracy = accuracy.reindex(columns=list(names))
    return {name: (accuracy["small"] - accuracy[name]).to_numpy(float) for name in names}


def results_table(
    results: pd.DataFrame,
    gaps: Mapping[str, np.ndarray],
    setting: Setting,
    columns: Mapping[str, str],
    published: tuple[str, Sequence[float | None]] | None = None,
) -> Html:
    """List what each column came to, with its gap to the small batch.

    Args:
        results: one row for each column and seed.
        gaps: as `gaps_of` gives them.
        setting: what was trained.
        columns: name to words, the small batch first.
        published: data set of published accuracies in per cent, and these in the order of the columns.
    """
    rows = []
    for place, (name, words) in enumerate(columns.items()):
        own = results[results["column"] == name]
        first = own.iloc[0]
        mean, low, high = mean_interval(gaps[name])
        rows.append(
            [
                words,
                f"{first['batch_size']}",
                f"{first['learning_rate']:.3g}",
                f"{first['epochs']:,}",
                f"{first['updates']:,}",
                short(own["accuracy"].to_numpy(), 4),
                "–" if name == "small" else f"{mean:.2f} ({low:.2f} to {high:.2f})".replace("-", "−"),
                short(own["train_loss"].to_numpy(), 3),
            ]
        )
        if published is not None:
            paper = published[1][place]
            rows[-1].append("–" if paper is None else f"{paper:.2f}")
    headings = [
        "setting", "batch", "learning rate", "epochs", "updates", "test accuracy, %", "gap (95 % interval)",
        "training loss", *([] if published is None else [f"paper, {published[0]}"]),
    ]  # fmt: skip
    names = list(columns)[1:]
    means = mean_intervals(gaps[name] for name in names)
    line = Line("", [columns[name] for name in names], *means, mode="markers")
    nothing, what = level(0, dash="dot"), "gap to the small batch, points"
    return passage(
        setting.sentence(),
        block(headings, rows),
        "± and brackets are 95 % intervals over seeds; gaps are paired.",
        chart([line], "setting", what, title="Generalisation gap", shapes=[nothing]),
    )


def curves(found: pd.DataFrame, columns: Mapping[str, str], note: str = "") -> Html:
    """Draw dev error and training loss on the way."""
    log = {"type": "log", "dtick": 1}
    charts = [
        chart(_lines(found, columns, x, y), title, label, title=heading, xaxis=log, yaxis=axis)
        for x, title, y, label, heading, axis in (
            ("epoch", "epoch", "dev_error", "dev error, %", "Dev error by epoch", None),
            ("update", "update", "dev_error", "dev error, %", "Dev error by update", None),
            ("epoch", "epoch", "train_loss", "training loss", "Training loss by epoch", {"type": "log"}),
        )
    ]
    return passage(f"Means over seeds. {note}".rstrip(), element("div", *charts, class_="multiples"))


def distance(found: pd.DataFrame, layers: pd.DataFrame, columns: Mapping[str, str]) -> Html:
    """Draw the distance from the initial weights, and list where each layer ended."""
    log = {"type": "log", "dtick": 1}
    lines = _lines(found, columns, "update", "distance")
    ends = layers.groupby(["column", "layer"], sort=False)["distance"].mean().unstack("column", sort=False)
    rows = [[layer, *(f"{ends.loc[layer, name]:.3g}" for name in columns)] for layer in ends.index]
    return passage(
        "‖w − w₀‖ after each epoch, against the number of updates. Where settings diffuse at the same rate, their "
        "curves lie on one another while the learning rate is high.",
        chart(lines, "update", "distance from the initial weights", xaxis=log),
        block(["layer, at the end", *columns.values()], rows),
    )


def _lines(curves: pd.DataFrame, columns: Mapping[str, str], x: str, y: str) -> list[Line]:
    found = []
    for (name, words), colour in zip(columns.items(), COLOURS, strict=True):
        means = curves[curves["column"] == name].groupby("epoch", as_index=False).mean(numeric_only=True)
        places, values = means[x].tolist(), means[y].tolist()
        found.append(Line(words, places, values, colour=colour, mode="lines"))
    return found


def diverged(results: pd.DataFrame, columns: Mapping[str, str]) -> list[str]:
    """Say how many networks of which column diverged."""
    lost = results[results["state"] == State.DIVERGED]
    counts = lost.groupby("column").size().to_dict()
    return [f"{count} of the networks of “{columns[str(name)]}” diverged." for name, count in counts.items()]
