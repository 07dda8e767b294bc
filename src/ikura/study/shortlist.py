"""The shortlist: what a study keeps of its best trials, for the choice at the end."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ikura.files import write_atomically
from ikura.population.outcome import Outcome
from ikura.population.snapshot import packed, unpacked
from ikura.study.executor import Executor
from ikura.study.record.trial import Purpose, ranked
from ikura.trial_state import State

__all__ = ["PLACES", "Shortlist", "has_weights", "keep_weights", "kept_weights", "weights_file"]

PLACES = 64
"""Trials whose dev evidence is kept. A resample of the dev examples practically never prefers one further down."""

RankKey = tuple[float, float, int]


def weights_file(run: Path, number: int, kind: str = "trial") -> Path:
    """File with a trial's best weights, or with those of another network of its kind."""
    return run / "snapshots" / f"{kind}-{number}.safetensors"


def kept_weights(run: Path, number: int, kind: str = "trial") -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """A trial's best weights and buffers; None if they are not there, or damaged."""
    arrays = unpacked(weights_file(run, number, kind)) or {}
    if "weights" not in arrays or not np.isfinite(arrays["weights"]).all():
        return None
    return arrays["weights"], {name[7:]: array for name, array in arrays.items() if name.startswith("buffer:")}


def has_weights(run: Path, number: int) -> bool:
    """Whether a trial's best weights are there, and whole."""
    return kept_weights(run, number) is not None


def keep_weights(run: Path, outcomes: Iterable[Outcome], *, kind: str = "trial") -> None:
    """Write the best weights of each member that has some; what a power failure takes of them is trained again."""
    for outcome in outcomes:
        if outcome.weights is not None and outcome.best_epoch:
            arrays = {"weights": outcome.weights} | {f"buffer:{n}": b for n, b in (outcome.buffers or {}).items()}
            write_atomically(weights_file(run, outcome.number, kind), packed(arrays), synced=False)


class Shortlist:
    """Keeps the weights of the search's best trial and the dev evidence of its best `PLACES` trials.

    It is called with each tile's outcomes before they are recorded. What it keeps at the end is a function of the
    trials that were recorded, whatever the order and however often the search was stopped.

    Args:
        executor: where the search happens.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        every = ranked(executor.store.trials(purpose=Purpose.SEARCH), executor.sign)
        rows = [row for row in every if row.state is not State.PRUNED][:PLACES]
        self.merits: list[RankKey] = [row.rank_key(executor.sign) for row in reversed(rows)]

    def __call__(self, outcomes: list[Outcome]) -> None:
        """Take the outcomes of one tile."""
        scored = [outcome for outcome in outcomes if outcome.scored]
        best = max((outcome.rank_key(self.executor.sign) for outcome in scored), default=None)
        if best is None:
            return
        if not self.merits or best > max(self.merits):
            self._keep_only(self._number(max(self.merits)) if self.merits else None)
            # A trial whose weights are lost with the machine's power is trained again.
            keep_weights(self.executor.run, [o for o in scored if o.rank_key(self.executor.sign) == best])
        again = {outcome.number for outcome in scored}
        self.merits = [rank_key for rank_key in self.merits if self._number(rank_key) not in again]
        heapq.heapify(self.merits)
        arrays: dict[str, np.ndarray] = {}
        for outcome in scored:
            rank_key = outcome.rank_key(self.executor.sign)
            if len(self.merits) < PLACES:
                heapq.heappush(self.merits, rank_key)
            elif rank_key > self.merits[0]:
                heapq.heapreplace(self.merits, rank_key)
            else:
                continue
            if outcome.evidence is not None:
                arrays[str(outcome.number)] = outcome.evidence
        if arrays:
            write_atomically(self._evidence_file(outcomes[0].tile), packed(arrays), synced=False)

    @staticmethod
    def _number(rank_key: RankKey) -> int:
        return -rank_key[2]

    def _evidence_file(self, tile: int | str) -> Path:
        return self.executor.run / "snapshots" / f"evidence-{tile}.safetensors"

    def _keep_only(self, number: int | None) -> None:
        """Remove the weights of all trials but the recorded best one, which a resumed search may still need."""
        for path in self.executor.run.glob("snapshots/trial-*.safetensors"):
            if number is None or path != weights_file(self.executor.run, number):
                path.unlink(missing_ok=True)

    def evidence(self) -> dict[int, np.ndarray]:
        """Read the evidence of the best trials, by number; of those for which there is none, nothing."""
        wanted = {self._number(rank_key) for rank_key in self.merits}
        found: dict[int, np.ndarray] = {}
        for path in sorted(self.executor.run.glob("snapshots/evidence-*.safetensors")):
            found |= {int(name): array for name, array in (unpacked(path) or {}).items() if int(name) in wanted}
        return {number: found[number] for number in sorted(found)}

    def keep_evidence(self, outcome: Outcome) -> None:
        """Keep the evidence of a trial that was trained again."""
        if outcome.evidence is not None:
            name = f"again-{outcome.number}"
            write_atomically(self._evidence_file(name), packed({str(outcome.number): outcome.evidence}), synced=False)

    def clear(self) -> None:
        """Remove the evidence, once the choice is made and recorded."""
        for path in self.executor.run.glob("snapshots/evidence-*.safetensors"):
            path.unlink(missing_ok=True)
