"""`study.measure`: the large-batch measures of one trial, taken while it is trained again."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch

from ikura.engine import engine_for, worker_count
from ikura.errors import RunError, UsageError
from ikura.files import named, shown
from ikura.large_batch.distance_law import growth_of
from ikura.large_batch.measure_result import Measures, Moment
from ikura.large_batch.noise_scale import NoiseScale, measure_noise_scale
from ikura.large_batch.parallel_work import in_parallel
from ikura.large_batch.potential import Potential, fit_potential, network_walk
from ikura.large_batch.random_walk import log_spaced_updates
from ikura.population.examples import Examples
from ikura.population.inputs import takes_codes
from ikura.population.job import TileProgress
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup
from ikura.population.structure import weights_of
from ikura.population.training import TrainingRun
from ikura.population.warmup import warm_up
from ikura.process_state import cores, one_thread_each
from ikura.study.factory_check import check_network
from ikura.study.lineage import lineage
from ikura.study.record.facts import BEST
from ikura.study.record.ledger import Ledger
from ikura.study.record.progress import Progress
from ikura.study.record.record import Record
from ikura.study.record.store import COLUMNS, Store
from ikura.study.record.study_tables import trials_there
from ikura.study.record.trial import Trial
from ikura.study.record.tune_options import check_counts
from ikura.study.replay import check_trained, trained_again
from ikura.study.run_folder import alone
from ikura.study.training_setup import setup_again
from ikura.trial_state import State

__all__ = ["FOLDER", "measure"]

FOLDER, MEASURES = "measure", "measures.json"
POINTS = 12
"""Moments at which the noise scale is measured, unless another number is asked for."""

MOST_EXAMPLES, MOST_BYTES = 10_000, 1 << 28
"""Training examples that gradients are taken of, at most, and the memory that they may take."""

WALKED = {True: 1000, False: 256}
"""Training examples that the potential is measured on: rows of a table, or images."""

DIRECTIONS, TOGETHER = 100, 5
"""Random directions of the potential; those that make one piece of work."""

Piece = int | range
"""An epoch to measure the noise scale after, or directions to walk in."""


def measure(
    record: Record,
    trial: int | None = None,
    *,
    points: int = POINTS,
    jobs: int | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Measures:
    """Train one trial of a study again, exactly as it was, and measure it on the way; see `Study.measure`.

    Args:
        record: of the study.
        trial, points, jobs, out, progress: as for `Study.measure`.
    """
    check_counts(points=(points, 2), jobs=jobs)
    store = record.store
    row = _row(record, store, trial)
    check_trained(store, row)
    folder = _folder(record.run, out)
    progress = progress or Progress()
    setting = record.setting
    _, setup = setup_again(setting, record.run, record.network)
    check_network(store, setting, setup)
    if setup.train.several:
        raise UsageError(
            "these measures take networks of one array in memory; those of this study take several inputs, sequences, "
            "or an array in a file"
        )
    if setup.compiled:
        warm_up(setting.dtype, progress.say, setup.convolutional)
    with alone(folder), one_thread_each():
        workers = 1 if setup.device.startswith("cuda") else worker_count(jobs or cores(), progress.say)
        found = _Work(record, store, row, setup, folder, points, workers, progress).run()
        _write(found)
    return found


def _row(record: Record, store: Store, trial: int | None) -> Trial:
    if trial is None:
        best = record.store.fact(BEST)
        if best is None:
            raise RunError(
                f"{shown(record.run)}: the run has not chosen a network, so name a trial to measure, or go on with it: "
                f"ikura resume {shlex.quote(shown(record.run))}"
            )
        trial = best.model
    row = None if isinstance(trial, bool) or not isinstance(trial, int) else store.trial(trial)
    if row is None:
        raise UsageError(f"no trial {trial}: {trials_there(store)}")
    return row


def _folder(run: Path, out: str | Path | None) -> Path:
    """Choose the folder for the report; within the run only its own."""
    folder, own = run / FOLDER if out is None else named(out, "the output folder").absolute(), run / FOLDER
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{shown(folder)}: the output folder is a file; name a folder")
    place, home = (Path(os.path.realpath(one)) for one in (folder, own))
    if place.is_relative_to(os.path.realpath(run)) and not place.is_relative_to(home):
        raise UsageError(
            f"{shown(folder)}: is part of the run, which is not changed; within it take {shown(own)}, or name another"
        )
    if place != home and os.path.lexists(folder / "report.html") and not (folder / MEASURES).is_file():
        raise UsageError(
            f"{shown(folder)}: holds report.html of another origin, which would be overwritten; name another folder"
        )
    return folder


@dataclass
class _Work:
    record: Record
    store: Store
    row: Trial
    setup: TrainingSetup
    folder: Path
    points: int
    jobs: int
    progress: Progress

    def run(self) -> Measures:
        """Train, then measure what was kept; what is measured does not depend on when."""
        last = self.row.epochs
        with weight_log(self.folder, {0, *log_spaced_updates(last, self.points - 1)}) as notes:
            notes.updates[0] = 0
            notes.keep(0, _flat(self.setup, self.first))
            outcome = self._train(notes, last)
            epochs = sorted(set(notes.epochs) & set(notes.updates))
            scales, potential = self._measure(notes, epochs)
        moments = [Moment(epoch, notes.updates[epoch], scale) for epoch, scale in zip(epochs, scales, strict=True)]
        distances = _distances(outcome, notes)
        # A member that diverged did so on its last epoch, whose distance belongs to no law.
        known = distances.iloc[:-1] if outcome.state is State.DIVERGED else distances
        grown = {name: growth_of(known["updates"], known[name]) for name in distances.columns[2:]}
        best = None if self.record.about_one else self.store.fact(BEST)
        deviation = _deviation(outcome.curve, self.record.curve(self.row.number)[list(COLUMNS)].to_numpy(float))
        return Measures(
            self.record.run, self.folder, self.row.number, best is not None and best.model == self.row.number,
            outcome.state, int(self.member.values.batch_size), len(outcome.curve), len(self.setup.train),
            (len(self.sample), len(self.few)), deviation, moments, distances, grown.pop("distance"), grown, potential,
            self._notes(outcome, deviation), self._command(),
        )  # fmt: skip

    def _command(self) -> str:
        """The command that measures the same; what is usual is left out."""
        words = ["ikura", "measure", shown(self.record.run), "--trial", str(self.row.number)]
        words += [] if self.points == POINTS else ["--points", str(self.points)]
        setting = self.record.setting
        words += ["--network", "MODULE:FACTORY"] if setting.custom and setting.plugin_network is None else []
        return shlex.join(words)

    @cached_property
    def member(self) -> Member:
        """The trial as a member."""
        return self.row.member

    @cached_property
    def first(self) -> Member:
        """The member whose initial weights the trial's are: itself, or the one that its first ancestor was."""
        rows = self.store.trials()
        segments = lineage(Ledger(self.store), rows, self.row.number, self.row.epochs)
        return rows[next(iter(segments)).trial].member

    @cached_property
    def sample(self) -> Examples:
        """Training examples that gradients are taken of."""
        train = self.setup.train
        size = 8 * int(np.prod(train.shape))
        most = max(min(MOST_EXAMPLES, MOST_BYTES // max(size, 1)), WALKED[False])
        return train.sample(most, self.record.setting.seed, "measure").dense()

    @cached_property
    def few(self) -> Examples:
        """Those of them that the potential is measured on."""
        return self.sample.sample(WALKED[len(self.sample.shape) == 1], self.record.setting.seed, "measure")

    def _train(self, notes: WeightLog, epochs: int) -> Outcome:
        done, best = 0, None

        def tell(told: TileProgress) -> None:
            nonlocal done, best
            done += told.epochs
            best = told.best if np.isfinite(told.best) else best
            self.progress.update(min(done, epochs), int(done >= epochs), best)

        of = "" if self.row.parent is None else f", the configuration of trial {self.row.parent},"
        self.progress.start(f"trial {self.row.number}{of} again", epochs)
        with engine_for(self.setup, 1) as engine:
            outcome = trained_again(self.record.setting, self.store, self.setup, engine, self.row, True, notes, tell)
        self.progress.finish()
        return outcome

    def _measure(self, notes: WeightLog, epochs: list[int]) -> tuple[list[NoiseScale], Potential | None]:
        walks = [range(begin, begin + TOGETHER) for begin in range(0, DIRECTIONS, TOGETHER)]
        pieces: list[Piece] = [*epochs, *walks]
        found: dict[int, Any] = {}
        for place, result in in_parallel(self._worker(notes), pieces, self.jobs, self.progress.say):
            found[place] = result
            self.progress.count("measures", len(found), len(pieces))
        losses = np.concatenate([found[place] for place in range(len(epochs), len(pieces))])
        try:
            potential = fit_potential(losses, seed=self.record.setting.seed)
        except UsageError:
            potential = None
        return [found[place] for place in range(len(epochs))], potential

    def _worker(self, notes: WeightLog) -> Callable[[Piece], Any]:
        setup, task, seed = self.setup, self.setup.task, self.record.setting.seed
        sample, few = self.sample, self.few

        def work(piece: Piece) -> Any:
            epoch = piece if isinstance(piece, int) else 0
            network = setup.trained(self.member, notes.weights(epoch), {}, predicts=False).to(setup.device)
            part = setup.learned(self.member, sample if isinstance(piece, int) else few)
            codes = part.codes if takes_codes(network, part.codes.shape[1]) else None
            with np.errstate(all="ignore"):
                if isinstance(piece, int):
                    return measure_noise_scale(
                        network, part.array, part.y, task, seed=seed, codes=codes, loss=setup.loss
                    )
                return network_walk(network, part.array, part.y, task, piece, seed=seed, codes=codes, loss=setup.loss)

        return work

    def _notes(self, outcome: Outcome, deviation: float) -> list[str]:
        about, rows = self.record.about_one, len(self.setup.train)
        notes = [] if about is None else [about]
        if outcome.state is State.DIVERGED:
            notes.append(f"The trial diverged in epoch {len(outcome.curve)}.")
        if deviation:
            notes.append(
                f"Trained again, its curve differs from the recorded one by up to {deviation:.2g} of its values: this "
                "machine rounds otherwise. The measures are of the training that was done here."
            )
        if len(self.sample) < rows:
            notes.append(f"Gradients are of {len(self.sample):,} of the {rows:,} training examples.")
        if self.setup.augmented:
            notes.append("Gradients are of training images without augmentation.")
        return notes


def _flat(setup: TrainingSetup, member: Member) -> np.ndarray:
    """A member's initial weights, flat, in the precision of training."""
    module = setup.module(member).to(getattr(torch, setup.dtype))
    return torch.nn.utils.parameters_to_vector(weights_of(module).values()).detach().numpy()


def _distances(outcome: Outcome, notes: WeightLog) -> pd.DataFrame:
    """Distances after each epoch, of all weights and of each layer: a layer's parameters have one module."""
    assert outcome.distances is not None
    layers: dict[str, list[np.ndarray]] = {}
    for name, distances in outcome.distances.items():
        layers.setdefault(name.rpartition(".")[0] or name, []).append(np.square(distances))
    squares = {name: np.sum(parts, axis=0) for name, parts in layers.items()}
    epochs = np.arange(1, len(outcome.curve) + 1)
    found = {"epoch": epochs, "updates": [notes.updates[epoch] for epoch in epochs.tolist()]}
    found["distance"] = np.sqrt(np.sum(list(squares.values()), axis=0))
    own = {f"{name} (layer)" if name in found else name: np.sqrt(square) for name, square in squares.items()}
    return pd.DataFrame(found | own)


def _deviation(again: np.ndarray, recorded: np.ndarray) -> float:
    """Largest relative difference of two curves as far as both go; infinite where only one of them is finite."""
    length = min(len(again), len(recorded))
    one, other = again[:length], recorded[:length]
    if np.array_equal(one, other, equal_nan=True):
        return 0.0
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return float("inf")
    with np.errstate(all="ignore"):
        return float(np.nanmax(np.abs(one - other) / np.maximum(np.abs(one), np.abs(other))))


def _write(found: Measures) -> None:
    from ikura.files import write_atomically
    from ikura.large_batch.measure_page import write_page
    from ikura.page.markup import plain_json

    write_atomically(found.folder / MEASURES, plain_json(found.to_json()).encode())
    write_page(found.report, found)


OURS = re.compile(r"\.weights-\d+-\w{8}")


NOTE = re.compile(r"\d+\.npy")
"""Names of the folders that diaries are kept in, and of the files there."""


@dataclass
class WeightLog:
    """Notes of one training; weights go to files, because many of them may be more than fits memory.

    Attributes:
        folder: where weights are kept.
        epochs: after which weights are kept.
        updates: made by the end of each epoch, by epoch.
    """

    folder: Path
    epochs: Collection[int]
    updates: dict[int, int] = field(default_factory=dict)

    def __call__(self, training: TrainingRun, place: int) -> None:
        """Note how a member stands after an epoch."""
        self.updates[training.epoch] = int(training.tile.steps[place])
        if training.epoch in self.epochs:
            self.keep(training.epoch, training.tile.extract(place)["weights"])

    def keep(self, epoch: int, weights: np.ndarray) -> None:
        """Keep the weights after an epoch, flat."""
        np.save(self._path(epoch), weights, allow_pickle=False)

    def weights(self, epoch: int) -> np.ndarray:
        """The weights after an epoch, flat."""
        return np.asarray(np.load(self._path(epoch), allow_pickle=False))

    def _path(self, epoch: int) -> Path:
        return self.folder / f"{epoch}.npy"


@contextmanager
def weight_log(folder: Path, epochs: Collection[int]) -> Iterator[WeightLog]:
    """Keep a log of weights in a folder; its files are removed at the end, and those that a killed process left."""
    for stray in folder.iterdir():
        if OURS.fullmatch(stray.name) and stray.is_dir() and not stray.is_symlink():
            for file in stray.iterdir():
                if NOTE.fullmatch(file.name):
                    file.unlink()
            with suppress(OSError):
                stray.rmdir()
    with TemporaryDirectory(prefix=f".weights-{os.getpid()}-", dir=folder) as own:
        yield WeightLog(Path(own), epochs)
