"""Distances from the initial weights by batch size, before and after matching, and the random potential's α."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

from ikura.data import prepare
from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import MARKS, Line, chart, short
from ikura.experiments.claim import Claim, mean_intervals
from ikura.experiments.populations import make_setup
from ikura.large_batch.distance import LAWS, compare_laws, growth_alpha
from ikura.large_batch.potential import random_potential
from ikura.large_batch.preset import TORCH_SCALE
from ikura.large_batch.random_walk import diffusion_rate, log_spaced_updates, walk
from ikura.page.html_tables import block
from ikura.page.markup import Html, element, passage
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.warmup import warm_up
from ikura.process_state import cores, one_thread_each
from ikura.space._base import Configuration

__all__ = ["EXPERIMENT"]

SIZES, UPDATES, RATE, ROWS = (32, 128, 512, 2048), 1000, 0.02, 20_000
QUICK_SIZES, QUICK_UPDATES = (16, 64), 40
FROM = 10
"""Updates from which on laws are fitted: before, every update goes the same way."""

DIRECTIONS, EXAMPLES = 100, 1000
SETTINGS = {"same": "same learning rate", "matched": "√ rule and ghost normalisation"}
NETWORK: Configuration = {
    "layers": 5, "units": 64, "optimizer": "momentum", "momentum": 0.9, "initial_scale": TORCH_SCALE,
    "schedule_shape": "constant",
}  # fmt: skip


def hyperparameters(setting: str, size: int, base: int) -> Configuration:
    """Hyperparameters of one batch size, as it is or matched to the smallest one."""
    if setting == "same":
        return {**NETWORK, "batch_size": size, "learning_rate": RATE, "normalisation": "batch"}
    matched = {"learning_rate": RATE * (size / base) ** 0.5, "normalisation": "ghost", "ghost_size": base}
    return {**NETWORK, "batch_size": size, **matched}


class Diffusion(Experiment):
    """Every seed is a repetition."""

    name = "diffusion"
    repetitions = 10
    quick_repetitions = 2
    says: ClassVar[str] = (
        "At a high learning rate weights leave their start like a random walk in a random potential: the distance "
        "grows with the logarithm of the number of updates, more slowly for larger batches. The √ rule and ghost "
        "normalisation bring all batch sizes to one rate."
    )
    method: ClassVar[str] = (
        f"F1 with 64 units a layer, {ROWS:,} Fashion-MNIST images (the bundled digits where they are not on this "
        f"machine), momentum 0.9, a constant learning rate of {RATE:g}, {UPDATES:,} updates for each batch size. With "
        "one seed all begin with the same weights. Once all have the same learning rate and batch normalisation; once "
        "it is multiplied by the root of the batch ratio, with ghosts of the smallest size. The distance is the norm "
        "of the difference of all weights to the initial ones.\n\n"
        f"Three laws with two free numbers each are fitted from update {FROM} on by least squares: a + b log t, "
        "a + b √t and b t^p. They are compared by Akaike's criterion and by how well each predicts the last third of "
        "the points, evenly spaced in log t, from the points before. The rate of diffusion is the b of the first.\n\n"
        f"The potential's α is measured without training: from the initial weights {DIRECTIONS} random directions are "
        f"followed to lengths from 0.5 to 10, with the loss of {EXAMPLES:,} training examples at each; its standard "
        "deviation over directions grows as length^(α/2). The growth law's α comes from distance = c (log t)^(2/α)."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        return _measure(_setup(repetition), repetition)

    @override
    def repeat_all(self, repetitions: Sequence[Repetition]) -> Iterator[tuple[int, Tables]]:
        if not repetitions:
            return
        setup = _setup(repetitions[0])
        with one_thread_each(), ThreadPoolExecutor(cores()) as pool:
            found = pool.map(lambda one: _measure(setup, one), repetitions)
            yield from zip((one.index for one in repetitions), found, strict=True)

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        walks, potential = tables["walks"], tables["potential"]
        sizes = sorted(set(walks["size"].tolist()))
        ends = walks[walks["update"] == walks["update"].max()]
        wide = ends.pivot_table(index="repetition", columns=["setting", "size"], values="distance")
        spreads = {s: (wide[s].max(axis=1) / wide[s].min(axis=1)).to_numpy(float) for s in SETTINGS}
        fits = _fits(walks)
        rates = fits.pivot_table(index="repetition", columns=["setting", "size"], values="rate")
        best = fits.groupby(["repetition", "setting", "size"]).first()
        first = "The logarithm predicts the distance better than the root and a power"
        narrowed = spreads["matched"] / spreads["same"]
        ratio = (rates["same"][sizes[-1]] / rates["same"][sizes[0]]).to_numpy(float)
        after = (rates["matched"][sizes[-1]] / rates["matched"][sizes[0]]).to_numpy(float)
        growth = best["alpha"].groupby("repetition").mean().to_numpy(float)
        what = f"largest distance / smallest, batches {sizes[0]} to {sizes[-1]}"
        rate_of = f"rate at {sizes[-1]} / rate at {sizes[0]}"
        claims = [
            Claim.of_mean("Larger batches diffuse more slowly", rate_of, ratio, most=1),
            Claim.of_mean("Matching brings the rates together within a fifth", rate_of, after, 0.8, 1.25),
            Claim.of_mean("Matching narrows the spread of distances", f"{what}: after / before", narrowed, most=1),
            Claim.of_shares(first, "share of walks", best["best"] == "log", 0.5),
            Claim.of_mean("The potential's α is 2", "α", potential["alpha"], 1.8, 2.2),
            Claim.of_mean("The growth law's α is 2", "α", growth, 1.8, 2.2),
        ]
        return Findings(
            claims,
            [
                Section("Distance", "Before and after matching", _charts(walks)),
                Section("Laws", "Which law", _laws(fits)),
                Section("Potential", "The random potential", _potential(tables["spread"], potential, growth)),
            ],
            [
                "Points of one walk are not independent, so that differences of Akaike's criterion overstate the "
                "evidence; the intervals are over seeds, on one training set.",
            ],
        )


def _setup(repetition: Repetition) -> TrainingSetup:
    from ikura.data.images.known import find_image_set
    from ikura.errors import DataError

    warm_up("float32", repetition.say)
    try:
        find_image_set("fashion_mnist")
        return make_setup(prepare("fashion_mnist"), rows=1024 if repetition.quick else ROWS, dev=256)
    except DataError:
        return make_setup(prepare("digits"))


def _measure(setup: TrainingSetup, repetition: Repetition) -> Tables:
    every, updates = (QUICK_SIZES, QUICK_UPDATES) if repetition.quick else (SIZES, UPDATES)
    sizes = [size for size in every if size <= len(setup.train)]
    looks, walks = log_spaced_updates(updates), []
    for place, size in enumerate(sizes):
        members = [Member(n, hyperparameters(s, size, sizes[0]), repetition.seed) for n, s in enumerate(SETTINGS)]
        found = np.sqrt(np.square(walk(setup, members, looks)).sum(2))
        for setting, distances in zip(SETTINGS, found.tolist(), strict=True):
            walks += [
                {"setting": setting, "size": size, "update": look, "distance": distance}
                for look, distance in zip(looks, distances, strict=True)
            ]
        repetition.tell((place + 1) / (len(sizes) + 1))
    few = setup.train.head(EXAMPLES)
    network = setup.module(Member(0, hyperparameters("same", sizes[0], sizes[0]), repetition.seed))
    found = random_potential(
        network.float(), few.array, few.y, setup.task, directions=10 if repetition.quick else DIRECTIONS,
        seed=repetition.seed,
    )  # fmt: skip
    spread = [{"length": r, "spread": s} for r, s in zip(found.lengths, found.spread, strict=True)]
    return {
        "walks": walks,
        "potential": [{"alpha": found.alpha, "low": found.low, "high": found.high}],
        "spread": spread,
    }


def _fits(walks: pd.DataFrame) -> pd.DataFrame:
    """Each walk's fits: a row for each law, with the law that predicts best, the rate and α of the growth law."""
    rows = []
    for (repetition, setting, size), own in walks[walks["update"] >= FROM].groupby(["repetition", "setting", "size"]):
        t, d = own["update"].to_numpy(float), own["distance"].to_numpy(float)
        if not np.isfinite(d).all():
            continue
        fits = compare_laws(t, d)
        least = min(fit.aic for fit in fits.values())
        shared = {
            "repetition": repetition, "setting": setting, "size": size, "rate": diffusion_rate(t, d),
            "alpha": growth_alpha(t, d), "best": min(fits, key=lambda law: fits[law].error),
        }  # fmt: skip
        rows += [
            {**shared, "law": law, "aic": fit.aic - least, "error": fit.error, "second": fit.numbers[1]}
            for law, fit in fits.items()
        ]
    return pd.DataFrame(rows)


def _charts(walks: pd.DataFrame) -> Html:
    charts = []
    for setting, words in SETTINGS.items():
        lines = []
        for place, (size, own) in enumerate(walks[walks["setting"] == setting].groupby("size")):
            means = mean_intervals(one.to_numpy(float) for _, one in own.groupby("update")["distance"])
            looks = sorted(set(own["update"].tolist()))
            lines.append(Line(f"{size}", looks, *means, MARKS[place % len(MARKS)], "lines"))
        charts.append(
            chart(lines, "update", "distance ‖w − w₀‖", title=words.capitalize(), xaxis={"type": "log", "dtick": 1})
        )
    return passage(
        "Means over seeds with 95 % intervals, by batch size. A straight line is a logarithm.",
        element("div", *charts, class_="pair"),
    )


def _laws(fits: pd.DataFrame) -> Html:
    rows = []
    for (setting, size), own in fits.groupby(["setting", "size"], sort=False):
        cells = []
        for law in LAWS:
            one = own[own["law"] == law]
            cells += [f"{one['aic'].mean():.1f}", f"{100 * one['error'].mean():.1f} %"]
        first = own.groupby("repetition").first()
        power = own[own["law"] == "power"]["second"].to_numpy(float)
        rows.append(
            [SETTINGS[str(setting)], f"{size}", *cells, short(power, 3), short(first["rate"].to_numpy(float), 3),
             short(first["alpha"].to_numpy(float), 3)]
        )  # fmt: skip
    headings = ["setting", "batch"]
    for formula in LAWS.values():
        headings += [f"{formula}: ΔAIC", "prediction error"]
    return passage(
        "ΔAIC is to the best of the three, mean over seeds; the prediction error is that of the last third of the "
        "points, from those before.",
        block([*headings, "p", "rate b", "α of the growth law"], rows, words={"setting"}),
    )


def _potential(spread: pd.DataFrame, potential: pd.DataFrame, growth: np.ndarray) -> Html:
    lines = []
    for place, (_, own) in enumerate(spread.groupby("repetition")):
        name, x, y = "" if place else "one seed", own["length"].tolist(), own["spread"].tolist()
        lines.append(Line(name, x, y, colour="--stage-0", mode="lines", width=1))
    middle = spread.groupby("length")["spread"].mean()
    lines.append(Line("mean", middle.index.tolist(), middle.tolist(), mode="lines", width=3))
    rows = [
        ["random directions from the initial weights", short(potential["alpha"].to_numpy(float), 3)],
        ["growth of the distance in training, mean over batch sizes", short(growth, 3)],
    ]
    within = (potential["high"] - potential["low"]).mean()
    return passage(
        chart(lines, "distance from the initial weights", "standard deviation of the loss"),
        block(["α measured by", "α"], rows),
        f"± are 95 % intervals over seeds; that of one network, over directions, is {within:.2f} wide on average.",
    )


EXPERIMENT = Diffusion()
