"""Coarse-to-fine search against random search that trains as many epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

import ikura
from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import MARKS, Line, chart
from ikura.experiments.claim import Claim, mean_intervals
from ikura.page.html_tables import block
from ikura.search import proposer

__all__ = ["EXPERIMENT", "cost"]

DATA = ("wine", "breast_cancer", "diabetes", "digits")
TRIALS, EPOCHS = 48, 27
METRICS = {"diabetes": "rmse"}


def cost(trials: int, epochs: int) -> int:
    """Epochs that coarse-to-fine search with so many trials trains in all.

    Example:
        >>> cost(48, 27) < 48 * 27
        True
    """
    search = proposer("coarse-to-fine", ikura.Space(learning_rate=ikura.log(1e-4, 1)), 0)
    return sum(stage.trials * stage.epochs for stage in search.stages(trials, epochs))


class CoarseToFineAgainstRandom(Experiment):
    """`ikura.tune` with either search, at equal epochs."""

    name = "coarse-to-fine"
    says: ClassVar[str] = (
        "First sample the whole space, then zoom into the neighbourhood of the good results and sample more densely: "
        "this finds more than sampling the whole space all the time."
    )
    method: ClassVar[str] = (
        f"Coarse-to-fine search has {TRIALS} trials of at most {EPOCHS} epochs in the default space, the coarse ones "
        "being shorter. Random search has as many trials of all the epochs as cost the same number of epochs in all. "
        "No trial is stopped early but those that diverge, whose epochs are saved and not spent elsewhere; the report "
        "shows the epochs trained. Both are run with ikura.tune on four bundled data sets; in each repetition they see "
        "the same split, initial weights and mini-batches, and another repetition has others.\n\n"
        "Compared are the lowest dev loss found (for diabetes the dev RMSE) and, because the best of many "
        "dev losses is flattered, the loss of the chosen network on the test set, which no search has seen; both "
        "as the difference of logarithms. Losses below 0.001 count as 0.001."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        trials, epochs = (16, 6) if repetition.quick else (TRIALS, EPOCHS)
        spent, rows = cost(trials, epochs), []
        for data in DATA[:1] if repetition.quick else DATA:
            for search, count in (("coarse-to-fine", trials), ("random", max(1, round(spent / epochs)))):
                study = ikura.tune(
                    data,
                    trials=count,
                    epochs=epochs,
                    search=search,
                    schedule="none",
                    finalists=0,
                    seed=repetition.seed,
                    metric=METRICS.get(data, "log_loss"),
                    checks=False,
                    space=_space(data, trials),
                    out=repetition.folder / f"{data}-{search}",
                )
                assert study.best is not None
                assert study.test is not None
                spent_in = {"trials": count, "planned": spent if search == "coarse-to-fine" else count * epochs}
                found = {"epochs": int(study.trials["epochs"].sum()), "dev": study.best.dev, "test": study.test.value}
                rows.append({"data": data, "search": search, **spent_in, **found})
        return {"searches": rows}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        searches = tables["searches"]
        gains = {which: _gains(searches, which) for which in ("dev", "test")}
        claims = [
            Claim.of_mean(
                f"At equal cost coarse-to-fine finds a lower {which} loss",
                "ln (loss, random / coarse-to-fine), mean over data sets",
                gain.groupby("repetition")["gain"].mean(),
                least=0,
            )
            for which, gain in gains.items()
        ]
        rows, lines = [], []
        for place, (which, gain) in enumerate(gains.items()):
            names = list(dict.fromkeys(gain["data"]))
            mean, low, high = mean_intervals(gain[gain["data"] == data]["gain"].to_numpy() for data in names)
            colour = MARKS[place]
            lines.append(Line(f"{which} loss", [f"{name} " for name in names], mean, low, high, colour, "markers"))
            for name, *one in zip(names, mean, low, high, strict=True):
                own = searches[searches["data"] == name]
                means = [own[own["search"] == search][which].mean() for search in ("random", "coarse-to-fine")]
                ends = f"{one[1]:.3f} to {one[2]:.3f}"
                rows.append([name, which, *(f"{m:.4g}" for m in means), f"{one[0]:.3f}", ends])
        headings = ["data", "set", "random, mean loss", "coarse-to-fine, mean loss", "mean of ln ratios"]
        spent = searches.groupby("search")[["trials", "epochs"]].mean()
        told = " and ".join(f"{search} {row['trials']:g} trials, {row['epochs']:g}" for search, row in spent.iterrows())
        text = f"Trials, and epochs trained in a search on average: {told}."
        picture = chart(
            lines,
            "data set",
            "ln (random / coarse-to-fine)",
            caption="Above 0 coarse-to-fine has the lower loss. Bars are 95 % intervals.",
            yaxis={"zeroline": True, "zerolinecolor": "css(--muted)"},
        )
        losses = block([*headings, "95 % interval"], rows)
        return Findings(claims, [Section.of("By data set", "By data set", text, picture, losses)])


def _space(data: str, trials: int) -> ikura.Space:
    """The default space of the full experiment, so that both searches have the same one whatever their trials."""
    from ikura.data import prepare
    from ikura.space import default_space

    dataset = prepare(data)
    space: ikura.Space = default_space(max(trials, TRIALS), dataset.summary.rows, dataset.train.array.shape[1]).space
    return space


def _gains(searches: pd.DataFrame, which: str) -> pd.DataFrame:
    """ln(loss, random / coarse-to-fine) by repetition and data set."""
    wide = searches.pivot_table(index=["repetition", "data"], columns="search", values=which).clip(lower=1e-3)
    return (wide["random"] / wide["coarse-to-fine"]).map(np.log).rename("gain").reset_index()


EXPERIMENT = CoarseToFineAgainstRandom()
