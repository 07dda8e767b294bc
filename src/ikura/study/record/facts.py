"""The facts of a store: the name of each, and the type of what it holds, by which it is checked and read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

from annotated_types import MaxLen, MinLen
from typing_extensions import TypedDict

from ikura.exchange.prior import KnownTrial
from ikura.json_values import JsonObject
from ikura.metric.calibration import Reliability
from ikura.schema import Count, Finite, Name, Positive, Scalar, Short, Whole
from ikura.study.record.baseline import Baseline
from ikura.study.record.calibration_record import Calibration
from ikura.study.record.decision import Decision
from ikura.study.record.diagnosis import ErrorsRecord
from ikura.study.record.earlier_study import EarlierStudy
from ikura.study.record.ensemble_record import AgainstOne, Ensemble
from ikura.study.record.home import HomeRecord
from ikura.study.record.interval_coverage import IntervalCoverage
from ikura.study.record.prediction_bounds import PredictionBounds
from ikura.study.record.result import Corrected, RunnerUp, Test

__all__ = [
    "BestRecord",
    "ChoiceRecord",
    "Fact",
    "RoundForm",
    "StageRecord",
    "WideningRecord",
    "known_fact",
    "mark",
]

T = TypeVar("T")


Pair = Annotated[list[float], MinLen(2), MaxLen(2)]
"""The ends of an interval; NaN where there is none."""
Hyperparameters = dict[str, str | bool | int | Finite]


class ColumnPart(TypedDict):
    """A column of the data."""

    name: Short
    kind: Name
    missing: Whole
    distinct: Whole
    note: Short


class ReplayPart(TypedDict):
    """What came of training a trial again; in what the machine that did is unlike the study's, if it is."""

    trial: Whole
    epochs: Count
    same: bool
    unlike: NotRequired[Short]


class LeftOutPart(TypedDict):
    """A column that the network does not see."""

    name: Short
    reason: Short


class ClassPart(TypedDict):
    """A class of the target."""

    name: Scalar
    rows: Whole


class PartsPart(TypedDict):
    """Rows in each part of the split."""

    train: Whole
    dev: Whole
    test: Whole


class DriftPart(TypedDict):
    """A column that is distributed otherwise."""

    column: Short
    part: Name


class ImagesPart(TypedDict):
    """What images are like."""

    width: Count
    height: Count
    channels: Count
    mapped: NotRequired[bool]
    given_parts: NotRequired[list[Name] | None]


class SummaryFact(TypedDict):
    """What was read."""

    source: Short | None
    target: Short | None
    task: Name
    rows: Count
    rows_without_target: Whole
    columns: list[ColumnPart]
    left_out: list[LeftOutPart]
    parts: PartsPart
    classes: list[ClassPart] | None
    imbalance: float | None
    drift: list[DriftPart]
    mismatch: NotRequired[list[DriftPart]]
    images: ImagesPart | None
    notes: list[Short]


class ResultPart(TypedDict):
    """What a check found."""

    name: Name
    verdict: Literal["fail", "warn", "pass", "skipped"]
    finding: Short
    figures: JsonObject
    cause: Short
    fix: Short


class ChecksFact(TypedDict):
    """The checks that were made before the training."""

    subject: Short
    ok: bool
    counts: dict[str, Whole]
    checks: list[ResultPart]


@dataclass(frozen=True)
class WideningRecord:
    """An end of a range that was moved outwards, as `ikura.search.Widening`."""

    hyperparameter: Name
    end: Literal["low", "high"]
    before: Finite
    after: Finite
    at_edge: Whole
    good: Whole
    sentence: Short


@dataclass(frozen=True)
class StageRecord:
    """A stage of a search.

    Attributes:
        stage: its index.
        name: what to call it.
        trials: how many it has.
        epochs: how long a trial in it may train.
        region: where it searched, as `ikura.search.Proposer.regions`.
        widened: ends of ranges that were moved for it.
    """

    stage: Whole
    name: Name
    trials: Whole
    epochs: Count
    region: dict[str, list[Scalar]] = field(default_factory=dict)
    widened: list[WideningRecord] = field(default_factory=list)


@dataclass(frozen=True)
class ChoiceRecord:
    """How a preferred objective chose: the margin, the trial of the best dev score and its cost, and the cost."""

    prefer: Name
    margin: float
    best: Whole
    best_dev: float
    best_cost: float | None
    cost: float | None


@dataclass(frozen=True)
class BestRecord:
    """The choice.

    Attributes:
        number: the trial of the search.
        model: the trial whose network is kept.
        hyperparameters: of both.
        dev: dev score; with finalists the mean over the replicates.
        interval: of that score, over dev examples and seeds.
        note: a sentence where the choice was not the usual one.
        choice: how a preferred objective chose; None where the best dev score was chosen.
        corrected: the score corrected for having been picked; None where there is nothing to go by.
        next: against the next configuration; None if there is no other.
    """

    number: Whole
    model: Whole
    hyperparameters: Hyperparameters
    dev: Finite
    interval: tuple[float, float]
    note: Short | None = None
    choice: ChoiceRecord | None = None
    corrected: Corrected | None = None
    next: RunnerUp | None = None


@dataclass(frozen=True)
class Stopping:
    """What stopping early traded."""

    epoch: Count
    ended: Count
    budget: Count
    cost: Pair
    loss: Pair
    sentence: Short


@dataclass(frozen=True)
class Sparsity:
    """Weights that are zero."""

    zeros: Whole
    weights: Whole
    l1: Finite
    sentence: Short


@dataclass(frozen=True)
class AccountRecord:
    """An account of the chosen network."""

    stopping: Stopping | None
    sparsity: Sparsity | None


class PredictionsFact(TypedDict):
    """What the model answered on the test set."""

    target: list[float]
    prediction: list[float]
    classes: list[Scalar] | None


class ClassImages(TypedDict):
    """Images of one class."""

    name: Short
    picture: str


class StrengthImages(TypedDict):
    """Images changed with one strength."""

    strength: Finite
    picture: str


class AugmentationImages(TypedDict):
    """Images changed by one augmentation."""

    name: Name
    unit: Short
    strengths: list[StrengthImages]


class ImageSamplesFact(TypedDict):
    """Images for the report."""

    classes: list[ClassImages]
    originals: str
    augmentations: list[AugmentationImages]


class NetworkFact(TypedDict):
    """What the caller's factory is known by."""

    structure: list[str]
    code: dict[str, str]
    python: Name


class NodePart(TypedDict):
    """A machine that trained a study."""

    host: Short
    workers: Whole
    versions: dict[Name, Name]
    processor: Short
    features: str


class LegFact(TypedDict):
    """A process that led the training of a study, and the machines that trained."""

    engine: Name
    nodes: list[NodePart]


class RoundForm(TypedDict):
    """What a schedule decided: trials by number, to the epochs that they train to, or to why they end."""

    train: dict[str, Count]
    fresh: dict[str, Count]
    copies: dict[str, Count]
    drop: dict[str, Short]
    kept: NotRequired[dict[str, Count]]


class MeasureFact(TypedDict):
    """A further metric of the chosen network, on the dev and on the test set."""

    name: Name
    dev: float
    test: float


@dataclass(frozen=True)
class Fact(Generic[T]):
    """What a store may know of a study: its name there, and the type of its value, a schema as of `ikura.schema`."""

    name: str
    kind: Any = field(compare=False)


SETTING: Fact[JsonObject] = Fact("setting", JsonObject)
NETWORK: Fact[NetworkFact] = Fact("network", NetworkFact)
FUNCTIONS: Fact[dict[str, NetworkFact]] = Fact("functions", dict[Name, NetworkFact])
MEASURES: Fact[list[MeasureFact]] = Fact("measures", list[MeasureFact])
VERSIONS: Fact[Mapping[str, str]] = Fact("versions", dict[Name, Name])
SUMMARY: Fact[SummaryFact] = Fact("summary", SummaryFact)
CHECKS: Fact[ChecksFact] = Fact("checks", ChecksFact)
IMAGE_SAMPLES: Fact[ImageSamplesFact] = Fact("pictures", ImageSamplesFact)
PRIOR: Fact[list[KnownTrial]] = Fact("prior", list[KnownTrial])
EARLIER_STUDIES: Fact[list[EarlierStudy]] = Fact("before", list[EarlierStudy])
SECONDS: Fact[dict[str, float]] = Fact("seconds", dict[str, Positive])
TILE_SIZE: Fact[int] = Fact("tile_size", Count)
STAGES: Fact[list[StageRecord]] = Fact("stages", list[StageRecord])
COSTS: Fact[Mapping[str, Sequence[float | None]]] = Fact("costs", dict[Name, list[Positive | None]])
DECISIONS: Fact[list[Decision]] = Fact("decisions", list[Decision])
BEST: Fact[BestRecord] = Fact("best", BestRecord)
ERRORS: Fact[ErrorsRecord] = Fact("errors", ErrorsRecord)
ACCOUNT: Fact[AccountRecord] = Fact("account", AccountRecord)
ENSEMBLE: Fact[Ensemble] = Fact("ensemble", Ensemble)
FOLD_CONFIGURATIONS: Fact[list[int]] = Fact("fold_configurations", list[Whole])
REFITTED: Fact[list[int]] = Fact("refitted", list[Whole])
AGAINST_ONE: Fact[AgainstOne] = Fact("against_one", AgainstOne)
PREDICTIONS: Fact[PredictionsFact] = Fact("predictions", PredictionsFact)
TEST: Fact[Test] = Fact("test", Test)
CALIBRATION: Fact[Calibration] = Fact("calibration", Calibration)
RELIABILITY: Fact[Reliability] = Fact("reliability", Reliability)
INTERVALS: Fact[IntervalCoverage] = Fact("intervals", IntervalCoverage)
BOUNDS: Fact[PredictionBounds] = Fact("bounds", PredictionBounds)
BASELINES: Fact[list[Baseline]] = Fact("baselines", list[Baseline])
REPLAYED: Fact[list[ReplayPart]] = Fact("replayed", list[ReplayPart])
WAYS: Fact[dict[str, int]] = Fact("ways", dict[Short, Count])
LEGS: Fact[list[LegFact]] = Fact("legs", list[LegFact])
HOMES: Fact[list[HomeRecord]] = Fact("run_folders", list[HomeRecord])
DISAGREEMENTS: Fact[list[str]] = Fact("disagreements", list[Short])
DONE: Fact[bool] = Fact("done", Literal[True])
FACTS = {
    one.name: one
    for one in (
        SETTING, NETWORK, FUNCTIONS, MEASURES, VERSIONS, SUMMARY, CHECKS, IMAGE_SAMPLES, PRIOR, EARLIER_STUDIES,
        SECONDS, TILE_SIZE,
        STAGES, COSTS, DECISIONS, BEST, ERRORS, ACCOUNT, ENSEMBLE, FOLD_CONFIGURATIONS, REFITTED, AGAINST_ONE,
        PREDICTIONS, TEST, BASELINES, CALIBRATION, RELIABILITY, INTERVALS, BOUNDS, REPLAYED, WAYS, LEGS, DISAGREEMENTS,
        HOMES, DONE,
    )
}  # fmt: skip
MARK = re.compile(r"stage \d+|searched( \d+)?")
"""Names of facts that say that something is done."""


def mark(what: str) -> Fact[bool]:
    """The fact that a stage ("stage 3") or a search ("searched", "searched 2") is done."""
    return Fact(what, Literal[True])


def known_fact(name: str) -> Fact[Any] | None:
    """The fact of a name; None for one that no one reads.

    Example:
        >>> known_fact("stage 3").kind, known_fact("nothing")
        (typing.Literal[True], None)
    """
    return mark(name) if MARK.fullmatch(name) else FACTS.get(name)
