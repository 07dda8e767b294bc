"""Zero, large and He initial weights on two circles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

from ikura.data import prepare
from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import MARKS, averaged_by, chart, short
from ikura.experiments.claim import Claim
from ikura.experiments.populations import train
from ikura.page.html_tables import block
from ikura.page.markup import element
from ikura.trial_state import State

__all__ = ["EXPERIMENT", "Initialisation", "distinct_units"]

KINDS = {"zeros": MARKS[1], "large": MARKS[3], "he": MARKS[0]}
NETWORK = {"layers": 2, "units_1": 10, "units_2": 5, "batch_size": 16, "optimizer": "sgd", "learning_rate": 0.05}
ROWS, EPOCHS = 500, 150


def distinct_units(matrix: np.ndarray) -> int:
    """Count the units of a layer whose incoming weights differ.

    Example:
        >>> distinct_units(np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 1.0]]))
        2
    """
    return len(np.unique(matrix, axis=0))


class Initialisation(Experiment):
    """Three networks that differ in their initial weights alone."""

    name = "initialisation"
    says: ClassVar[str] = (
        "Weights that begin at zero never break the symmetry between hidden units; very large ones do not work well; "
        "He initialisation works well for networks with ReLU."
    )
    method: ClassVar[str] = (
        f"Two noisy circles, one in the other, {ROWS} points of which 60 % train. A network of 10 and 5 hidden units "
        f"with ReLU is trained by plain gradient descent (learning rate {NETWORK['learning_rate']}, mini-batches of "
        f"16) for {EPOCHS} epochs: from zero weights, from N(0, 10²) and from He's N(0, 2/fan_in); biases begin at "
        "zero. The three are one population: they see the same mini-batches. Each repetition has other points."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        from sklearn.datasets import make_circles

        x, y = make_circles(ROWS, noise=0.1, factor=0.6, random_state=repetition.seed)
        dataset = prepare((x, y), seed=repetition.seed)
        configurations = [{**NETWORK, "initialisation": kind} for kind in KINDS]
        trained = train(dataset, configurations, 8 if repetition.quick else EPOCHS, repetition.seed)
        curves, ends = [], []
        for kind, one in zip(KINDS, trained, strict=True):
            for epoch, (cost, loss, score) in enumerate(one.curve, 1):
                row = {"initialisation": kind, "epoch": epoch, "cost": cost}
                curves.append({**row, "dev_loss": loss, "dev_accuracy": score})
            units = distinct_units(one.matrices()[0])
            last = {"cost": one.curve[-1, 0], "dev_loss": one.curve[-1, 1], "dev_accuracy": one.curve[-1, 2]}
            ends.append({"initialisation": kind, "state": one.state, **last, "distinct_units": units})
        return {"curves": curves, "ends": ends}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        curves, ends = tables["curves"], tables["ends"]
        by = {kind: ends[ends["initialisation"] == kind].set_index("repetition") for kind in KINDS}
        zero = by["zeros"]
        better = (by["large"]["dev_loss"].clip(lower=1e-6) / by["he"]["dev_loss"].clip(lower=1e-6)).map(np.log).dropna()
        same = "From zero weights all hidden units stay the same"
        lower = "From He's weights the dev loss ends lower than from large ones"
        scores = {kind: own["dev_accuracy"] for kind, own in by.items()}
        claims = [
            Claim.of_shares(same, "share of networks", zero["distinct_units"] == 1, least=0.5),
            Claim.of_mean("From zero weights the network only guesses", "dev accuracy", scores["zeros"], most=0.6),
            Claim.of_mean("From He's weights it learns", "dev accuracy", scores["he"], least=0.9),
            Claim.of_mean(lower, "ln (loss, large / He)", better, least=0),
        ]
        axis = {"type": "log", "tickformat": "~g", "nticks": 6}
        cost = averaged_by(curves, "initialisation", KINDS, "epoch", "cost", True, mode="lines")
        accuracy = averaged_by(curves, "initialisation", KINDS, "epoch", "dev_accuracy", mode="lines")
        charts = [
            chart(cost, "epoch", "cost in training", title="Cost in training", yaxis=axis),
            chart(accuracy, "epoch", "dev accuracy", title="Dev accuracy", yaxis={}),
        ]
        rows = [
            [
                kind,
                *(short(own[column].dropna().to_numpy()) for column in ("cost", "dev_loss", "dev_accuracy")),
                f"{own['distinct_units'].mean():.3g} of 10",
                f"{(own['state'] == State.DIVERGED).sum()}",
            ]
            for kind, own in by.items()
        ]
        headings = [
            "initial weights",
            "cost at the end",
            "dev loss",
            "dev accuracy",
            "different hidden units",
            "diverged",
        ]
        text = "Mean over repetitions, of the cost the geometric mean; bands and ± are 95 % intervals."
        both = element("div", *charts, class_="pair")
        return Findings(claims, [Section.of("Curves", "Cost and accuracy", text, both, block(headings, rows))])


EXPERIMENT = Initialisation()
