"""The ledger: the part of the store that holds rounds, where each trial trained, and what schedules compare by."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from ikura.population.job import Outcome
from ikura.study.record.store import COLUMNS, CURVES, LOSSES, ROUNDS, SEGMENTS, TRIALS, Store

__all__ = ["Ledger", "Segment"]

Segment = dict[str, Any]
"""A trial's time in a tile: tile, place, trial, since and until (epochs)."""


class Ledger:
    """Rounds of a study and the segments of its trials.

    Args:
        store: the study's store.

    Example:
        >>> ledger = Ledger(Store(":memory:", create=True))
        >>> ledger.add_segments([{"tile": 0, "place": 0, "trial": 5, "since": 0, "until": 9}])
        >>> ledger.segments([5])[5][0]["until"]
        9
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def add_round(
        self, stage: int, index: int, content: Mapping[str, Any], copies: Sequence[Mapping[str, Any]]
    ) -> None:
        """Record a decided round, with the trials that begin as copies and the end of those that it drops.

        Args:
            stage: index of the stage.
            index: of the round in its stage.
            content: {"train": {trial: epochs}, "fresh": {trial: epochs}, "copies": {trial: epochs}, "drop": {trial:
                why}}.
            copies: rows of new trials, as for `Store.add_trials`, with the epochs that they take over from their
                parents; so much of the parents' curves is theirs too.
        """
        row = {"stage": stage, "round": index, "time": time.time(), "content": json.dumps(content)}
        dropped = [int(number) for number in content["drop"]]
        with self.store.writing() as connection:
            connection.execute(sa.insert(ROUNDS), row)
            self.store.insert_trials(connection, copies)
            for copy in copies:
                inherited = sa.select(
                    sa.literal(copy["number"]), CURVES.c.epoch, *(CURVES.c[name] for name in COLUMNS)
                ).where((CURVES.c.trial == copy["parent"]) & (CURVES.c.epoch <= copy["epochs"]))
                connection.execute(sa.insert(CURVES).from_select(["trial", "epoch", *COLUMNS], inherited))
            if dropped:
                connection.execute(sa.update(TRIALS).where(TRIALS.c.number.in_(dropped)).values(state="pruned"))

    def rounds(self, stage: int | None = None) -> list[dict[str, Any]]:
        """Return rounds in order: stage, round, time, and the content with trials' numbers as integers."""
        query = sa.select(ROUNDS).order_by(ROUNDS.c.stage, ROUNDS.c.round)
        if stage is not None:
            query = query.where(ROUNDS.c.stage == stage)
        found = []
        for row in self.store.read(query):
            content = json.loads(row.pop("content"))
            found.append(row | {part: {int(n): v for n, v in one.items()} for part, one in content.items()})
        return found

    def add_segments(self, segments: Sequence[Segment]) -> None:
        """Record which tiles trials train in, and in which places, before they do."""
        if segments:
            with self.store.writing() as connection:
                connection.execute(sa.insert(SEGMENTS), list(segments))

    def segments(self, trials: Sequence[int]) -> dict[int, list[Segment]]:
        """Return the segments of trials, in order, by trial."""
        found: dict[int, list[Segment]] = {}
        for row in self.store.read_in(sa.select(SEGMENTS).order_by(SEGMENTS.c.since), SEGMENTS.c.trial, trials):
            found.setdefault(row["trial"], []).append(row)
        return found

    def company(self, tile: int) -> list[Segment]:
        """Return the segments of all trials of a tile, in their places."""
        return self.store.read(sa.select(SEGMENTS).where(SEGMENTS.c.tile == tile).order_by(SEGMENTS.c.place))

    def tiles(self) -> int:
        """Number of tiles so far."""
        [row] = self.store.read(sa.select(sa.func.max(SEGMENTS.c.tile).label("last")))
        return 0 if row["last"] is None else row["last"] + 1

    def add_losses(self, outcomes: Sequence[Outcome]) -> None:
        """Record the loss on each dev example of those trials that have them."""
        rows = [
            {"trial": one.number, "epoch": len(one.curve), "losses": one.dev_losses.astype(np.float32).tobytes()}
            for one in outcomes
            if one.dev_losses is not None
        ]
        if rows:
            with self.store.writing() as connection:
                for row in rows:
                    same = (LOSSES.c.trial == row["trial"]) & (LOSSES.c.epoch == row["epoch"])
                    connection.execute(sa.delete(LOSSES).where(same))
                connection.execute(sa.insert(LOSSES), rows)

    def losses(self, trials: Sequence[int]) -> dict[int, dict[int, np.ndarray]]:
        """Return losses on each dev example by trial and epoch, float64 of shape (dev examples,)."""
        found: dict[int, dict[int, np.ndarray]] = {}
        for row in self.store.read_in(sa.select(LOSSES), LOSSES.c.trial, trials):
            losses = np.frombuffer(row["losses"], np.float32).astype(np.float64)
            found.setdefault(row["trial"], {})[row["epoch"]] = losses
        return found

    def forget_losses(self) -> None:
        """Drop what only the decisions of a stage needed."""
        with self.store.writing() as connection:
            connection.execute(sa.delete(LOSSES))
