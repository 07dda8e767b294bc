"""The covariance of weight steps by batch size, under three rules for the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

from ikura.data import prepare
from ikura.experiments._base import Experiment, Findings, Repetition, Row, Section, Tables
from ikura.experiments.charts import MARKS, averaged, chart, short
from ikura.experiments.claim import Claim
from ikura.experiments.populations import make_setup, train
from ikura.large_batch.step_covariance import example_gradients, predicted_covariance, sample_steps, step_variance
from ikura.page.html_tables import block
from ikura.page.markup import element
from ikura.population.examples import Examples
from ikura.space._base import Configuration

__all__ = ["EXPERIMENT", "measure", "sizes_for"]

POWERS = {"none": 0.0, "sqrt": 0.5, "linear": 1.0}
WORDS = {"none": "same learning rate", "sqrt": "√ rule", "linear": "linear rule"}
LARGEST, NUMBER = 1024, 6
MOST_SHARE = 1 / 19
"""Of the examples in one mini-batch: then drawing without replacement takes off no more than a nineteenth."""
ROWS, STEPS, RATE, DIRECTIONS, TOLERANCE = 20_000, 400, 0.1, 5, 0.1
NETWORK: Configuration = {"units": 16, "layers": 2, "optimizer": "momentum", "learning_rate": 0.02, "batch_size": 32}


def sizes_for(rows: int) -> tuple[int, ...]:
    """Sizes of mini-batches that double up to the largest that is a small share of the examples.

    Example:
        >>> sizes_for(20_000), sizes_for(4_000)
        ((32, 64, 128, 256, 512, 1024), (4, 8, 16, 32, 64, 128))
    """
    largest = 2
    while 2 * largest <= min(LARGEST, rows * MOST_SHARE):
        largest *= 2
    return tuple(size for size in (largest >> place for place in reversed(range(NUMBER))) if size)


def measure(gradients: np.ndarray, sizes: tuple[int, ...], steps: int, seed: int) -> Sequence[Row]:
    """Compare measured and predicted covariance of steps at one point.

    Args:
        gradients: of each example, shape (examples, weights).
        sizes: batch sizes, the base first.
        steps: for each size.
        seed: of the mini-batches.

    Returns:
        For each rule and size the trace of the measured and the predicted covariance, and the mean variance along the
        strongest directions of the gradients' covariance, in units of the base's prediction.
    """
    from scipy.linalg import eigh

    unit = predicted_covariance(gradients, RATE, sizes[0])
    _, strong = eigh(unit, subset_by_index=(len(unit) - DIRECTIONS, len(unit) - 1))
    whole, along = float(np.trace(unit)), np.sum(strong * (unit @ strong), 0)
    rows = []
    for size in sizes:
        # A learning rate only scales the steps: those of one rule are those of the others, multiplied.
        moved = sample_steps(gradients, RATE, size, steps, seed)
        predicted = step_variance(RATE, size, len(gradients)) / step_variance(RATE, sizes[0], len(gradients))
        for rule, power in POWERS.items():
            factor = (size / sizes[0]) ** (2 * power)
            measured = float(moved.var(0, ddof=1).sum()) / whole
            strongest = float(((moved @ strong).var(0, ddof=1) / along).mean())
            values = {"trace": measured, "predicted": predicted, "strongest": strongest}
            rows.append({"rule": rule, "size": size} | {name: factor * value for name, value in values.items()})
    return rows


class StepCovariance(Experiment):
    """A repetition is a network at its start and after training, and a set of mini-batches for each size."""

    name = "step-covariance"
    repetitions = 20
    quick_repetitions = 4
    says: ClassVar[str] = (
        "The covariance of a weight step is (η²/M) times that of the gradients of single examples. A learning rate "
        "that grows with the root of the batch size keeps it; the same learning rate lets it shrink, a proportional "
        "one lets it grow."
    )
    method: ClassVar[str] = (
        f"A network of twice 16 units is taken at its initial weights and after an epoch of training on {ROWS:,} "
        "Fashion-MNIST images of 7 × 7 pixels (made of 4 × 4 blocks). There the gradient of every example is computed, "
        f"and from it {STEPS} steps for each batch size from {sizes_for(ROWS)[0]} to {LARGEST}, each on a mini-batch "
        "of its own, drawn without replacement. Compared are the trace of their covariance and the variance along the "
        "five strongest directions, as multiples of what is predicted at the smallest size. The prediction includes "
        "the factor (N - M)/(N - 1) for drawing without replacement, which is 0.95 at the largest size; where there "
        "are fewer examples, the sizes are smaller, too."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        rows, steps = (2_000, 200) if repetition.quick else (ROWS, STEPS)
        dataset = prepare(_blocks(), seed=repetition.seed % 1000)
        examples = make_setup(dataset, rows=min(rows, len(dataset.train))).train
        sizes = sizes_for(len(examples))
        sizes = (sizes[0], sizes[-1]) if repetition.quick else sizes
        found: list[Row] = []
        for when, epochs in (("start", 0), ("trained", 1)):
            network = _network(dataset, examples, repetition.seed, epochs)
            gradients = example_gradients(network, examples.array, examples.y, "multiclass")
            found += [{"when": when, **row} for row in measure(gradients, sizes, steps, repetition.seed)]
        return {"covariance": found}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        found = tables["covariance"]
        claims = []
        for when, words in (("start", "at the start"), ("trained", "after training")):
            own = found[found["when"] == when].groupby(["repetition", "rule", "size"])["trace"].mean().unstack("size")
            change = (own.div(own.iloc[:, 0], axis=0) - 1).abs().max(axis=1).unstack("rule")
            sizes, what = f"from {own.columns.min()} to {own.columns.max()}", "largest change"
            sentence = f"The √ rule keeps the trace within 10 % {sizes}, {words}"
            claims.append(Claim.of_mean(sentence, what, change["sqrt"], most=TOLERANCE))
            for rule in ("none", "linear"):
                sentence = f"With the {WORDS[rule]} it changes by more than 10 %, {words}"
                claims.append(Claim.of_mean(sentence, what, change[rule], least=TOLERANCE))
        scale = {"type": "log", "tickvals": sorted(set(found["size"].tolist()))}
        charts, rows = [], []
        for when, title in (("start", "At the initial weights"), ("trained", "After training")):
            own = found[found["when"] == when]
            lines = [
                averaged(own[own["rule"] == rule], "size", "trace", words, colour=MARKS[place])
                for place, (rule, words) in enumerate(WORDS.items())
            ]
            what = "trace of cov(Δw), relative"
            charts.append(chart(lines, "batch size", what, title=title, xaxis=scale, yaxis={"type": "log"}))
            for (kind, size), group in own.groupby(["rule", "size"], sort=False):
                cells = [short(group[name].to_numpy(), 3) for name in ("trace", "predicted", "strongest")]
                rows.append([title.lower(), WORDS[str(kind)], f"{size}", *cells])
        headings = ["where", "learning rate", "batch", "trace", "predicted trace", "strongest directions"]
        text = "Multiples of what is predicted at the smallest size; 95 % intervals over repetitions."
        both = element("div", *charts, class_="multiples")
        listed = block(headings, rows, words={"where", "learning rate"})
        return Findings(claims, [Section.of("Covariance", "Covariance of the steps", text, both, listed)])


def _blocks() -> Any:
    """Fashion-MNIST in blocks of 4 × 4 pixels; the bundled digits where it is not on this machine."""
    from ikura.data.images.known import read_image_set
    from ikura.errors import DataError

    try:
        pictures = read_image_set("fashion_mnist")
    except DataError:
        return "digits"
    train = pictures.pixels[: 3 * ROWS, 0].astype(np.float32) / 255
    return train.reshape(len(train), 7, 4, 7, 4).mean((2, 4)).reshape(len(train), 49), pictures.labels[: 3 * ROWS]


def _network(dataset: Any, examples: Examples, seed: int, epochs: int) -> Any:
    from ikura.population.member import Member

    if epochs:
        return train(dataset, [NETWORK], epochs, seed)[0].network
    return make_setup(dataset).module(Member(0, NETWORK, seed))


EXPERIMENT = StepCovariance()
