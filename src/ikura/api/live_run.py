"""One network that trains in the background, under the hand of whoever holds it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Self

from typing_extensions import override

from ikura.api.live_trial import LiveTrial
from ikura.api.run import go_on
from ikura.api.study import Study
from ikura.api.study_plan import StudyPlan
from ikura.engine.workplace import ThisMachine
from ikura.errors import UsageError
from ikura.files import shown
from ikura.study.record.intervention import Intervention
from ikura.study.record.model import Model
from ikura.study.record.progress import Progress
from ikura.study.record.record import Record
from ikura.study.record.store import Store
from ikura.study.run_folder import alone

__all__ = ["LiveRun"]

PATIENCE = 0.2
"""Seconds after which a wait looks whether it was interrupted."""


class LiveRun(LiveTrial):
    """A run of one network, trial 0 of its study, which trains in a thread of its own.

    The thread ends with the process; what it had trained is in the run folder, and `ikura.resume` goes on from there.

    Args:
        run: the run folder, in which the plan is on record.
        plan: what is trained.
        progress: who is told how it goes, in that thread.
    """

    def __init__(self, run: Path, plan: StudyPlan, progress: Progress) -> None:
        self.run, self.plan, self.progress = run, plan, progress
        self.study = Study(run, plan.setup.network)
        self._thread: Thread | None = None
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        state = "trains" if self.training else "has ended" if self._thread else "has not begun"
        return f"LiveRun({str(self.run)!r}: {state})"

    @property
    def training(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def number(self) -> int:
        """0: the study's first trial."""
        return 0

    @property
    def interventions(self) -> list[Intervention]:
        """What was asked of it, and what became of that."""
        return self.study.interventions

    @property
    def model(self) -> Model:
        """The trained network with its preprocessing, as `Study.model`.

        Raises:
            UsageError: it has not been trained to its end.
        """
        if self._thread is None or self.training:
            raise UsageError(f"{shown(self.run)}: the network has no model before its training has ended; wait for it")
        return self.wait().model

    def start(self) -> Self:
        """Begin to train, in the background.

        Raises:
            UsageError: it has begun already.
        """
        if self._thread is not None:
            raise UsageError(f"{shown(self.run)}: the training has begun already; a new one is another run")
        self._thread = Thread(target=self._work, name=f"ikura {self.run.name}", daemon=True)
        self._thread.start()
        return self

    def train(self) -> Study:
        """Train in this thread, to the end; an interrupt leaves what `ikura.resume` goes on from.

        Raises:
            UsageError: it has begun already.
        """
        if self._thread is not None or self.study.test is not None:
            raise UsageError(f"{shown(self.run)}: the training has begun already; a new one is another run")
        self._train()
        return self.study

    def wait(self, timeout: float | None = None) -> Study:
        """Wait until the training has ended; an interrupt ends the wait and not the training.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Returns:
            The finished study, its test set opened and its report written.

        Raises:
            UsageError: it has not begun, or timeout is no number of seconds.
            TimeoutError: it still trains.
            Exception: what ended it before its end.
        """
        if self._thread is None:
            raise UsageError(f"{shown(self.run)}: nothing trains yet; start it first")
        if timeout is not None and not (type(timeout) in (int, float) and timeout >= 0):
            raise UsageError(f"timeout must be a number of seconds of at least 0, or None, but is {timeout!r}")
        left = timeout
        while self._thread.is_alive() and (left is None or left > 0):
            self._thread.join(PATIENCE if left is None else min(PATIENCE, left))
            left = None if left is None else left - PATIENCE
        if self._thread.is_alive():
            raise TimeoutError(f"{shown(self.run)}: still trains after {timeout:g} seconds")
        if self._error is not None:
            raise self._error
        return self.study

    @override
    def _alive(self) -> bool:
        return self.training

    @override
    def _focus(self, record: Record) -> tuple[int | None, str | None]:
        return (self.number if record.best is None else None), None

    def _train(self) -> None:
        plan = self.plan
        with alone(self.run), closing(Store(self.plan.setting.place(self.run)).hold()) as store:
            workplace = ThisMachine(plan.setting.jobs, self.progress.say)
            go_on(self.run, plan.setting, store, plan.dataset, plan.setup, self.progress, None, workplace)

    def _work(self) -> None:
        try:
            self._train()
        except BaseException as error:
            self._error = error
