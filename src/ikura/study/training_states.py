"""States: what trials go on from, between one round and the next."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ikura.errors import RunError
from ikura.files import write_atomically
from ikura.population.job import Job, Outcome
from ikura.population.snapshot import packed, unpacked
from ikura.study.executor import Floor, Order, State
from ikura.study.record.ledger import Ledger, Leg
from ikura.study.record.members import member_of

__all__ = ["States", "as_copy", "lineage"]

SECONDS = 30.0
"""How often states are written to a file, at most."""


def as_copy(state: State) -> State:
    """What a copy begins with: all that its parent had, but for the time that it took."""
    return state | {"seconds": np.zeros_like(state["seconds"])}


def lineage(ledger: Ledger, rows: Mapping[int, Mapping[str, Any]], number: int, epochs: int) -> Iterator[Leg]:
    """The legs on which a trial came to so many epochs, those of the trials it was copied from included.

    Raises:
        RunError: the way is not on record.
    """
    legs = [leg for leg in ledger.legs([number]).get(number, []) if leg["since"] < max(epochs, 1)]
    since = legs[0]["since"] if legs else epochs
    if since:
        if rows[number]["parent"] is None or rows[number]["purpose"] != "search":
            raise RunError(f"trial {number}: how it came to {since} epochs is not on record")
        yield from lineage(ledger, rows, rows[number]["parent"], since)
    yield from legs


@dataclass
class States:
    """The states of a stage's running trials: in memory, from time to time in a file, and otherwise made again.

    What a killed process had in memory is trained again, in the same tiles, so it is the same to the bit; the file
    bounds how much that is.

    Attributes:
        floor: where it happens.
        path: the file.
        order: how trials are trained.
    """

    floor: Floor
    path: Path
    order: Order
    _known: dict[tuple[int, int], State] | None = None
    _saved: float = field(default_factory=time.monotonic)

    @property
    def known(self) -> dict[tuple[int, int], State]:
        """States by trial and epochs."""
        if self._known is None:
            self._known = _load(self.path)
        return self._known

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Keep what a tile's members go on from."""
        for outcome in outcomes:
            if outcome.going_on is not None and outcome.state == "complete":
                self.known[outcome.number, len(outcome.curve)] = outcome.going_on

    def keep(self, running: Mapping[int, int]) -> None:
        """Forget all but the states of these trials after so many epochs, and write the file if it is time."""
        self._known = {key: self.known[key] for key in running.items() if key in self.known}
        if time.monotonic() - self._saved >= SECONDS:
            arrays = {f"{n}/{epochs}/{name}": a for (n, epochs), s in self.known.items() for name, a in s.items()}
            write_atomically(self.path, packed(arrays))
            self._saved = time.monotonic()

    def __call__(self, number: int, epochs: int) -> State:
        """Return what a trial goes on from after so many epochs; a copy that has not trained has its parent's."""
        if (number, epochs) not in self.known:
            ledger = self.floor.ledger
            legs = [leg for leg in ledger.legs([number]).get(number, []) if leg["until"] == epochs]
            if legs:
                self._again(legs[0]["tile"])
            else:
                rows = {row["number"]: row for row in self.floor.store.trials()}
                self.known[number, epochs] = as_copy(self(rows[number]["parent"], epochs))
        return self.known[number, epochs]

    def _again(self, tile: int) -> None:
        """Train a tile again for the states that were lost with a process."""
        legs = self.floor.ledger.company(tile)
        rows = {row["number"]: row for row in self.floor.store.trials()}
        job = Job(
            tile,
            tuple(member_of(rows[leg["trial"]]) for leg in legs),
            legs[0]["until"],
            self.order.patience,
            states={leg["trial"]: self(leg["trial"], leg["since"]) for leg in legs if leg["since"]},
            keep_states=True,
            budget=self.order.budget,
        )
        for outcomes in self.floor.engine.run([job], lambda told: None):
            self.take(outcomes)


def _load(path: Path) -> dict[tuple[int, int], State]:
    """Read the file; one that is missing or damaged counts as empty."""
    found: dict[tuple[int, int], State] = {}
    for name, array in (unpacked(path) or {}).items():
        number, epochs, part = name.split("/", 2)
        found.setdefault((int(number), int(epochs)), {})[part] = array
    return found
