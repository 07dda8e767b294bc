"""Shares of draws per decade, and what is found, with the learning rate on a log and on a linear scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

import ikura
from ikura.data import prepare
from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import MARKS, Line, averaged, averaged_by, best_charts, chart
from ikura.experiments.claim import Claim, mean_intervals
from ikura.experiments.populations import best_so_far, train
from ikura.page.html_tables import block
from ikura.page.markup import Html, element, passage
from ikura.search import proposer

__all__ = ["EXPERIMENT", "expected_share"]

LOW, HIGH = 1e-4, 1.0
DECADES = ((1e-4, 1e-3), (1e-3, 1e-2), (1e-2, 1e-1), (1e-1, 1.0))
SCALES = {"log": ikura.log(LOW, HIGH), "linear": ikura.linear(LOW, HIGH)}
COLOURS = {"log": MARKS[0], "linear": MARKS[1]}
DATA = ("wine", "breast_cancer", "digits")
DRAWS, TRIALS, EPOCHS = 1000, 16, 20


def expected_share(scale: str, low: float, high: float) -> float:
    """The exact share of draws that fall between two learning rates.

    log: (ln high - ln low) / (ln 1 - ln 1e-4); linear: (high - low) / (1 - 1e-4).

    Example:
        >>> expected_share("log", 0.1, 1.0), round(expected_share("linear", 0.1, 1.0), 5)
        (0.25, 0.90009)
    """
    if scale == "log":
        return round(float(np.log(high / low) / np.log(HIGH / LOW)), 12)
    return (high - low) / (HIGH - LOW)


class LogScale(Experiment):
    """Draws on both scales from the same uniform numbers."""

    name = "log-scale"
    says: ClassVar[str] = (
        "For a learning rate between 0.0001 and 1, linear sampling puts 90 % of the draws between 0.1 and 1; on a log "
        "scale each decade gets a quarter of them."
    )
    method: ClassVar[str] = (
        f"Each repetition draws {DRAWS:,} learning rates from random search on either scale and counts them by decade; "
        "beside the measured share stands the exact one.\n\n"
        f"Then {TRIALS} learning rates from each scale train networks of 32 hidden units with Adam on three bundled "
        f"data sets for {EPOCHS} epochs, each data set as one population. Both scales see the same split, the same "
        "initial weights and the same mini-batches, and draw from the same uniform numbers; each repetition has its "
        "own. Compared is the lowest dev loss that the first n trials found, as the difference of its logarithms, so "
        "that data sets with large and small losses count alike."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        draws, shares, found = DRAWS, [], []
        for scale, parameter in SCALES.items():
            search = proposer("random", ikura.Space(learning_rate=parameter), repetition.seed)
            stage = search.stages(draws, 1)[0]
            rates = np.array([one.configuration["learning_rate"] for one in search.ask(stage, draws, [])])
            for low, high in DECADES:
                inside = int(((rates >= low) & (rates < high)).sum())
                shares.append({"scale": scale, "low": low, "high": high, "draws": draws, "inside": inside})
        trials, epochs = (4, 3) if repetition.quick else (TRIALS, EPOCHS)
        for data in DATA[:1] if repetition.quick else DATA:
            dataset = prepare(data, seed=repetition.seed)
            configurations = []
            for parameter in SCALES.values():
                search = proposer("random", ikura.Space(learning_rate=parameter), repetition.seed)
                asked = search.ask(search.stages(trials, epochs)[0], trials, [])
                configurations += [{**one.configuration, "layers": 1, "units": 32} for one in asked]
            trained = train(dataset, configurations, epochs, repetition.seed)
            for place, scale in enumerate(SCALES):
                own = trained[place * trials : (place + 1) * trials]
                for number, (one, best) in enumerate(zip(own, best_so_far(own), strict=True), 1):
                    rate = one.configuration["learning_rate"]
                    row = {"data": data, "scale": scale, "trial": number, "learning_rate": rate}
                    found.append({**row, "dev_loss": one.dev_loss, "best": float(best)})
        return {"shares": shares, "trials": found}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        shares, trials = tables["shares"], tables["trials"]
        claims = []
        for scale, low, most in (("linear", 0.88, 0.92), ("log", 0.23, 0.27)):
            top = shares[(shares["scale"] == scale) & (shares["low"] == 0.1)]
            how_many = "90 %" if scale == "linear" else "a quarter"
            sentence = f"On a {scale} scale {how_many} of the draws fall in 0.1 to 1"
            exact = f"share; exactly {expected_share(scale, 0.1, 1.0):.4f}"
            claims.append(Claim.of_share(sentence, exact, int(top["inside"].sum()), int(top["draws"].sum()), low, most))
        gain = log_gain(trials)
        last = gain[gain["trial"] == gain["trial"].max()]
        sentence = f"With {int(last['trial'].max())} trials, the log scale finds a lower dev loss"
        means = last.groupby("repetition")["gain"].mean()
        claims.append(Claim.of_mean(sentence, "ln (best loss, linear / log), mean over data sets", means, least=0))
        return Findings(
            claims,
            [
                Section.of("Shares", "Where the draws fall", _shares_chart(shares), _shares_table(shares)),
                Section("Best found", "What is found", _best_charts(trials, gain)),
                Section("Trials", "Every trial", _every_trial(trials)),
            ],
        )


def log_gain(trials: pd.DataFrame) -> pd.DataFrame:
    """ln(best, linear / log) by repetition, data set and number of trials.

    A loss below 0.001 counts as 0.001: smaller ones say only that the dev set is separated.
    """
    wide = trials.pivot_table(index=["repetition", "data", "trial"], columns="scale", values="best").clip(lower=1e-3)
    return (wide["linear"] / wide["log"]).map(np.log).rename("gain").reset_index()


def _shares_chart(shares: pd.DataFrame) -> Html:
    lines = []
    for scale, colour in COLOURS.items():
        own = shares[shares["scale"] == scale]
        shown = [(own[own["low"] == low]["inside"] / own["draws"].iloc[0]).to_numpy() for low, _ in DECADES]
        names, means = [f"{low:g} to {high:g}" for low, high in DECADES], mean_intervals(shown)
        lines.append(Line(f"{scale}, measured", names, *means, colour, mode="markers"))
        exact = [expected_share(scale, *decade) for decade in DECADES]
        lines.append(Line(f"{scale}, exact", names, exact, colour=colour, mode="lines", dash="dot", width=1))
    caption = "Mean over repetitions with its 95 % interval."
    return chart(lines, "learning rate", "share of the draws", caption=caption, yaxis={"rangemode": "tozero"})


def _shares_table(shares: pd.DataFrame) -> Html:
    rows = []
    for scale in SCALES:
        for low, high in DECADES:
            own = shares[(shares["scale"] == scale) & (shares["low"] == low)]
            claim = Claim.of_share("", "", int(own["inside"].sum()), int(own["draws"].sum()))
            interval = f"{claim.low:.4f} to {claim.high:.4f}"
            exact = f"{expected_share(scale, low, high):.4f}"
            rows.append([scale, f"{low:g} to {high:g}", f"{claim.estimate:.4f}", interval, exact])
    return block(["scale", "learning rate", "share of the draws", "95 % interval", "exact"], rows)


def _best_charts(trials: pd.DataFrame, gain: pd.DataFrame) -> Html:
    return best_charts(
        "lowest dev loss so far",
        {
            data: averaged_by(trials[trials["data"] == data], "scale", COLOURS, "trial", "best")
            for data in dict.fromkeys(trials["data"])
        },
        averaged(gain.groupby(["repetition", "trial"])[["gain"]].mean().reset_index(), "trial", "gain", ""),
        "ln (linear / log)",
        "the log scale",
    )


def _every_trial(trials: pd.DataFrame) -> Html:
    charts = []
    for data in dict.fromkeys(trials["data"]):
        own = trials[(trials["data"] == data) & trials["dev_loss"].notna()]
        lines = []
        for scale, colour in COLOURS.items():
            tried = own[own["scale"] == scale]
            rates, losses = tried["learning_rate"].tolist(), tried["dev_loss"].clip(1e-3, 10).tolist()
            lines.append(Line(scale, rates, losses, colour=colour, mode="markers"))
        logarithmic = {"type": "log", "tickformat": "~g", "dtick": 1}
        charts.append(
            chart(lines, "learning rate", "dev loss", title=data, height=280, xaxis=logarithmic, yaxis=logarithmic)
        )
    text = "All trials of all repetitions; losses are cut off at 0.001 and 10."
    return passage(text, element("div", *charts, class_="pair"))


EXPERIMENT = LogScale()
