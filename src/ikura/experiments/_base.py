"""What every experiment says and does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

import pandas as pd

from ikura.errors import UsageError, nearest
from ikura.experiments.catalogue import EXPERIMENTS
from ikura.experiments.claim import Claim
from ikura.page.markup import Html, passage

__all__ = ["Experiment", "Findings", "Repetition", "Row", "Section", "Tables"]

Row: TypeAlias = Mapping[str, object]
"""A row of a table of results, by columns: numbers and strings."""
Tables: TypeAlias = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Repetition:
    """One repetition of an experiment.

    Attributes:
        index: its number, from 0.
        seed: key of everything random in it; another one for each repetition and each seed of the experiment.
        quick: whether a small version is wanted, which takes seconds and proves little.
        folder: a folder for whatever it needs on disk; removed afterwards. It is empty, unless the experiment goes on
            within a repetition and this one was stopped.
        say: takes one sentence for the user.
        tell: takes the share of the repetition that is done, in [0, 1].
    """

    index: int
    seed: int
    quick: bool
    folder: Path
    say: Callable[[str], None] = lambda line: None
    tell: Callable[[float], None] = lambda share: None


@dataclass(frozen=True)
class Section:
    """A part of the report: a heading, a few sentences, charts and tables."""

    name: str
    heading: str
    content: Html

    @classmethod
    def of(cls, name: str, heading: str, *parts: object) -> Self:
        """Make a section of pieces, as `passage` puts them together."""
        return cls(name, heading, passage(*parts))


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
        most_repetitions: how many there are at all; None for any number.
        options: what a user may choose about it, name to one line.
        goes_on_within: whether a repetition that was stopped goes on from what it left in its folder.
    """

    name: ClassVar[str]
    says: ClassVar[str]
    method: ClassVar[str]
    repetitions: ClassVar[int] = 20
    quick_repetitions: ClassVar[int] = 3
    most_repetitions: ClassVar[int | None] = None
    options: ClassVar[Mapping[str, str]] = {}
    goes_on_within: ClassVar[bool] = False

    @property
    def question(self) -> str:
        """What it asks."""
        return EXPERIMENTS[self.name]

    @property
    def setting(self) -> Mapping[str, Any]:
        """The options with their values; results under other values are another experiment's."""
        return {}

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return the experiment under a user's choice of options.

        Raises:
            UsageError: it has no such option, or not such a value.
        """
        for name in options:
            if name not in self.options:
                word = name.replace("_", "-")
                known = ", ".join(one.replace("_", "-") for one in self.options) or "none"
                raise UsageError(f"{self.name} has no option {word!r}{nearest(name, self.options)}: it has {known}")
        return self

    def repeat_all(self, repetitions: Sequence[Repetition]) -> Iterator[tuple[int, Tables]]:
        """Measure all of these repetitions, in any order: the number of each as it ends, and what it found."""
        for one in repetitions:
            yield one.index, self.repeat(one)

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
