"""The learning curve: the chosen configuration on nested parts of the training set, and what more examples would bring.

Training and dev examples only. What a part leaves out of the training set serves as train-dev set: examples of the
training set's own source that were not trained on.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ikura.diagnose.chosen_networks import Chosen
from ikura.diagnose.error_rates import MOST_EXAMPLES, compared, error_of, measured_by
from ikura.diagnose.power_law import fit
from ikura.errors import UsageError
from ikura.metric import evidence
from ikura.metric.estimate import LEVEL, Estimate, percent
from ikura.metric.resampling import draws, scores
from ikura.nn.noise import key
from ikura.population.examples import Examples
from ikura.population.job import Job, train
from ikura.population.network_setup import Network
from ikura.population.setup import TrainingSetup
from ikura.study.choice import predictions
from ikura.study.record.diagnosis import Errors

__all__ = ["LearningCurve", "Point", "learning_curve", "seconds_expected", "sizes_of", "train_on"]

HALVINGS = 4
FEWEST = 20
SEEDS, SEEDS_OF_IMAGES = 5, 3
RESAMPLES = 400
LONGER = 4
"""A part of the training set has as many updates as the whole, but no more than so many times its epochs."""
TIMES = (2, 4, 10)
TRAIN_DEV_SHARE = 0.8
FEWEST_SIZES = 3
MOST_TIMES = 100
SOME = 0.05
"""Share of the dev error that more data must take off to be of help."""


@dataclass(frozen=True)
class Point:
    """What so many training examples came to.

    Attributes:
        rows: training examples.
        train, dev: errors, means over seeds, with intervals over examples and seeds.
    """

    rows: int
    train: Estimate
    dev: Estimate


@dataclass(frozen=True)
class LearningCurve:
    """Errors of the chosen configuration by the number of training examples.

    Attributes:
        measure: what the errors are.
        points: the fewest examples first.
        fitted: level, factor and exponent of the power law a + b n^(-c) through the dev errors.
        beyond: rows, 2, 4 and 10 times those that there are, to the dev error expected of them.
        gain: what twice the training examples are expected to take off the dev error.
        enough: rows at which the dev error is expected to be within what is worth effort of the training error; None
            where that is more than a hundred times those that there are.
        seeds: trainings of each part.
        mismatch: errors where the dev set has another source: of train-dev and dev set, and their gap; None otherwise.
    """

    measure: str
    points: tuple[Point, ...]
    fitted: tuple[float, float, float]
    beyond: Mapping[int, Estimate]
    gain: Estimate
    enough: int | None
    seeds: int
    mismatch: Errors | None = None

    @property
    def help(self) -> str:
        """Whether twice the training examples take a twentieth off the dev error: "yes", "no" or "cannot tell"."""
        some = SOME * max(self.at(self.points[-1].rows), 0.0)
        return "yes" if self.gain.low > some else "no" if self.gain.high <= some else "cannot tell"

    def at(self, rows: int) -> float:
        """The dev error by the power law."""
        a, b, c = self.fitted
        power: float = float(rows) ** -c
        return a + b * power

    @property
    def expected(self) -> str:
        """What twice the training examples are expected to bring."""
        rows = 2 * self.points[-1].rows
        low, value, high = (f"{100 * one:.2g}" for one in (self.gain.low, self.gain.value, self.gain.high))
        then = self.beyond[rows].value
        return (
            f"twice the training examples ({rows:,}) are expected to lower the dev {self.measure} by {value} points "
            f"({low} to {high}), along the curve from {percent(then + self.gain.value)} to {percent(then)}"
        )

    @property
    def sentence(self) -> str:
        """Whether more data would help, and how much."""
        words = {"yes": "would help", "no": "would help little", "cannot tell": "may or may not help"}[self.help]
        return f"More data {words}: {self.expected}."


def sizes_of(rows: int, train_dev: bool = False) -> list[int]:
    """Choose the parts of a training set: halved up to four times, and 80 % of it where a train-dev set is wanted.

    Example:
        >>> sizes_of(1600), sizes_of(90, train_dev=True)
        ([100, 200, 400, 800, 1600], [22, 45, 72, 90])
    """
    found = {max(rows >> step, 1) for step in range(HALVINGS + 1) if rows >> step >= min(FEWEST, rows)}
    return sorted(found | ({round(TRAIN_DEV_SHARE * rows)} if train_dev else set()))


def seconds_expected(chosen: Chosen, epochs: int, train_dev: bool = False, jobs: int = 1) -> float:
    """About how long the learning curve will take, by how long the chosen trials took."""
    took = max(row.seconds / max(row.epochs, 1) for row in chosen.rows)
    work = sum(_epochs(chosen, epochs, rows) * rows / len(chosen.setup.train) for rows in _sizes(chosen, train_dev))
    parallel = jobs if chosen.setup.compiled else 1
    seconds: float = took * work * _seeds(chosen) / parallel
    return seconds


def _sizes(chosen: Chosen, train_dev: bool) -> list[int]:
    return sizes_of(len(chosen.setup.train), train_dev)


def _seeds(chosen: Chosen) -> int:
    return SEEDS if len(chosen.setup.train.shape) == 1 else SEEDS_OF_IMAGES


def _epochs(chosen: Chosen, epochs: int, rows: int) -> int:
    longer = LONGER if len(chosen.setup.train.shape) == 1 else 1
    return round(epochs * min(max(len(chosen.setup.train) / rows, 1), longer))


def learning_curve(
    chosen: Chosen,
    epochs: int,
    patience: int | None,
    worth: float,
    train_dev: bool = False,
    jobs: int = 1,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> LearningCurve:
    """Train the chosen configuration on nested parts of the training set, each with several seeds.

    The parts of one seed are nested; each seed has parts, initial weights and order of its own.

    Args:
        chosen: the choice of a study.
        epochs: of a trial at most.
        patience: epochs without a better dev loss before it stops.
        worth: gap of errors from which on effort is worth it.
        train_dev: whether the dev set has another source than the training set, so that a train-dev set is wanted.
        jobs: trainings at once.
        told: takes the number of finished trainings and of all.
    """
    setup = chosen.setup
    sizes, seeds = _sizes(chosen, train_dev), _seeds(chosen)
    by, measure = measured_by(chosen.metric)
    target = setup.scorer.target(setup.dev.y)
    orders = [
        np.random.default_rng([chosen.seed % 2**63, zlib.crc32(b"learning curve"), seed]).permutation(len(setup.train))
        for seed in range(seeds)
    ]

    def one(place: tuple[int, int]) -> tuple[Any, ...] | None:
        rows, seed = place
        order = orders[seed]
        trained = train_on(chosen, setup.train.rows(np.sort(order[:rows])), seed, epochs, patience)
        if trained is None:
            return None
        part, network = trained
        seen = part.train.head(MOST_EXAMPLES)
        found = [predictions(part, network, seen), part.scorer.target(seen.y), predictions(part, network, part.dev)]
        if train_dev and rows < len(setup.train):
            rest = setup.train.rows(np.sort(order[rows:])).head(MOST_EXAMPLES)
            found += [predictions(part, network, rest), part.scorer.target(rest.y)]
        return tuple(found)

    places = [(rows, seed) for rows in reversed(sizes) for seed in range(seeds)]
    found: dict[tuple[int, int], tuple[Any, ...]] = {}
    with ThreadPoolExecutor(jobs if setup.compiled else 1) as pool:
        for done, (place, result) in enumerate(zip(places, pool.map(one, places), strict=True), 1):
            told(done, len(places))
            if result is not None:
                found[place] = result
    return _curve(chosen, sizes, seeds, found, by, measure, target, worth, train_dev)


def train_on(
    chosen: Chosen, examples: Examples, seed: int, epochs: int, patience: int | None
) -> tuple[TrainingSetup, Network] | None:
    """Train the chosen configuration on some examples; what a hand changed changes after the same share of epochs.

    Args:
        chosen: the choice of a study.
        examples: in the place of its training set.
        seed: number of the training, which keys initial weights and order.
        epochs: of the study's trials at most; fewer examples get more epochs.
        patience: epochs without a better dev loss before it stops, of that many epochs.

    Returns:
        The training setup and the network, in evaluation mode; None where it diverged.
    """
    part = replace(chosen.setup, train=examples)
    longest = _epochs(chosen, epochs, len(examples))
    member, changes = chosen.again(seed, key(chosen.seed, "learning curve", seed), stretch=longest / epochs)
    waits = None if patience is None else round(patience * longest / epochs)
    [outcome] = train(part, Job(0, (member,), longest, waits, keep_weights=True, changes=changes))
    if not outcome.scored or outcome.weights is None:
        return None
    return part, part.trained_network(member, outcome.weights, outcome.buffers or {})


def _curve(
    chosen: Chosen,
    sizes: Sequence[int],
    seeds: int,
    found: Mapping[tuple[int, int], tuple[Any, ...]],
    by: Any,
    measure: str,
    target: Any,
    worth: float,
    train_dev: bool,
) -> LearningCurve:
    """Put the trainings together; seeds of which any part diverged are left out."""
    kept = [seed for seed in range(seeds) if all((rows, seed) in found for rows in sizes)]
    if not kept or len(sizes) < FEWEST_SIZES:
        why = "its trainings diverged" if not kept else f"{sizes[-1]} training examples are too few, 80 are needed"
        raise UsageError(f"no learning curve: {why}")
    points, held = [], None
    for rows in sizes:
        own = [found[rows, seed] for seed in kept]
        trained = _apart(by, [(one[0], one[1]) for one in own], chosen.seed)
        dev = error_of(by, [one[2] for one in own], target, chosen.seed)
        ends = (min(rows, MOST_EXAMPLES), len(target))
        both = compared(measure, trained, dev, ends)
        points.append(Point(rows, both.train, both.dev))
        if train_dev and len(own[0]) > 3 and rows == round(TRAIN_DEV_SHARE * sizes[-1]):
            rest = _apart(by, [(one[3], one[4]) for one in own], chosen.seed)
            held = compared(measure, rest, dev, (min(sizes[-1] - rows, MOST_EXAMPLES), len(target)))
    shown = [evidence(by, found[rows, seed][2], target) for rows in sizes for seed in kept]
    drawn = _resampled(by, shown, target, len(sizes), len(kept), chosen.seed)
    if not len(drawn):
        raise UsageError(f"no learning curve: {measure} is not defined on parts of the dev set")
    variance = drawn.var(0)
    weights = 1 / np.maximum(variance, max(float(variance.max()) * 1e-3, 1e-12))
    law = fit(sizes, [point.dev.value for point in points], weights)
    rows = sizes[-1]
    at = {times: _expected(sizes, drawn, weights, times * rows) for times in (1, *TIMES)}
    now = points[-1].dev
    missing = [_missing(side, own) for side, own in _sides(now, at[1])]
    beyond = {times * rows: _widened(_between(law(times * rows), at[times]), missing) for times in TIMES}
    gain = _between(law(rows) - law(2 * rows), at[1] - at[2])
    fitted = (float(law.a[0]), float(law.b[0]), float(law.c[0]))
    wanted = points[-1].train.value + worth
    enough = _rows_for(wanted, fitted)
    enough = None if enough is None or enough > MOST_TIMES * rows else max(enough, rows)
    return LearningCurve(measure, tuple(points), fitted, beyond, gain, enough, len(kept), held)


def _apart(by: Any, pairs: Sequence[tuple[Any, Any]], seed: int) -> tuple[Estimate, list[float]]:
    """Mean error of networks that were each measured on examples of their own; their intervals are averaged too."""
    own = [error_of(by, [prediction], target, seed)[0] for prediction, target in pairs]
    value, low, high = (float(np.mean([getattr(one, end) for one in own])) for end in ("value", "low", "high"))
    return Estimate(value, low, high), [one.value for one in own]


def _resampled(by: Any, shown: Sequence[Any], target: Any, sizes: int, seeds: int, seed: int) -> np.ndarray:
    """Dev errors on resamples of seeds and dev examples, the same ones for all sizes: shape (resamples, sizes)."""
    random = np.random.default_rng([seed % 2**63, zlib.crc32(b"learning curve"), seeds])
    weights = random.multinomial(seeds, [1 / seeds] * seeds, RESAMPLES) / seeds
    blocks = [scores(by, shown, target, counts) for counts in draws(len(target), RESAMPLES, seed, "learning curve")]
    errors = (1 - np.concatenate(blocks, axis=1)).reshape(sizes, seeds, -1)
    drawn = np.einsum("rs,zsr->rz", weights, errors)
    finite: np.ndarray = drawn[np.isfinite(drawn).all(1)]
    return finite


def _expected(sizes: Sequence[int], drawn: np.ndarray, weights: np.ndarray, rows: int) -> np.ndarray:
    """What power laws through resampled dev errors expect of so many rows: shape (resamples,).

    A power law holds for large training sets only, and nobody knows where it begins: a third of the resamples are
    fitted without the smallest part, another without the two smallest, as long as three are left.
    """
    expected = np.empty(len(drawn))
    for first in range(3):
        kept = slice(min(first, len(sizes) - FEWEST_SIZES), None)
        expected[first::3] = fit(sizes[kept], drawn[first::3, kept], weights[kept])(rows)
    return expected


def _sides(now: Estimate, drawn: np.ndarray) -> list[tuple[float, float]]:
    """Distances of both ends of the measured error's interval, and of the resamples', from their middle."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    middle = float(np.median(drawn))
    return [(now.value - now.low, middle - float(low)), (now.high - now.value, float(high) - middle)]


def _missing(side: float, own: float) -> float:
    """What the resamples lack of an interval's side; resamples of no error at all have none, Wilson's interval has."""
    return math.sqrt(max(side**2 - own**2, 0.0))


def _widened(found: Estimate, missing: Sequence[float]) -> Estimate:
    low, high = found.value - found.low, found.high - found.value
    return Estimate(
        found.value, max(found.value - math.hypot(low, missing[0]), 0.0), found.value + math.hypot(high, missing[1])
    )


def _between(value: np.ndarray, drawn: np.ndarray) -> Estimate:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    found = float(value[0])
    return Estimate(found, min(float(low), found), max(float(high), found))


def _rows_for(error: float, law: tuple[float, float, float]) -> int | None:
    """Rows at which a power law comes down to an error; None if it never does."""
    a, b, c = law
    if b == 0:
        return 1 if a <= error else None
    return math.ceil((b / (error - a)) ** (1 / c)) if error > a else None
