"""What an autopilot decides after a search: the next search with its plan, or the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from ikura.json_values import DERIVED, JsonObject
from ikura.nn.noise import key
from ikura.schema import Count, Name, Share, Short, Whole
from ikura.search import Proposer, proposer
from ikura.search.coarse_to_fine import CoarseToFine
from ikura.space import Space
from ikura.study.record.diagnosis import Diagnosis

__all__ = ["Action", "Answer", "Ask", "Decision", "EndRecord", "Found", "Leader", "OfferRecord", "SearchPlan"]


class Action(StrEnum):
    """What follows a decision."""

    SEARCH = "search"
    """Another search."""
    SKIP = "skip"
    """Another decision: a user would not have this one."""
    STOP = "stop"
    """Nothing: the study goes on to its finalists."""


class Answer(StrEnum):
    """What a user may answer to a decision."""

    ACCEPT = "accept"
    SKIP = "skip"
    STOP = "stop"


@dataclass(frozen=True)
class SearchPlan:
    """One search of a study.

    Attributes:
        number: from 1; the first is the one every study has.
        first: index of its first stage; later searches go on counting.
        space: what it searches, as `Space.as_dict()`.
        trials, epochs: its budget.
        until: share of the study's time limit at which it ends.
        opened: hyperparameters whose ranges differ from those of the search that it builds on.
        warm: trials that go on from their weights in it.
    """

    number: Count
    first: Whole
    space: JsonObject
    trials: Whole
    epochs: Count
    until: Share
    opened: list[Name]
    warm: list[Whole]

    @property
    def own(self) -> int:
        """Index of the first stage that its proposer fills."""
        return self.first + bool(self.warm)

    @property
    def label(self) -> str:
        """What follows the names of its stages."""
        return f" {self.number}" if self.number > 1 else ""

    def proposer(self, name: str, seed: int) -> Proposer:
        """Make its proposer; each search draws afresh."""
        again = key(seed, "search", self.number) % 2**63 if self.number > 1 else seed
        made = proposer(name, Space.from_dict(self.space), again)
        if isinstance(made, CoarseToFine):
            made.goes_on, made.opened = self.number > 1, tuple(self.opened)
        return made


@dataclass(frozen=True)
class Leader:
    """The best trial when an autopilot decided: its number, dev score, dev loss, and the search that found it."""

    number: Whole
    dev: float
    loss: float
    search: Count


@dataclass(frozen=True)
class Found:
    """The best trial of a search: its number, dev score, dev loss, and whether it is better than the leader was."""

    number: int
    dev: float
    loss: float
    better: bool


@dataclass(frozen=True, kw_only=True)
class OfferRecord:
    """A decision about one prescription.

    Attributes:
        action: what follows.
        after: the search that it follows.
        best: the best trial until then.
        diagnosis: of that.
        name, reason, against, expected, source: of the prescription.
        plan: the search that carries it out; None where it is not carried out.
        answer: of the user; None if nobody was asked.
        changes: hyperparameters, or epochs, that change: before and after.
        trials, known: trials of that search, and those that it learns from.
        weights: what becomes of trained weights.
        sentence: the decision in words.
        found: the best trial of that search; None before it has one.
    """

    action: Action
    after: Count
    best: Leader
    diagnosis: Diagnosis
    name: Name
    reason: Short
    plan: SearchPlan | None
    answer: Answer | None
    against: Short
    expected: Short
    source: Short
    changes: dict[str, list[Any]]
    trials: Count
    known: Whole
    weights: Short
    sentence: Short
    found: Found | None = field(default=None, metadata=DERIVED)

    @property
    def against_gap(self) -> str:
        """What it is against, to stand behind its name; empty where that is no gap of errors."""
        return f" against {self.against}" if self.against in ("bias", "variance", "mismatch") else ""


@dataclass(frozen=True, kw_only=True)
class EndRecord:
    """The decision to end; attributes as of `OfferRecord`."""

    action: Literal[Action.STOP] = Action.STOP
    after: Count
    best: Leader | None
    diagnosis: Diagnosis | None
    name: None = None
    reason: Short
    plan: None = None
    answer: None = None
    sentence: Short
    found: None = field(default=None, metadata=DERIVED)


Decision: TypeAlias = OfferRecord | EndRecord
"""A decision of an autopilot."""

Ask: TypeAlias = Callable[[OfferRecord], str]
"""Is shown a decision to search, and answers "accept", "skip" or "stop"."""
