"""The generalisation gap of large batches, and what closes it: the table of Hoffer et al. 2017."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import Line, chart, short
from ikura.experiments.claim import Claim, mean_interval
from ikura.experiments.large_batch_columns import COLUMNS, Setting, columns
from ikura.report.markup import Html, element, join
from ikura.report.tables import table

__all__ = ["EXPERIMENT", "LargeBatch"]

POINTS = 60
"""Points of a curve at most, spaced evenly in the logarithm of the epoch."""

MARGIN = 0.3
"""Percentage points by which a setting may be worse and still count as without loss."""

COLOURS = ("--ink", "--mark-0", "--mark-1", "--mark-2", "--mark-3", "--mark-4")

PAPER: dict[str, tuple[str, tuple[float | None, ...]]] = {
    "f1": ("MNIST", (98.27, 97.05, 97.55, 97.60, None, 98.53)),
    "c1": ("CIFAR-10", (87.80, 83.95, 86.15, 86.4, None, 88.20)),
    "resnet44": ("CIFAR-10", (92.83, 86.10, 89.30, 90.50, None, 93.07)),
    "vgg": ("CIFAR-10", (92.30, 84.1, 88.6, 91.50, None, 93.03)),
    "c3": ("CIFAR-100", (61.25, 51.50, 57.38, 57.5, None, 63.20)),
    "wrn16-4": ("CIFAR-100", (73.70, 68.15, 69.05, 71.20, None, 73.57)),
    "alexnet": ("ImageNet", (57.10, 41.23, 53.25, 54.92, None, 59.5)),
}
"""Published validation accuracy in per cent, in the order of the columns; the paper has none for clipping alone."""


class LargeBatch(Experiment):
    """Every seed is a repetition; its columns share initial weights and the order of examples.

    Args:
        setting: what is trained.
    """

    name = "large-batch"
    repetitions = 5
    quick_repetitions = 2
    goes_on_within = True
    says: ClassVar[str] = (
        "A network trained with large batches for as many epochs generalises worse. A learning rate raised by the root "
        "of the batch ratio, ghost normalisation and clipping narrow the gap; as many updates as the small batch had "
        "close it."
    )
    method: ClassVar[str] = (
        "Columns add up: each setting keeps the measures of the one before. All are trained to the end of their "
        "schedule; then the test set is opened, once for each network, and the accuracy of the last weights is "
        "measured. Nothing is chosen by it. With one seed all columns share initial weights and the order of examples, "
        "so that gaps are paired; intervals are over seeds, on one training set. Dev examples give the curves only.\n\n"
        "The raised learning rate is that of the small batch times √ratio, a ghost has as many examples as a small "
        "batch, the norm of the gradient is clipped at 5, and regime adaptation makes every phase of the schedule "
        "longer by the batch ratio: as many updates as the small batch has, and ratio times the epochs."
    )
    options: ClassVar[Mapping[str, str]] = {
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

    def __init__(self, setting: Setting | None = None) -> None:
        self._setting = setting or Setting()

    @property
    def setting(self) -> dict[str, Any]:
        return self._setting.resolved().as_dict()

    def configured(self, options: Mapping[str, Any]) -> Self:
        super().configured(options)
        return type(self)(Setting(**options)) if options else self

    def repeat(self, repetition: Repetition) -> Tables:
        return dict(self.repeat_all([repetition]))[repetition.index]

    def repeat_all(self, repetitions: Sequence[Repetition]) -> Iterator[tuple[int, Tables]]:
        if repetitions:
            yield from columns(self._setting.resolved(repetitions[0].quick), repetitions, POINTS)

    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        results, setting = tables["results"], self._setting.resolved(quick)
        accuracy = results.pivot_table(index="repetition", columns="column", values="accuracy", dropna=False)
        accuracy = accuracy.reindex(columns=list(COLUMNS))
        gaps = {name: (accuracy["small"] - accuracy[name]).to_numpy(float) for name in COLUMNS}
        steps = {
            name: (accuracy[name] - accuracy[before]).to_numpy(float)
            for before, name in zip(list(COLUMNS), list(COLUMNS)[1:], strict=False)
        }
        gap, won = "gap in accuracy, percentage points", "accuracy won, percentage points"
        claims = [
            Claim.of_mean("At equal epochs the large batch generalises worse", gap, gaps["large"], least=0),
            Claim.of_mean("The √ rule narrows the gap", won, steps["rate"], least=0),
            Claim.of_mean("Ghost normalisation narrows it further", won, steps["ghost"], least=0),
            Claim.of_mean("Clipping narrows it further", won, steps["clip"], least=0),
            Claim.of_mean("Regime adaptation narrows it further", won, steps["regime"], least=0),
            Claim.of_mean(f"With all measures less than {MARGIN} points are lost", gap, gaps["regime"], most=MARGIN),
        ]
        return Findings(
            claims,
            [
                Section("Table", "The paper's columns", _table(results, gaps, setting)),
                Section("Curves", "On the way", _curves(tables["curves"])),
                Section("Distance", "Distance from the initial weights", _distance(tables["curves"], tables["layers"])),
            ],
            [setting.sentence(), *_diverged(results)],
        )


def _table(results: pd.DataFrame, gaps: Mapping[str, np.ndarray], setting: Setting) -> Html:
    data, published = PAPER[setting.network]
    rows = []
    for (name, words), paper in zip(COLUMNS.items(), published, strict=True):
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
                "–" if paper is None else f"{paper:.2f}",
            ]
        )
    headings = [
        "setting", "batch", "learning rate", "epochs", "updates", "test accuracy, %", "gap (95 % interval)",
        "training loss", f"paper, {data}",
    ]  # fmt: skip
    names = list(COLUMNS)[1:]
    found = [mean_interval(gaps[name]) for name in names]
    means, lows, highs = map(list, zip(*found, strict=True))
    line = Line("", [COLUMNS[name] for name in names], means, lows, highs, mode="markers")
    nothing = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": {"width": 1, "dash": "dot"}}
    return join(
        element("p", setting.sentence()),
        element("div", table(headings, rows), class_="block"),
        element("p", "± and brackets are 95 % intervals over seeds; gaps are paired."),
        chart([line], "setting", "gap to the small batch, points", title="Generalisation gap", shapes=[nothing]),
    )


def _curves(curves: pd.DataFrame) -> Html:
    log = {"type": "log", "dtick": 1}
    charts = [
        chart(_lines(curves, x, y), title, label, title=heading, xaxis=log, yaxis=axis)
        for x, title, y, label, heading, axis in (
            ("epoch", "epoch", "dev_error", "dev error, %", "Dev error by epoch", None),
            ("update", "update", "dev_error", "dev error, %", "Dev error by update", None),
            ("epoch", "epoch", "train_loss", "training loss", "Training loss by epoch", {"type": "log"}),
        )
    ]
    return join(
        element("p", "Means over seeds. The small batch and regime adaptation make as many updates."),
        element("div", *charts, class_="multiples"),
    )


def _distance(curves: pd.DataFrame, layers: pd.DataFrame) -> Html:
    log = {"type": "log", "dtick": 1}
    lines = _lines(curves, "update", "distance")
    ends = layers.groupby(["column", "layer"], sort=False)["distance"].mean().unstack("column", sort=False)
    rows = [[layer, *(f"{ends.loc[layer, name]:.3g}" for name in COLUMNS)] for layer in ends.index]
    return join(
        element(
            "p",
            "‖w − w₀‖ after each epoch, against the number of updates. Where settings diffuse at the same rate, their "
            "curves lie on one another while the learning rate is high.",
        ),
        chart(lines, "update", "distance from the initial weights", xaxis=log),
        element("div", table(["layer, at the end", *COLUMNS.values()], rows), class_="block"),
    )


def _lines(curves: pd.DataFrame, x: str, y: str) -> list[Line]:
    found = []
    for (name, words), colour in zip(COLUMNS.items(), COLOURS, strict=True):
        own = curves[curves["column"] == name].groupby("epoch")[[x, y]].mean() if x != "epoch" else None
        if own is None:
            means = curves[curves["column"] == name].groupby("epoch")[y].mean()
            places, values = means.index.tolist(), means.tolist()
        else:
            places, values = own[x].tolist(), own[y].tolist()
        found.append(Line(words, places, values, colour=colour, mode="lines"))
    return found


def _diverged(results: pd.DataFrame) -> list[str]:
    lost = results[results["state"] == "diverged"]
    counts = lost.groupby("column").size().to_dict()
    return [f"{count} of the networks of “{COLUMNS[str(name)]}” diverged." for name, count in counts.items()]


EXPERIMENT = LargeBatch()
