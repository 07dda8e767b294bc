"""No regularisation, L2 and dropout on two moons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

from ikura.data import prepare
from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import MARKS, averaged_by, chart, plane, short
from ikura.experiments.claim import Claim
from ikura.experiments.populations import probability, train
from ikura.page.html_tables import block
from ikura.page.markup import Html, element, passage
from ikura.space._base import Configuration

__all__ = ["EXPERIMENT", "Regularisation"]

KINDS: dict[str, Configuration] = {"none": {}, "L2": {"l2": 0.01}, "dropout": {"dropout": 0.4}}
COLOURS = dict(zip(KINDS, (MARKS[1], MARKS[0], MARKS[2]), strict=True))
NETWORK = {"layers": 2, "units": 64, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.005}
ROWS, EPOCHS, CELLS = 300, 200, 48


class Regularisation(Experiment):
    """Three networks that differ in their regularisation alone."""

    name = "regularisation"
    says: ClassVar[str] = (
        "L2 drives the weights to lower values; L2 and dropout both reduce overfitting: the boundary becomes "
        "smoother, and the gap between dev and training loss narrower."
    )
    method: ClassVar[str] = (
        f"Two noisy half-moons, {ROWS} points of which 60 % train. A network of twice 64 hidden units with ReLU is "
        f"trained with Adam (learning rate {NETWORK['learning_rate']}, mini-batches of 32) for {EPOCHS} epochs without "
        "stopping early: without regularisation, with L2 of strength 0.01, and with dropout of 0.4 in both hidden "
        "layers. The three are one population: they begin with the same weights and see the same mini-batches. Losses "
        "at the end are those of the plain network on all training and dev examples, dropout switched off and without "
        "the penalty. Each repetition has other points."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        from sklearn.datasets import make_moons

        x, y = make_moons(ROWS, noise=0.3, random_state=repetition.seed)
        dataset = prepare((x, y), seed=repetition.seed)
        epochs = 10 if repetition.quick else EPOCHS
        trained = train(dataset, [{**NETWORK, **own} for own in KINDS.values()], epochs, repetition.seed)
        curves, ends, boundary, points = [], [], [], []
        places = np.linspace(-2.4, 2.4, CELLS)
        cells = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)
        for kind, one in zip(KINDS, trained, strict=True):
            for epoch, (_, loss, _) in enumerate(one.curve, 1):
                curves.append({"regularisation": kind, "epoch": epoch, "dev_loss": loss})
            losses = {name: _loss(one.network, part) for name, part in (("train", dataset.train), ("dev", dataset.dev))}
            norm = float(np.sqrt(sum((matrix**2).sum() for matrix in one.matrices())))
            own = {"gap": losses["dev"] - losses["train"], "norm": norm, "dev_accuracy": one.curve[-1, 2]}
            ends.append({"regularisation": kind, **losses, **own})
            if repetition.index == 0:
                found = np.round(probability(one.network, cells), 3)
                boundary += [
                    {"regularisation": kind, "x": a, "y": b, "probability": p}
                    for (a, b), p in zip(cells.tolist(), found.tolist(), strict=True)
                ]
        if repetition.index == 0:
            points = [
                {"x": a, "y": b, "class": int(c)}
                for (a, b), c in zip(dataset.train.array.tolist(), dataset.train.y.tolist(), strict=True)
            ]
        return {"curves": curves, "ends": ends, "boundary": boundary, "points": points}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        curves, ends = tables["curves"], tables["ends"]
        by = {kind: ends[ends["regularisation"] == kind].set_index("repetition") for kind in KINDS}
        smaller = (by["L2"]["norm"] / by["none"]["norm"]).map(np.log)
        claims = [Claim.of_mean("L2 makes the weights smaller", "ln (norm, L2 / none)", smaller, most=0)]
        for kind in ("L2", "dropout"):
            narrower, lower = (by["none"][column] - by[kind][column] for column in ("gap", "dev"))
            sentence = f"{kind[0].upper()}{kind[1:]} narrows the gap between dev and training loss"
            claims.append(Claim.of_mean(sentence, f"gap, none − {kind}", narrower, least=0))
            sentence = f"With {kind} the dev loss ends lower"
            claims.append(Claim.of_mean(sentence, f"dev loss, none − {kind}", lower, least=0))
        rows = [
            [kind, *(short(own[c].to_numpy()) for c in ("train", "dev", "gap", "dev_accuracy", "norm"))]
            for kind, own in by.items()
        ]
        headings = ["regularisation", "training loss", "dev loss", "gap", "dev accuracy", "norm of the weights"]
        lines = averaged_by(curves, "regularisation", COLOURS, "epoch", "dev_loss", mode="lines")
        way = chart(lines, "epoch", "dev loss", caption="Mean over repetitions with its 95 % interval.")
        return Findings(
            claims,
            [
                Section("Boundaries", "Decision boundaries", _maps(tables)),
                Section.of("Losses", "Losses and weights", way, block(headings, rows)),
            ],
        )


def _loss(network: Any, part: Any) -> float:
    """Mean cross-entropy of the plain network."""
    shares = np.clip(probability(network, part.array), 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(part.y > 0.5, np.log(shares), np.log(1 - shares))))


def _maps(tables: Mapping[str, pd.DataFrame]) -> Html:
    boundary, points = tables["boundary"], tables["points"]
    places = np.array(sorted(set(boundary["x"])))
    examples, classes = points[["x", "y"]].to_numpy(), points["class"].to_numpy()
    maps = []
    for kind in KINDS:
        own = boundary[boundary["regularisation"] == kind].pivot(index="y", columns="x", values="probability")
        maps.append(plane(own.to_numpy(), places, places, examples, classes, f"Regularisation: {kind}", ""))
    return passage(
        "The first repetition: training examples, and the probability of the second class after the last epoch; "
        "the line is the decision boundary.",
        element("div", *maps, class_="multiples"),
    )


EXPERIMENT = Regularisation()
