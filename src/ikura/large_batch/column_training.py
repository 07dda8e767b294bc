"""Training columns of a comparison: many settings and seeds side by side, each kept on disk as soon as it is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ikura.engine import Engine, engine_for
from ikura.files import write_atomically
from ikura.large_batch.scaling_columns import Column
from ikura.nn.noise import key
from ikura.population.job import Job, TileProgress
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup
from ikura.population.snapshot import packed, unpacked
from ikura.process_state import one_thread_each
from ikura.study.record.progress import Progress
from ikura.trial_state import State

__all__ = ["Trained", "Trainer", "sweep"]


@dataclass(frozen=True)
class Trained:
    """What became of one column's network with one seed.

    Attributes:
        state: complete or diverged.
        curve: train loss, dev loss, dev score after each epoch, shape (epochs, 3).
        best_epoch: the epoch with the lowest dev loss, from 1, whose weights are kept; 0 if there is none.
        evidence: what `ikura.metric.evidence` keeps of its predictions of the dev examples; None if it diverged.
        weights, buffers: of the best epoch.
    """

    state: State
    curve: np.ndarray
    best_epoch: int
    evidence: np.ndarray | None
    weights: np.ndarray
    buffers: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def dev_score(self) -> float:
        """Dev score of the weights that are kept; NaN if it diverged."""
        return float(self.curve[self.best_epoch - 1, 2]) if self.evidence is not None else float("nan")


@dataclass
class Trainer:
    """Trains columns, and remembers in a folder what it has trained.

    Members of one seed share initial weights, order of examples and noise, so that columns are compared in pairs.

    Attributes:
        setup: examples, task, network.
        folder: for what is trained, and snapshots of what is in work.
        seed: of the run.
        jobs: tiles that train at once.
        tile_size: members of a tile at most.
        progress: who is told.
    """

    setup: TrainingSetup
    folder: Path
    seed: int
    jobs: int
    tile_size: int
    progress: Progress

    def member(self, column: Column, replicate: int) -> Member:
        """The member that is column's network with the seed of one replicate."""
        return Member(replicate, column.hyperparameters, key(self.seed, "large batch", replicate))

    def train(self, columns: Sequence[Column], seeds: int, stage: str) -> dict[str, list[Trained]]:
        """Train columns that have not been trained yet, each with so many seeds.

        Args:
            columns: with different names.
            seeds: replicates of each.
            stage: what to call it.

        Returns:
            Name of each column to its networks, one for each seed.
        """
        wanted = {
            self._path(column, replicate): (column, replicate) for column in columns for replicate in range(seeds)
        }
        missing = {path: pair for path, pair in wanted.items() if read(path) is None}
        if missing:
            self.progress.start(stage, sum(column.epochs for column, _ in missing.values()))
            with one_thread_each(), engine_for(self.setup, self.jobs) as engine:
                self._train(engine, missing)
            self.progress.finish()
        found: dict[str, list[Trained]] = {column.name: [] for column in columns}
        for column in columns:
            for replicate in range(seeds):
                one = read(self._path(column, replicate))
                assert one is not None
                found[column.name].append(one)
        return found

    def _path(self, column: Column, replicate: int) -> Path:
        about = {
            "hyperparameters": column.hyperparameters,
            "epochs": column.epochs,
            "patience": column.patience,
            "replicate": replicate,
            "device": self.setup.device.partition(":")[0],
        }
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:20]
        return self.folder / f"{digest}.safetensors"

    def _train(self, engine: Engine, missing: Mapping[Path, tuple[Column, int]]) -> None:
        jobs, paths = self._jobs(missing)
        done, ended = 0, 0

        def tell(told: TileProgress) -> None:
            nonlocal done
            done += told.epochs
            self.progress.update(done, ended, None)

        for outcomes in engine.run(jobs, tell):
            for outcome in outcomes:
                write_atomically(paths[outcome.number], _written(outcome))
                ended += 1
            snapshot = jobs[outcomes[0].tile].snapshot
            if snapshot is not None:
                snapshot.unlink(missing_ok=True)
            tell(TileProgress())

    def _jobs(self, missing: Mapping[Path, tuple[Column, int]]) -> tuple[list[Job], dict[int, Path]]:
        """Pack what is missing into tiles: members of one length of training; the costliest come first."""
        alike: dict[tuple[int, int | None], list[Member]] = {}
        paths: dict[int, Path] = {}
        for path, (column, replicate) in missing.items():
            number = int(path.stem[:12], 16)
            paths[number] = path
            one = self.member(column, replicate)
            alike.setdefault((column.epochs, column.patience), []).append(Member(number, one.hyperparameters, one.seed))
        jobs: list[Job] = []
        for (epochs, patience), members in sorted(alike.items(), key=lambda item: -item[0][0]):
            for tile in pack(self.setup, members, self._size(len(members))):
                digest = hashlib.sha256(" ".join(paths[one.number].stem for one in tile).encode()).hexdigest()[:20]
                snapshot = self.folder / f"tile-{digest}.safetensors"
                jobs.append(Job(len(jobs), tuple(tile), epochs, patience, snapshot, keep_weights=True, keep_best=True))
        return jobs, paths

    def _size(self, members: int) -> int:
        return max(1, min(self.tile_size, -(-members // self.jobs)))


def _written(outcome: Outcome) -> bytes:
    arrays = {"curve": np.asarray(outcome.curve, order="C"), "best_epoch": np.array([outcome.best_epoch])}
    if outcome.state is State.COMPLETE and outcome.evidence is not None and outcome.weights is not None:
        arrays |= {"evidence": np.asarray(outcome.evidence, order="C"), "weights": outcome.weights}
        arrays |= {f"buffer:{name}": np.asarray(array, order="C") for name, array in (outcome.buffers or {}).items()}
    return packed(arrays)


def read(path: Path) -> Trained | None:
    """Read what was trained; None if it is not there, or not whole."""
    arrays = unpacked(path)
    if arrays is None:
        return None
    try:
        buffers = {name.removeprefix("buffer:"): array for name, array in arrays.items() if name.startswith("buffer:")}
        evidence, weights = arrays.get("evidence"), arrays.get("weights", np.empty(0, np.float32))
        state = State.DIVERGED if evidence is None else State.COMPLETE
        return Trained(state, arrays["curve"], int(arrays["best_epoch"][0]), evidence, weights, buffers)
    except (KeyError, IndexError):
        return None


def sweep(folder: Path) -> None:
    """Remove snapshots of tiles that no one will go on with."""
    for stray in folder.glob("tile-*.safetensors"):
        stray.unlink(missing_ok=True)
