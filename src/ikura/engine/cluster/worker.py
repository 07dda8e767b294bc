"""A worker on a node of a cluster: a long-lived process that trains one tile after another."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import ray

from ikura.engine.cluster.messages import Answer, Attempt, Control, Curves, Hearing, News, Values
from ikura.engine.cluster.placed_setup import PlacedSetup, taken
from ikura.population.changes import Change
from ikura.population.job import Job, TileProgress, train
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup

__all__ = ["TALK", "TileWorker"]

TALK = "talk"
"""Threads of a worker that talk with the driver while another one trains."""
KEPT_SETUPS = 2
"""Setups that a worker holds at once: that of the study, and one of the refits or of a fold."""


class TileWorker:
    """Trains tiles in its own process; while it does, another thread of it talks with the driver.

    Example:
        >>> TileWorker().process() == os.getpid()
        True
    """

    def __init__(self) -> None:
        self.setups: OrderedDict[str, TrainingSetup] = OrderedDict()
        self.said = threading.Condition()
        self.news_waiting: list[News] = []
        self.tile: TileAtWork | None = None
        self.early: list[Control] = []

    def process(self) -> int:
        """Number of the worker's process."""
        return os.getpid()

    def gpus(self) -> str:
        """The GPUs that the worker sees, by their numbers on the node."""
        return os.environ.get("CUDA_VISIBLE_DEVICES", "")

    def warm_up(self, key: str, placed: list[Any]) -> None:
        """Take a setup in, and compile on this node what it needs, if no worker has done so before."""
        from ikura.population.warmup import warm_up, warm_up_update
        from ikura.process_state import one_thread_each

        setup = self._setup(key, placed)
        with one_thread_each():
            if setup.compiled:
                warm_up(setup.dtype, lambda line: None, setup.convolutional)
            elif setup.device == "cpu":
                warm_up_update(setup.dtype)

    def train(
        self, key: str, placed: list[Any], attempt: Attempt, job: Job, hand: Control | None, every: float
    ) -> tuple[list[Outcome], TileProgress]:
        """Train a tile.

        Args:
            key, placed: of the setup that it is trained with; a reference to it, which is followed once.
            attempt: the name of this training.
            job: the tile.
            hand: whether something is asked of it already, or its time is over; None where no hand may change it.
            every: seconds between two pieces of news.

        Returns:
            The outcomes, and the progress that no news told of.
        """
        setup = self._setup(key, placed)
        tile = TileAtWork(attempt, every, self._say)
        with self.said:
            self.tile = tile
            for one in self.early:
                tile.control(one)
            self.early.clear()
            if hand is not None:
                tile.control(hand)
        try:
            given = replace(job, listener=RelayedListener(tile)) if hand is not None else job
            return train(setup, given, tile.tell, lambda: tile.stopped), tile.progress
        finally:
            with self.said:
                self.tile = None

    @ray.method(concurrency_group=TALK)  # type: ignore[untyped-decorator]
    def news(self, seconds: float) -> list[News]:
        """Return what there is to tell, as soon as there is something, or nothing after so many seconds."""
        with self.said:
            self.said.wait_for(lambda: self.news_waiting, seconds)
            found, self.news_waiting = self.news_waiting, []
        return found

    @ray.method(concurrency_group=TALK)  # type: ignore[untyped-decorator]
    def control(self, control: Control) -> None:
        """Hear something about the tile that is trained, or will be next."""
        with self.said:
            if self.tile is not None and self.tile.attempt == control.attempt:
                self.tile.control(control)
            else:
                self.early = [*self.early[-8:], control]

    def _say(self, news: News) -> None:
        with self.said:
            self.news_waiting.append(news)
            self.said.notify_all()

    def _setup(self, key: str, placed: list[Any]) -> TrainingSetup:
        if key not in self.setups:
            found: PlacedSetup = ray.get(placed[0])
            self.setups[key] = taken(found)
            while len(self.setups) > KEPT_SETUPS:
                self.setups.popitem(last=False)
        self.setups.move_to_end(key)
        return self.setups[key]


class TileAtWork:
    """The tile that a worker trains: what it has to tell, and what it was told.

    Args:
        attempt: the name of this training.
        every: seconds between two pieces of news.
        say: passes on news.
    """

    def __init__(self, attempt: Attempt, every: float, say: Callable[[News], None]) -> None:
        self.attempt, self.every, self.say = attempt, every, say
        self.changed = threading.Condition()
        self.stopped = self.over = self.held = self.asked = False
        self.progress = TileProgress(tile=attempt.tile)
        self.told = self.shown = time.monotonic()
        self.answers: list[Answer] = []
        self.questions = 0

    def tell(self, message: TileProgress) -> None:
        """Take note of an epoch; from time to time it becomes news."""
        self.progress = message._replace(epochs=self.progress.epochs + message.epochs)
        if time.monotonic() - self.told >= self.every:
            self.say(News(self.attempt, self.progress))
            self.told, self.progress = time.monotonic(), self.progress._replace(epochs=0)

    def control(self, control: Control) -> None:
        """Hear something."""
        with self.changed:
            self.stopped |= control.stop
            self.over |= control.over
            self.asked |= control.asked
            self.held = self.held if control.held is None else control.held
            if control.answer is not None:
                self.answers.append(control.answer)
            self.changed.notify_all()

    def ask(self, trials: Collection[int], epoch: int) -> tuple[Sequence[Change], int | None]:
        """Ask the driver what takes effect now; the changes are on record when the answer is here."""
        self.asked, self.questions = False, self.questions + 1
        self.say(News(self.attempt, hearing=Hearing(self.questions, list(trials), epoch)))
        with self.changed:
            while not self.answers and not self.stopped:
                self.changed.wait(1.0)
            if not self.answers:
                return (), None
            answer = self.answers.pop(0)
        return answer.changes, answer.next_epoch


class RelayedListener:
    """Hears through the driver of the study, who alone reads and writes its store; see `Listener`.

    Between two epochs nothing is sent: the driver says when there may be something to hear.

    Args:
        tile: through which it talks.
    """

    def __init__(self, tile: TileAtWork) -> None:
        self.tile = tile
        self.next_epoch: int | None = None

    def __call__(self, trials: Collection[int], epoch: int, fault: Callable[[Change], str]) -> Sequence[Change]:
        """Return the changes that take effect now; whether one can be made, the driver has found out."""
        dated = self.next_epoch is not None and epoch >= self.next_epoch
        if not (self.tile.asked or dated):
            return ()
        changes, self.next_epoch = self.tile.ask(trials, epoch)
        return changes

    def over(self) -> bool:
        """Whether the driver says that the training is to end now."""
        return self.tile.over

    def held(self) -> bool:
        """Whether the driver says that the whole training stands still."""
        return self.tile.held

    @property
    def due(self) -> bool:
        """Whether it is time to be shown how far curves have come."""
        return time.monotonic() - self.tile.shown >= self.tile.every

    def show(self, curves: Curves, values: Values, since: int) -> None:
        """Send how far the curves have come."""
        self.tile.say(News(self.tile.attempt, curves=(curves, values, since)))
        self.tile.shown = time.monotonic()

    def pending(self, trials: Collection[int]) -> bool:
        """Whether there may be something to hear that was not heard yet."""
        return self.tile.asked

    def next_epoch_of(self, trials: Collection[int], epoch: int) -> int | None:
        """After how many epochs something takes effect that was heard already."""
        return self.next_epoch
