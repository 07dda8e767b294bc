"""The course of a tile: epochs, dev scores, early stopping, divergence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ikura.best_epoch import improves
from ikura.metric import evidence
from ikura.population._tile import Tile
from ikura.population.callbacks import Callback, EpochRecord, stopped_by
from ikura.population.distances import DistanceTracker
from ikura.population.examples import Examples
from ikura.population.feedback_rates import FeedbackRates
from ikura.population.member import Hyperparameters, Member
from ikura.population.plain_state import as_bytes, from_bytes
from ikura.population.scoring import Scorer

__all__ = ["EXPLODED", "GRADIENT_NORM", "UPDATE_NORM", "WEIGHT_NORM", "TrainingRun", "weights_unmoved"]

EXPLODED = 1e6
WEIGHT_NORM, UPDATE_NORM, GRADIENT_NORM = "weight_norm", "update_norm", "gradient_norm"
AT_ONCE = 4_000_000
"""Predictions of which evidence is taken at once: 16 MB in float32."""


def weights_unmoved(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether no weight moved by more than a rounding of the largest one; NaN moves.

    Example:
        >>> w = np.array([0.0, 1.0], np.float32)
        >>> [weights_unmoved(w, moved) for moved in (w + np.float32(1e-30), w + np.float32(1e-3), w * np.nan)]
        [True, False, False]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        most = np.finfo(before.dtype).eps * np.abs(before).max(initial=0)
        return bool(np.abs(after - before).max(initial=0) <= most)


def _values_of(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `TrainingRun.extract` kept besides the curve."""
    told = state["values"].tobytes() if "values" in state else b""
    return {name: np.asarray(one) for name, one in from_bytes(told).items()} if told else {}


@dataclass
class TrainingRun:
    """Trains a tile epoch by epoch and keeps each member's curve and best weights.

    The best epoch is the one with the lowest dev loss, or of what the scorer says instead (`Scorer.stop_on`), the first
    of equal ones (`ikura.best_epoch`). With a patience of p epochs a member stops when that has not improved for p
    epochs. A member whose cost is not finite, or more
    than `EXPLODED` times what it began with (at least 1), has diverged; it stops and the others go on as if it had not
    been there.

    Attributes:
        tile: the members.
        train: training examples, in their own order.
        dev: dev examples.
        scorer: how outputs are scored.
        patience: epochs without improvement before a member stops; None never stops one.
        budget: epochs of the members' whole training, at which their learning-rate schedules end; None for as many as
            `run` is asked for.
        epoch: epochs trained so far.
        tracker: records the members' distances from their initial weights; None records nothing.
        more: how many examples of any class the dev loss counts besides the dev examples, see `Scorer`.
        callbacks: told of every epoch of a member that has not diverged; one that returns True stops it.
        norms: whether `WEIGHT_NORM` ‖w‖ and `UPDATE_NORM` ‖w - w'‖ are recorded of each epoch, w' being the weights
            before it.
        gradient_norm: measures `GRADIENT_NORM` of a member with its weights after an epoch, over mini-batches of the
            next one, from 0; None measures it of none.
        windows: epochs from and to which each member's weights are kept, from 1: it ends with the last of them, and
            before the first one nothing is kept. None where any epoch may be kept, and patience says when to end.
    """

    tile: Tile
    train: Examples
    dev: Examples
    scorer: Scorer
    patience: int | None = None
    budget: int | None = None
    epoch: int = 0
    tracker: DistanceTracker | None = None
    more: float = 1.0
    callbacks: Sequence[Callback] = ()
    windows: Sequence[tuple[int, int]] | None = None
    norms: bool = False
    gradient_norm: Callable[[Member, np.ndarray, int], float] | None = None

    def __post_init__(self) -> None:
        count = len(self.tile.members)
        self._curves = np.empty((0, 3, count))
        self._values: dict[str, np.ndarray] = {}
        """What else is recorded of each epoch, by name, each of the shape (epochs, members)."""
        self.best_loss = np.full(count, np.inf)
        self.best_epoch = np.full(count, -1)
        self.diverged = np.zeros(count, bool)
        self.frozen = np.array([float(member.values.learning_rate) > 0 for member in self.tile.members])
        """Whether no epoch has moved the weights so far, though there is a learning rate."""
        self.epochs = np.zeros(count, np.int64)
        self.seconds = np.zeros(count)
        self.feedback = FeedbackRates(self.tile.members)

    def begin(self) -> None:
        """Measure the cost at the start, against which an explosion is told."""
        losses, _ = self.scorer(self.tile.outputs(self.dev), self.dev.y, weights=self.dev.weights)
        start = np.nan_to_num(losses, nan=np.inf) + self.tile.penalties()
        self.tile.set_limits(np.minimum(EXPLODED * np.maximum(start, 1.0), np.finfo(np.float64).max))

    def advance(self, epochs: int = 0) -> None:
        """Train one epoch of so many in all, if there is no budget."""
        started = time.perf_counter()
        tile, before = self.tile, self.tile.active.copy()
        if self.epoch == 0:
            self.begin()
        examples = self.train.ordered(tile.members[0].seed, self.epoch)
        watched = np.flatnonzero((self.frozen | self.norms) & before).tolist()
        were = {k: tile.flat(k) for k in watched}
        self.feedback.before_epoch()
        costs = tile.train_epoch(examples, self.epoch, self.budget or epochs, self.feedback.shares)
        for k in np.flatnonzero(self.frozen & before).tolist():
            self.frozen[k] = weights_unmoved(were[k], tile.flat(k))
        measured = self.scorer.measured(tile.outputs(self.dev), self.dev.y, self.more, self.dev.weights)
        losses, scores = measured.losses, measured.scores
        values = self.scorer.after_epoch(measured, self.dev.y) | self._norms(were)
        tile.active &= ~(tile.active & ~np.isfinite(losses))
        self.diverged |= before & ~tile.active
        costs = np.where(tile.active, costs, np.nan)
        if self.epoch == len(self._curves):
            self._curves = np.concatenate([self._curves, np.full((self.epoch + 16, 3, len(before)), np.nan)])
        self._curves[self.epoch] = costs, losses, scores
        self._keep_values(values, before)
        goal = self.scorer.goal(losses, scores, values)
        better = tile.active & improves(goal, self.best_loss)
        if self.windows is not None:
            better &= self.epoch + 1 >= np.array(self.windows)[:, 0]
        self.best_loss[better] = goal[better]
        self.best_epoch[better] = self.epoch
        tile.keep(np.flatnonzero(better).tolist())
        self.feedback.after_epoch(tile, losses, self.epoch)
        tile.after_epoch(losses)
        if self.windows is not None:
            tile.active &= self.epoch + 1 < np.array(self.windows)[:, 1]
        elif self.patience is not None:
            tile.active &= self.epoch - self.best_epoch < self.patience
        self.epoch += 1
        self.epochs[before] += 1
        if self.tracker is not None:
            self.tracker.after_epoch(before)
        for k in np.flatnonzero(before & ~self.diverged).tolist() if self.callbacks else ():
            tile.active[k] &= not stopped_by(self.callbacks, self._told(k))
        self.seconds[before] += (time.perf_counter() - started) / max(before.sum(), 1)

    def _told(self, place: int) -> EpochRecord:
        member, curve = self.tile.members[place], self.curve(place)
        train, dev, score = curve[-1].tolist()
        hyperparameters = Hyperparameters(member.hyperparameters)
        values = {name: float(one[-1]) for name, one in self.values(place).items()}
        return EpochRecord(member.number, len(curve), train, dev, score, hyperparameters, curve, values)

    def _norms(self, were: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
        """How large weights are, how far the epoch moved them, from what they were before it, and their gradients."""
        if not self.norms:
            return {}
        found = {name: np.full(len(self.tile.members), np.nan) for name in (WEIGHT_NORM, UPDATE_NORM, GRADIENT_NORM)}
        for k, before in were.items():
            weights = self.tile.flat(k)
            after = weights.astype(np.float64)
            found[WEIGHT_NORM][k] = np.linalg.norm(after)
            found[UPDATE_NORM][k] = np.linalg.norm(after - before)
            if self.gradient_norm is not None and self.tile.active[k]:
                found[GRADIENT_NORM][k] = self.gradient_norm(self.tile.members[k], weights, self.epoch + 1)
        return found

    def _keep_values(self, values: dict[str, np.ndarray], trained: np.ndarray) -> None:
        """Keep what else is recorded of the epoch that has ended."""
        for k in np.flatnonzero(trained).tolist():
            for name, number in self.tile.epoch_values(k).items():
                values.setdefault(name, np.full(len(trained), np.nan))[k] = number
        for name, column in values.items():
            self._rows_of(name)[self.epoch] = column

    def _rows_of(self, name: str) -> np.ndarray:
        """The values of a name, with as many rows as the curves have."""
        known = self._values.get(name, np.empty((0, len(self.tile.members))))
        if len(known) < len(self._curves):
            more = np.full((len(self._curves) - len(known), known.shape[1]), np.nan)
            self._values[name] = known = np.concatenate([known, more])
        return known

    def values(self, place: int) -> dict[str, np.ndarray]:
        """What else is recorded of a member's epochs, by name: float64 of shape (epochs,)."""
        found = {name: self._rows_of(name)[: self.epochs[place], place].copy() for name in list(self._values)}
        return {name: one for name, one in found.items() if not np.isnan(one).all()}

    def run(self, epochs: int, after: Callable[[TrainingRun], None] | None = None) -> None:
        """Train until `epochs` epochs are done or nobody is active any more.

        Args:
            epochs: in all, those already trained included.
            after: called after each epoch.
        """
        while self.epoch < epochs and self.tile.active.any():
            self.advance(epochs)
            if after is not None:
                after(self)

    def curve(self, place: int) -> np.ndarray:
        """One member's (train loss, dev loss, dev score) after each epoch it trained: float64 of shape (epochs, 3)."""
        return self._curves[: self.epochs[place], :, place].copy()

    def leading(self) -> float:
        """The best dev score of a member at its best epoch so far, diverged ones left out; NaN if there is none."""
        places = np.flatnonzero((self.best_epoch >= 0) & ~self.diverged)
        merits = self.scorer.sign * self._curves[self.best_epoch[places], 2, places]
        return float(self.scorer.sign * merits.max()) if np.isfinite(merits).any() else math.nan

    def dev_losses(self) -> np.ndarray:
        """Loss of each member's present weights on each dev example: float64 of shape (members, rows)."""
        return self.scorer.losses(self.tile.outputs(self.dev), self.dev.y, self.more, self.dev.weights)

    def train_scores(self, rows: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
        """Loss and score of each member's best weights on the training examples, of many on a sample.

        Members with the same seed see the same sample, whatever their company and wherever a training was interrupted.

        Args:
            rows: examples in the sample.
        """
        self.tile.recall()
        examples = self.train.sample(rows, self.tile.members[0].seed, "train scores")
        losses, scores = self.scorer(self.tile.outputs(examples), examples.y, weights=examples.weights)
        never = self.best_epoch < 0
        return np.where(never, np.nan, losses), np.where(never, np.nan, scores)

    def measures(self) -> dict[str, np.ndarray]:
        """Further metrics of each member's best weights on the dev examples: name to float64 of shape (members,)."""
        if not self.scorer.others:
            return {}
        self.tile.recall()
        predictions = self.scorer.measured(self.tile.outputs(self.dev), self.dev.y).predictions
        found = self.scorer.measures(predictions, self.dev.y)
        return {name: np.where(self.best_epoch < 0, np.nan, values) for name, values in found.items()}

    def evidence(self) -> dict[int, np.ndarray]:
        """What resampling needs of each member's best weights on the dev examples, as `ikura.metric.evidence`."""
        self.tile.recall()
        predictions = self.scorer.measured(self.tile.outputs(self.dev), self.dev.y).predictions
        target = self.scorer.target(self.dev.y)
        trained = np.flatnonzero((self.best_epoch >= 0) & ~self.diverged).tolist()
        size = max(1, AT_ONCE // predictions[0].size)
        found: dict[int, np.ndarray] = {}
        for i in range(0, len(trained), size):
            some = trained[i : i + size]
            found |= zip(some, evidence(self.scorer.metric, predictions[some], target, lead=1), strict=True)
        return found

    def _records(self, place: int) -> dict[str, np.ndarray]:
        names = ("best_loss", "best_epoch", "diverged", "frozen", "epochs", "seconds")
        records = {name: getattr(self, name)[place : place + 1] for name in names}
        feedback = {"feedback": self.feedback.states, "followed": self.feedback.followed}
        return records | {name: array[place : place + 1] for name, array in feedback.items()}

    def extract(self, place: int) -> dict[str, np.ndarray]:
        """Return everything that one member goes on from, arrays by name."""
        records = {name: array.copy() for name, array in self._records(place).items()}
        tile = {f"tile.{name}": array for name, array in self.tile.extract(place).items()}
        if self.tracker is not None:
            records["distances"] = self.tracker.of(place)
        values = self.values(place)
        told = {"values": np.frombuffer(as_bytes(values) if values else b"", np.uint8).copy()}
        return records | tile | told | {"epoch": np.array([self.epoch]), "curve": self.curve(place)}

    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        """Let a member go on from what `extract` returned; all members of a tile go on from the same epoch."""
        self.tile.insert(place, {name[5:]: array for name, array in state.items() if name.startswith("tile.")})
        self.epoch, curve = int(state["epoch"][0]), state["curve"]
        if self.epoch > len(self._curves):
            self._curves = np.full((self.epoch + 16, 3, len(self.tile.members)), np.nan)
        self._curves[: len(curve), :, place] = curve
        for name, values in _values_of(state).items():
            self._rows_of(name)[: len(values), place] = values
        for name, array in self._records(place).items():
            array[:] = state[name]
        if self.tracker is not None and "distances" in state:
            self.tracker.set(place, state["distances"])
