"""A diagnosis: errors and gaps with their intervals, what they were judged by, and what they come to."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ikura.json_values import JsonObject
from ikura.metric.estimate import LEVEL, Estimate, percent
from ikura.metric.interval import wilson
from ikura.schema import Count, Whole

__all__ = [
    "ERROR_RATE",
    "RARE",
    "SHARE_OF_CONSTANT",
    "WORTH",
    "Diagnosis",
    "Errors",
    "ErrorsRecord",
    "Gap",
    "Neighbour",
    "worth_effort",
]

WORTH = 0.02
"""A gap is worth effort from two points of a hundred on."""

RARE = 0.1
"""Where always giving the most common answer is wrong less often than this, two points of a hundred are much."""
SHARE_OF_CONSTANT = 0.2
"""A gap is worth effort from this share of the errors on that the most common answer makes, where that is less."""

ERROR_RATE = "error rate"
"""What an error is called that is a share of examples."""


def worth_effort(constant: float | None, worth: float = WORTH) -> float:
    """From which gap on effort is worth it: at most a fifth of the errors that the most common answer makes, if few.

    Example:
        >>> worth_effort(0.5), worth_effort(0.01)
        (0.02, 0.002)
    """
    return min(worth, SHARE_OF_CONSTANT * constant) if constant and constant < RARE else worth


@dataclass(frozen=True)
class Errors:
    """Training and dev error of a configuration, the mean over its networks.

    Attributes:
        measure: what the error is.
        train, dev: the errors.
        gap: dev minus training error.
        train_rows, dev_rows: examples that they were measured on.
        networks: number of networks (seeds).
        reached: the training error where training goes on to its end, of the epoch with the lowest training loss; None
            where the networks that were kept are those of that epoch, or nobody looked.
        reached_gap: dev error minus that.
        cut: whether early stopping kept an epoch after which the training loss still fell, and nobody has looked yet
            what training reaches.
        constant: of error rates, the dev error of always giving the answer that is most common in training.
    """

    measure: str
    train: Estimate
    dev: Estimate
    gap: Estimate
    train_rows: Whole
    dev_rows: Whole
    networks: Count = 1
    reached: Estimate | None = None
    reached_gap: Estimate | None = None
    cut: bool = False
    constant: float | None = None

    @property
    def shares(self) -> bool:
        """Whether errors are shares of examples that are wrong."""
        return self.measure == ERROR_RATE


@dataclass(frozen=True)
class Neighbour:
    """The dev error of the nearest training example.

    Attributes:
        error: share of dev examples whose class is not that of the nearest training example; for regression half the
            mean squared difference between their targets, over the variance of the target.
        limit: what it is expected to come down to with ever more training examples, by a power law through the errors
            of parts of them.
        classes: number of classes, 0 for regression.
        rows: dev examples asked.
    """

    error: float
    limit: float
    classes: Whole
    rows: Count

    @property
    def reached(self) -> Estimate:
        """The error that the nearest neighbour itself makes; of a regression without an interval."""
        if not self.classes:
            return Estimate.exactly(2 * self.error)
        return Estimate(self.error, *wilson(round(self.error * self.rows), self.rows, LEVEL))


@dataclass(frozen=True)
class ErrorsRecord:
    """The errors of the choice, and that of the nearest neighbour; None where nobody looked."""

    errors: Errors
    neighbour: Neighbour | None


@dataclass(frozen=True)
class Gap:
    """A difference between two errors, and what it means.

    Attributes:
        name: "bias" (training error over the best achievable), "variance" (dev, or train-dev, error over training
            error) or "mismatch" (dev over train-dev error).
        value, low, high: the difference and its interval.
        verdict: "high" where the whole interval lies above what is worth effort, "low" where it lies below that and the
            margin within which a gap is practically as small (`MARGIN`), else "cannot tell".
        examples_needed: about how many more examples would settle it, where the examples decide; None where it is
            settled, or where no number of examples would.
        of: the set that these would be measured on: "training", "dev" or "train-dev".
        rows: examples that its error was measured on.
        seeds_needed: about how many more seeds would settle it, where the spread from seed to seed decides; else None.
        seeds: networks whose mean it is.
        border: the border between low and high that it lies too near to be told, with a hundred times the examples (or
            50,000) and two hundred seeds; else None.
    """

    name: str
    value: float
    low: float
    high: float
    verdict: str
    examples_needed: int | None = None
    of: str = "dev"
    rows: int = 0
    seeds_needed: int | None = None
    seeds: int = 1
    border: float | None = None

    @property
    def missing(self) -> str:
        """What would settle it, such as "about 50 more dev examples to measure on"; empty where nothing is known to."""
        if self.border is not None:
            return f"too near the border of {percent(self.border)} to be told"
        seeds, need = self.seeds_needed, self.examples_needed
        words = [f"about {seeds:,} more seed{'s' * (seeds > 1)}"] if seeds else []
        words += [f"about {need:,} more {self.of} examples to measure on"] if need else []
        return " and ".join(words)


@dataclass(frozen=True)
class Diagnosis:
    """Bias and variance of a study's choice.

    Attributes:
        measure: what the errors are: "error rate", "unexplained variance" (1 - R²), ...
        optimal: the best achievable error; None where nothing is known of it. Of an estimate the interval are bounds
            that it is likely to lie within.
        optimal_source: "given", "human" or "estimate".
        train: the training error.
        train_dev: the error on examples like those of training that were not trained on, where the dev set has another
            source and it was measured; None otherwise.
        dev: the dev error.
        bias: training error over the best achievable.
        variance: dev error (train-dev error, where there is one) over training error.
        mismatch: dev error over train-dev error; None where there is none.
        sentence: what it comes to.
        worth: gap from which on effort is worth it.
        optimal_note: where the best achievable error is from.
        rows: training and dev examples that the errors were measured on.
        networks: number of networks whose mean they are.
        reached: the training error where training goes on to its end, by which bias and variance are judged; None where
            it is that of the networks kept.
        constant: of error rates, the dev error of always giving the answer that is most common in training; None for
            other errors.
    """

    measure: str
    optimal: Estimate | None
    optimal_source: str
    train: Estimate
    train_dev: Estimate | None
    dev: Estimate
    bias: Gap
    variance: Gap
    mismatch: Gap | None
    sentence: str
    worth: float = WORTH
    optimal_note: str = ""
    rows: tuple[int, int] = (0, 0)
    networks: int = 1
    reached: Estimate | None = None
    constant: float | None = None

    @property
    def fit(self) -> Estimate:
        """The training error that bias and variance are judged by."""
        return self.reached or self.train

    @property
    def gaps(self) -> list[Gap]:
        """Bias, variance and, where there is one, mismatch."""
        return [one for one in (self.bias, self.variance, self.mismatch) if one is not None]

    def as_dict(self) -> JsonObject:
        """Return the attributes as JSON values."""
        return asdict(self)
