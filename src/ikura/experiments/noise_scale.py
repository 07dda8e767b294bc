"""The gradient noise scale where it is known, and on a network in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

from ikura.data import prepare
from ikura.experiments._base import Experiment, Findings, Repetition, Row, Section, Tables
from ikura.experiments.charts import MARKS, Line, chart, short
from ikura.experiments.claim import Claim
from ikura.experiments.populations import make_setup
from ikura.large_batch.noise_scale import NoiseScale, measure_noise_scale, noise_scale
from ikura.page.html_tables import block
from ikura.population.member import Member
from ikura.population.warmup import warm_up
from ikura.space._base import Configuration

__all__ = ["EXPERIMENT", "PROBLEMS", "Regression"]

SMALL, LARGE, PAIRS = 8, 64, 50
LOOKS, NETWORKS = (0, 1, 2, 4, 8, 16, 32), 5
TRAINING: Configuration = {"units": 64, "layers": 2, "optimizer": "sgd", "learning_rate": 0.1, "batch_size": 32}


@dataclass(frozen=True)
class Regression:
    """Linear regression whose gradient noise is known: x ~ N(0, diag λ), y = w* x + σ ε, squared error, at w = w* + d.

    An example's gradient is g = 2 x (x d - σ ε), of mean G = 2 λ d and E|g|² = 4 (tr λ (d λ d + σ²) + 2 d λ² d).

    Attributes:
        name: in the report.
        spread: λ.
        offset: d.
        sigma: σ.
    """

    name: str
    spread: tuple[float, ...]
    offset: tuple[float, ...]
    sigma: float

    @property
    def mean(self) -> np.ndarray:
        """G."""
        gradient: np.ndarray = 2 * np.array(self.spread) * np.array(self.offset)
        return gradient

    @property
    def noise(self) -> float:
        """tr(Σ) = E|g|² - |G|²."""
        spread, offset = np.array(self.spread), np.array(self.offset)
        first, second = float(spread @ offset**2), float(spread**2 @ offset**2)
        return 4 * (float(spread.sum()) * (first + self.sigma**2) + second)

    @property
    def scale(self) -> float:
        """tr(Σ) / |G|²."""
        return self.noise / float(np.sum(self.mean**2))

    def gradients(self, random: np.random.Generator, rows: int) -> np.ndarray:
        """Draw gradients of examples, shape (rows, weights)."""
        x = random.standard_normal((rows, len(self.spread))) * np.sqrt(self.spread)
        error = x @ np.array(self.offset) - self.sigma * random.standard_normal(rows)
        return np.asarray(2 * x * error[:, None])

    def measure(self, random: np.random.Generator, pairs: int = PAIRS) -> NoiseScale:
        """Estimate the noise scale from fresh examples."""
        g = self.gradients(random, pairs * LARGE).reshape(pairs, LARGE // SMALL, SMALL, -1).mean(2)
        small, large = (g**2).sum(2).mean(1), (g.mean(1) ** 2).sum(1)
        return noise_scale(small, large, SMALL, LARGE)


PROBLEMS = (
    Regression("20 equal directions", (1.0,) * 20, (0.4,) * 20, 1.0),
    Regression("20 unequal directions", tuple(0.7**i for i in range(20)), (1.0,) * 20, 0.5),
    Regression("much noise", (1.0,) * 10, (0.1,) * 10, 1.0),
)


class NoiseScaleExperiment(Experiment):
    """A repetition is one interval for each problem; the first few also follow a network."""

    name = "noise-scale"
    repetitions = 200
    quick_repetitions = 10
    says: ClassVar[str] = (
        "The gradient noise scale tr(Σ)/|G|² says at which batch size a gradient is as much noise as direction. Two "
        "batch sizes are enough to estimate it, with an interval that can be trusted; in training it grows."
    )
    method: ClassVar[str] = (
        "On linear regression with Gaussian features the noise scale at given weights is known in closed form. Each "
        f"repetition draws {PAIRS} batches of {LARGE} fresh examples, each of them also seen as batches of {SMALL}, "
        "estimates signal and noise from the squared norms of their gradients, averages each, and gives Fieller's "
        "interval of the ratio. Counted is how often the interval covers the known value.\n\n"
        "A network of twice 64 units is trained on the bundled digits by gradient descent with batches of 32; after 0 "
        f"to {LOOKS[-1]} epochs its noise scale is measured the same way, without changing the network."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        rows = []
        for place, problem in enumerate(PROBLEMS):
            found = problem.measure(np.random.default_rng([repetition.seed, place]))
            covered = int(found.low <= problem.scale <= found.high)
            estimate = {"estimate": found.value, "low": found.low, "high": found.high, "covered": covered}
            rows.append({"problem": problem.name, "known": problem.scale, **estimate})
        return {"intervals": rows, "training": self._training(repetition)}

    def _training(self, repetition: Repetition) -> Sequence[Row]:
        if repetition.index >= (2 if repetition.quick else NETWORKS):
            return []
        setup = make_setup(prepare("digits", seed=0))
        warm_up("float32", repetition.say)
        member = Member(0, TRAINING, repetition.seed)
        training, rows = setup.training([member]), []
        for look in LOOKS[:3] if repetition.quick else LOOKS:
            training.run(look)
            state = training.tile.extract(0)
            network = setup.trained(member, state["weights"], {})
            found = measure_noise_scale(
                network, setup.train.array, setup.train.y, setup.task, small=32, large=512, seed=repetition.seed
            )
            loss = float(training.curve(0)[-1, 1]) if look else None
            rows.append(
                {"epoch": look, "estimate": found.value, "low": found.low, "high": found.high, "dev_loss": loss}
            )
        return rows

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        intervals, training = tables["intervals"], tables["training"]
        claims, rows = [], []
        for problem in PROBLEMS:
            own = intervals[intervals["problem"] == problem.name]
            hits = int(own["covered"].sum())
            sentence = f"The interval covers at its rate of 0.95: {problem.name}"
            claims.append(Claim.of_share(sentence, "coverage", hits, len(own), 0.89, 0.995))
            estimate = short(own["estimate"].dropna().to_numpy(float))
            width = np.nanmedian((own["high"] - own["low"]).to_numpy(float) / problem.scale)
            rows.append([problem.name, f"{problem.scale:.4g}", estimate, f"{width:.2f}", f"{hits} of {len(own)}"])
        first, last = training["epoch"].min(), training["epoch"].max()
        wide = training.pivot_table(index="repetition", columns="epoch", values="estimate")
        growth = np.log(wide[last] / wide[first]).to_numpy(float)
        sentence = f"It grows in training, from epoch {first} to {last}"
        claims.append(Claim.of_mean(sentence, "log of the growth", growth, 0))
        lines = []
        for number, (_, own) in enumerate(training.groupby("repetition")):
            epochs, values, lows, highs = (own[name].tolist() for name in ("epoch", "estimate", "low", "high"))
            lines.append(Line(f"network {number + 1}", epochs, values, lows, highs, colour=MARKS[number % len(MARKS)]))
        headings = ["problem", "known", "mean estimate", "median width / known", "covered"]
        text = "Each line is a network; bands are the 95 % intervals of single measurements."
        ways = chart(lines, "epoch", "noise scale, examples", yaxis={"type": "log"})
        return Findings(
            claims,
            [
                Section("Known", "Where it is known", block(headings, rows)),
                Section.of("Training", "On a network in training", text, ways),
            ],
        )


EXPERIMENT = NoiseScaleExperiment()
