"""Random search against a grid of as many trials."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import isqrt
from typing import ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

import ikura
from ikura.data import prepare
from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import MARKS, averaged, averaged_by, best_charts
from ikura.experiments.claim import Claim
from ikura.experiments.populations import best_so_far, train
from ikura.page.html_tables import table
from ikura.page.markup import Html
from ikura.search import proposer
from ikura.space._base import Configuration

__all__ = ["EXPERIMENT", "grid"]

SPACE = ikura.Space(learning_rate=ikura.log(1e-4, 1), l2=ikura.log(1e-6, 1e-1))
BUDGETS = (4, 9, 16, 25, 36)
DATA = ("wine", "breast_cancer", "digits")
EPOCHS = 15
DISTINCT = [f"distinct_{name}" for name in SPACE.dimensions]
COLOURS = {"random": MARKS[0], "grid": MARKS[1]}


def grid(trials: int) -> list[Configuration]:
    """Every pair of √trials values of each hyperparameter, evenly spaced on its scale, both ends among them.

    Example:
        >>> [round(one["learning_rate"], 6) for one in grid(4)]
        [0.0001, 0.0001, 1.0, 1.0]
    """
    steps = np.linspace(0, 1, isqrt(trials))
    return [SPACE.from_unit({"learning_rate": float(a), "l2": float(b)}) for a, b in product(steps, steps)]


class RandomAgainstGrid(Experiment):
    """Two hyperparameters, square budgets."""

    name = "random-vs-grid"
    says: ClassVar[str] = (
        "With N trials on two hyperparameters a grid tries √N values of each, random search N values of each; it is "
        "therefore the better use of the trials."
    )
    method: ClassVar[str] = (
        "Two hyperparameters are searched, the learning rate (0.0001 to 1, log scale) and the strength of the L2 "
        "penalty (0.000001 to 0.1, log scale), with 4, 9, 16, 25 and 36 trials. The grid has both ends of each range "
        "among its values. In each repetition both methods train the same network (32 hidden units, Adam) for "
        f"{EPOCHS} epochs from the same initial weights, on the same split and mini-batches, all trials of a data set "
        "as one population. Random search at a small budget is the beginning of random search at a larger one.\n\n"
        "Compared is the lowest dev loss found, as the difference of its logarithms. Losses below 0.001 count as 0.001."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        budgets = BUDGETS[:2] if repetition.quick else BUDGETS
        epochs, rows = 2 if repetition.quick else EPOCHS, []
        search = proposer("random", SPACE, repetition.seed)
        most = max(budgets)
        drawn = [one.configuration for one in search.ask(search.stages(most, epochs)[0], most, [])]
        for data in DATA[:1] if repetition.quick else DATA:
            dataset = prepare(data, seed=repetition.seed)
            tried = [*drawn, *(one for budget in budgets for one in grid(budget))]
            trained = train(dataset, [{**one, "layers": 1, "units": 32} for one in tried], epochs, repetition.seed)
            place = most
            for budget in budgets:
                for method, own in (("random", trained[:budget]), ("grid", trained[place : place + budget])):
                    distinct = {
                        f"distinct_{name}": len({one.configuration[name] for one in own}) for name in SPACE.dimensions
                    }
                    best = float(best_so_far(own)[-1])
                    rows.append({"data": data, "method": method, "trials": budget, **distinct, "best": best})
                place += budget
        return {"searches": rows}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        searches = tables["searches"]
        random, even = (searches[searches["method"] == method] for method in ("random", "grid"))
        every = random[DISTINCT].eq(random["trials"], axis=0).all(axis=1)
        roots = (even[DISTINCT] ** 2).eq(even["trials"], axis=0).all(axis=1)
        shares = "share of searches"
        claims = [
            Claim.of_shares("Random search with N trials tries N values of each", shares, every, least=0.5),
            Claim.of_shares("A grid of N trials tries √N values of each", shares, roots, least=0.5),
        ]
        gain = gains(searches)
        mean = gain.groupby(["repetition", "trials"])[["gain"]].mean().reset_index()
        claims += [
            Claim.of_mean(
                f"With {budget} trials random search finds a lower dev loss",
                "ln (best loss, grid / random), mean over data sets",
                mean[mean["trials"] == budget]["gain"],
                least=0,
            )
            for budget in sorted(set(mean["trials"]))
        ]
        return Findings(
            claims,
            [
                Section("Values tried", "Values tried of each hyperparameter", _distinct(searches)),
                Section("Best found", "What is found", _charts(searches, mean)),
            ],
            [
                "Whether an even grid does well depends on whether one of its few learning rates happens to be a good "
                "one for the network at hand; with the range and the data sets chosen here it may be lucky or not at "
                "any single budget, which is why several are shown."
            ],
        )


def gains(searches: pd.DataFrame) -> pd.DataFrame:
    """ln(best, grid / random) by repetition, data set and number of trials."""
    wide = searches.pivot_table(index=["repetition", "data", "trials"], columns="method", values="best").clip(1e-3)
    return (wide["grid"] / wide["random"]).map(np.log).rename("gain").reset_index()


def _distinct(searches: pd.DataFrame) -> Html:
    rows = []
    for budget in sorted(set(searches["trials"])):
        own = searches[searches["trials"] == budget]
        means = {method: own[own["method"] == method][DISTINCT].mean() for method in ("grid", "random")}
        counts = [f"{mean:g}" for one in means.values() for mean in one]
        rows.append([f"{budget}", *counts])
    return table(["trials", "grid, learning rate", "grid, l2", "random, learning rate", "random, l2"], rows)


def _charts(searches: pd.DataFrame, mean: pd.DataFrame) -> Html:
    return best_charts(
        "lowest dev loss",
        {
            data: averaged_by(searches[searches["data"] == data], "method", COLOURS, "trials", "best", True)
            for data in dict.fromkeys(searches["data"])
        },
        averaged(mean, "trials", "gain", ""),
        "ln (grid / random)",
        "random search",
    )


EXPERIMENT = RandomAgainstGrid()
