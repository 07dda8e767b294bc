"""What every experiment says and does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from ikura.experiments.claim import Claim
from ikura.experiments.registry import EXPERIMENTS
from ikura.report.markup import Html

__all__ = ["Experiment", "Findings", "Repetition", "Section", "Tables"]

Tables = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Repetition:
    """One repetition of an experiment.

    Attributes:
        index: its number, from 0.
        seed: key of everything random in it; another one for each repetition and each seed of the experiment.
        quick: whether a small version is wanted, which takes seconds and proves little.
        folder: an empty folder for whatever it needs on disk; removed afterwards.
        say: takes one sentence for the user.
    """

    index: int
    seed: int
    quick: bool
    folder: Path
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class Section:
    """A part of the report: a heading, a few sentences, charts and tables."""

    name: str
    heading: str
    content: Html


@dataclass(frozen=True)
class Findings:
    """What an experiment found.

    Attributes:
        claims: what was claimed, each with its verdict.
        sections: the charts and tables behind them.
        notes: sentences on what the measurement cannot tell.
    """

    claims: Sequence[Claim]
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=tuple)


class Experiment(ABC):
    """Measures a claim by repeating it.

    A repetition is a pure function of its seed, so that an experiment which was stopped goes on with the repetitions
    that are missing. What it returns are tables: name to rows, each row a dict of plain numbers and strings.

    Attributes:
        name: as in `EXPERIMENTS`.
        says: the claim, in a sentence or two.
        method: how it is measured.
        repetitions: how many by default.
        quick_repetitions: how many in the small version.
    """

    name: ClassVar[str]
    says: ClassVar[str]
    method: ClassVar[str]
    repetitions: ClassVar[int] = 20
    quick_repetitions: ClassVar[int] = 3
    most_repetitions: ClassVar[int | None] = None

    @property
    def question(self) -> str:
        """What it asks."""
        return EXPERIMENTS[self.name]

    @abstractmethod
    def repeat(self, repetition: Repetition) -> Tables:
        """Measure once."""

    @abstractmethod
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        """Judge the measurements.

        Args:
            tables: rows of all repetitions, with their number in the column `repetition`.
            quick: whether they come from the small version.
        """
