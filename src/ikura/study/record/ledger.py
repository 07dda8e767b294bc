"""The ledger: the part of the store that holds rounds, where each trial trained, and what schedules compare by."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa

from ikura.population.outcome import Outcome
from ikura.study.record.intervention import Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.store import Store, insert_many
from ikura.study.record.tables import LOSSES, ROUNDS, SEGMENTS, TRIALS
from ikura.study.record.trial import Trial
from ikura.trial_state import State

__all__ = ["Ledger", "RoundRecord", "Segment"]

CONTENT = ("train", "fresh", "copies", "drop", "kept")
"""The parts of a round that are recorded as one text."""


@dataclass(frozen=True)
class Segment:
    """A trial's time in a tile.

    Attributes:
        tile: number of the tile.
        place: the trial's place in it.
        trial: number of the trial.
        since, until: epochs, the trial's own, that it had before and has after.
    """

    tile: int
    place: int
    trial: int
    since: int
    until: int


@dataclass(frozen=True)
class RoundRecord:
    """A round as it was decided.

    Attributes:
        stage: index of the stage.
        round: index of the round in its stage.
        train, fresh, copies: trials that go on, begin, or begin as copies, and the epochs to which each trains.
        drop: trials that end, and why.
        kept: trials that the schedule would drop but a hand pinned, and the epochs to which they train on.
    """

    stage: int
    round: int
    train: Mapping[int, int] = field(default_factory=dict)
    fresh: Mapping[int, int] = field(default_factory=dict)
    copies: Mapping[int, int] = field(default_factory=dict)
    drop: Mapping[int, str] = field(default_factory=dict)
    kept: Mapping[int, int] = field(default_factory=dict)

    @property
    def until(self) -> dict[int, int]:
        """The epochs to which each trial that trains does."""
        return {**self.train, **self.fresh, **self.copies, **self.kept}


class Ledger:
    """Rounds of a study and the segments of its trials.

    Args:
        store: the study's store.

    Example:
        >>> ledger = Ledger(Store(":memory:", create=True))
        >>> ledger.add_segments([Segment(tile=0, place=0, trial=5, since=0, until=9)])
        >>> ledger.segments([5])[5][0].until
        9
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def add_round(
        self,
        decided: RoundRecord,
        copies: Sequence[Trial],
        rule: str = "",
        events: Sequence[tuple[Request, int | None]] = (),
    ) -> None:
        """Record a decided round, with the trials that begin as copies and the end of those that it drops.

        Args:
            decided: the round.
            copies: the new trials, with the epochs that they take over from their parents; so much of the parents'
                curves is theirs too.
            rule: the schedule that steered trials by this round; empty if it did not.
            events: how, see `Interventions.insert_applied`.
        """
        content = {name: getattr(decided, name) for name in CONTENT}
        row = {"stage": decided.stage, "round": decided.round, "time": time.time(), "content": json.dumps(content)}

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.insert(ROUNDS), row)
            self.store.insert_copies(connection, copies)
            if decided.drop:
                dropped = sa.update(TRIALS).where(self.store.among(TRIALS.c.number, decided.drop))
                connection.execute(dropped.values(state=State.PRUNED))
            Interventions.insert_applied(connection, rule, events)

        self.store.write(write)

    def rounds(self, stage: int | None = None) -> list[RoundRecord]:
        """Return rounds in order."""
        query = sa.select(ROUNDS).order_by(ROUNDS.c.stage, ROUNDS.c.round)
        if stage is not None:
            query = query.where(ROUNDS.c.stage == stage)
        found = []
        for row in self.store.read(query):
            content = json.loads(row["content"])
            parts = {part: {int(number): value for number, value in content.get(part, {}).items()} for part in CONTENT}
            found.append(RoundRecord(row["stage"], row["round"], **parts))
        return found

    def add_segments(self, segments: Sequence[Segment]) -> None:
        """Record which tiles trials train in, and in which places, before they do."""
        if segments:
            rows = [(one.tile, one.place, one.trial, one.since, one.until) for one in segments]
            self.store.write(lambda connection: insert_many(connection, SEGMENTS, rows), trials=False)

    def segments(self, trials: Sequence[int]) -> dict[int, list[Segment]]:
        """Return the segments of trials, in order, by trial."""
        found: dict[int, list[Segment]] = {}
        for one in self.store.known(("segments", *trials), lambda: self._segments(trials)):
            found.setdefault(one.trial, []).append(one)
        return found

    def _segments(self, trials: Sequence[int]) -> list[Segment]:
        query = sa.select(SEGMENTS).order_by(SEGMENTS.c.since)
        return [Segment(**row) for row in self.store.read_in(query, SEGMENTS.c.trial, trials)]

    def of_tile(self, tile: int) -> list[Segment]:
        """Return the segments of all trials of a tile, in their places."""
        query = sa.select(SEGMENTS).where(SEGMENTS.c.tile == tile).order_by(SEGMENTS.c.place)
        return [Segment(**row) for row in self.store.read(query)]

    def tiles(self) -> int:
        """Number of tiles so far."""
        [row] = self.store.known(
            "tiles", lambda: self.store.read(sa.select(sa.func.max(SEGMENTS.c.tile).label("last")))
        )
        return 0 if row["last"] is None else row["last"] + 1

    def add_losses(self, outcomes: Sequence[Outcome]) -> None:
        """Record the loss on each dev example of those trials that have them."""
        rows = [
            {"trial": one.number, "epoch": len(one.curve), "losses": one.dev_losses.astype(np.float32).tobytes()}
            for one in outcomes
            if one.dev_losses is not None
        ]

        def write(connection: sa.Connection) -> None:
            for row in rows:
                same = (LOSSES.c.trial == row["trial"]) & (LOSSES.c.epoch == row["epoch"])
                connection.execute(sa.delete(LOSSES).where(same))
            connection.execute(sa.insert(LOSSES), rows)

        if rows:
            self.store.write(write)

    def losses(self, trials: Sequence[int]) -> dict[int, dict[int, np.ndarray]]:
        """Return losses on each dev example by trial and epoch, float64 of shape (dev examples,)."""
        found: dict[int, dict[int, np.ndarray]] = {}
        for row in self.store.read_in(sa.select(LOSSES), LOSSES.c.trial, trials):
            losses = np.frombuffer(row["losses"], np.float32).astype(np.float64)
            found.setdefault(row["trial"], {})[row["epoch"]] = losses
        return found

    def forget_losses(self) -> None:
        """Drop what only the decisions of a stage needed."""
        self.store.write(lambda connection: connection.execute(sa.delete(LOSSES)))
