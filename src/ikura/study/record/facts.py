"""What the facts of a store hold: one schema for each name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, MaxLen, MinLen
from typing_extensions import TypedDict

from ikura.schema import Count, Finite, Name, Positive, Scalar, Share, Short, Whole

__all__ = ["RoundRecord", "fact_schema"]

Pair = Annotated[list[float], MinLen(2), MaxLen(2)]
"""The ends of an interval; NaN where there is none."""
Hyperparameters = dict[str, Scalar]


class ColumnPart(TypedDict):
    """A column of the data."""

    name: Short
    kind: Name
    missing: Whole
    distinct: Whole
    note: Short


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
    figures: dict[str, Any]
    cause: Short
    fix: Short


class ChecksFact(TypedDict):
    """The checks that were made before the training."""

    subject: Short
    ok: bool
    counts: dict[str, Whole]
    checks: list[ResultPart]


class WideningPart(TypedDict):
    """An end of a range that was moved outwards."""

    hyperparameter: Name
    end: Literal["low", "high"]
    before: Finite
    after: Finite
    at_edge: Whole
    good: Whole
    sentence: Short


class StagePart(TypedDict):
    """A stage of a search."""

    stage: Whole
    name: Name
    trials: Whole
    epochs: Count
    region: dict[str, list[Scalar]]
    widened: NotRequired[list[WideningPart]]


class KnownPart(TypedDict):
    """A trial of an earlier study."""

    configuration: Hyperparameters
    score: float | None


class CorrectedPart(TypedDict):
    """A dev score corrected for having been picked."""

    value: float
    interval: Pair
    candidates: Count
    resamples: Count


class NextPart(TypedDict):
    """The choice against the next configuration."""

    number: Whole
    difference: float
    interval: Pair
    p: float
    seeds: Count
    weights: Annotated[list[Whole], MinLen(2), MaxLen(2)]


class ChoicePart(TypedDict):
    """How a preferred objective chose."""

    prefer: Name
    margin: float
    best: Whole
    best_dev: float
    best_cost: float
    cost: float


class BestFact(TypedDict):
    """The choice."""

    number: Whole
    model: Whole
    hyperparameters: Hyperparameters
    dev: Finite
    interval: Pair
    note: Short | None
    choice: NotRequired[ChoicePart | None]
    corrected: CorrectedPart | None
    next: NextPart | None


class StoppingPart(TypedDict):
    """What stopping early traded."""

    epoch: Count
    ended: Count
    budget: Count
    cost: Pair
    loss: Pair
    sentence: Short


class SparsityPart(TypedDict):
    """Weights that are zero."""

    zeros: Whole
    weights: Whole
    l1: Finite
    sentence: Short


class AccountFact(TypedDict):
    """An account of the chosen network."""

    stopping: StoppingPart | None
    sparsity: SparsityPart | None


class EstimatePart(TypedDict):
    """A number that was measured, with its interval."""

    value: float
    low: float
    high: float
    spread: NotRequired[float]
    of_examples: NotRequired[Pair | None]


class MeasuredPart(TypedDict):
    """The errors of the choice."""

    measure: Short
    train: EstimatePart
    dev: EstimatePart
    gap: EstimatePart
    train_rows: Whole
    dev_rows: Whole
    networks: NotRequired[Count]
    reached: NotRequired[EstimatePart | None]
    reached_gap: NotRequired[EstimatePart | None]
    cut: NotRequired[bool]


class NeighbourPart(TypedDict):
    """The dev error of the nearest training example."""

    error: float
    limit: float
    classes: Whole
    rows: Count


class ErrorsFact(TypedDict):
    """The errors of the choice, and that of the nearest neighbour."""

    errors: MeasuredPart
    neighbour: NeighbourPart | None


class PredictionsFact(TypedDict):
    """What the model answered on the test set."""

    target: list[float]
    prediction: list[float]
    classes: list[Scalar] | None


class TestFact(TypedDict):
    """The one measurement on the test set."""

    metric: Name
    value: float
    interval: Pair
    note: NotRequired[Short | None]


class PlanPart(TypedDict):
    """A search that an autopilot decided on."""

    number: Count
    first: Whole
    space: dict[str, Any]
    trials: Whole
    epochs: Count
    until: Share
    opened: list[Name]
    warm: list[Whole]


class LeaderPart(TypedDict):
    """The best trial when an autopilot decided."""

    number: Whole
    dev: float
    loss: float
    search: Count


class OfferRecord(TypedDict):
    """A decision of an autopilot about one prescription."""

    action: Literal["search", "skip", "stop"]
    after: Count
    best: LeaderPart
    diagnosis: dict[str, Any]
    name: Name
    against: Short
    reason: Short
    expected: Short
    source: Short
    changes: dict[str, list[Any]]
    trials: Count
    known: Whole
    weights: Short
    plan: PlanPart | None
    answer: Literal["accept", "skip", "stop"] | None
    sentence: Short


class EndRecord(TypedDict):
    """The decision of an autopilot to end."""

    action: Literal["stop"]
    after: Count
    best: LeaderPart | None
    diagnosis: dict[str, Any] | None
    name: None
    reason: Short
    plan: None
    answer: None
    sentence: Short


class ClassPicture(TypedDict):
    """Images of one class."""

    name: Short
    picture: str


class StrengthPicture(TypedDict):
    """Images changed with one strength."""

    strength: Finite
    picture: str


class AugmentationPicture(TypedDict):
    """Images changed by one augmentation."""

    name: Name
    unit: Short
    strengths: list[StrengthPicture]


class PicturesFact(TypedDict):
    """Images for the report."""

    classes: list[ClassPicture]
    originals: str
    augmentations: list[AugmentationPicture]


class NetworkFact(TypedDict):
    """What the caller's factory is known by."""

    structure: list[str]
    code: dict[str, str]
    python: Name


class RoundRecord(TypedDict):
    """What a schedule decided: trials by number, to the epochs that they train to, or to why they end."""

    train: dict[str, Count]
    fresh: dict[str, Count]
    copies: dict[str, Count]
    drop: dict[str, Short]


FACTS: Mapping[str, Any] = {
    "setting": dict[str, Any],
    "network": NetworkFact,
    "versions": dict[Name, Name],
    "summary": SummaryFact,
    "checks": ChecksFact,
    "pictures": PicturesFact,
    "prior": list[KnownPart],
    "seconds": dict[str, Positive],
    "tile_size": Annotated[Count, Ge(1)],
    "stages": list[StagePart],
    "costs": dict[Name, list[Positive | None]],
    "decisions": list[OfferRecord | EndRecord],
    "best": BestFact,
    "errors": ErrorsFact,
    "account": AccountFact,
    "predictions": PredictionsFact,
    "test": TestFact,
    "done": Literal[True],
}
MARK = re.compile(r"stage \d+|searched( \d+)?")
"""Names of facts that say that something is done."""


def fact_schema(name: str) -> Any:
    """The schema of a fact; None for a name that no one reads.

    Example:
        >>> fact_schema("stage 3"), fact_schema("nothing")
        (typing.Literal[True], None)
    """
    return Literal[True] if MARK.fullmatch(name) else FACTS.get(name)
