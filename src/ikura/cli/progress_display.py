"""How a study's progress is shown on stderr: live in a terminal, in occasional lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from ikura.cli.duration_text import format_duration
from ikura.cli.session import Session, TolerantStream
from ikura.study.record.progress import Progress
from ikura.wording import figure, one_line

if TYPE_CHECKING:
    from rich.progress import TaskID

__all__ = ["CommandProgress", "LiveProgress", "PlainProgress", "progress_for"]

SECONDS_BETWEEN_LINES = 5.0


class CommandProgress(Progress):
    """Shows nothing but the result; remembers the run folder so that an interruption can name it.

    Attributes:
        show: prints the result of a study on stdout and returns the exit code; None where it is printed otherwise.
    """

    show: Callable[[Any], int] | None = None

    def __init__(self, session: Session) -> None:
        self.session = session
        self._shown: int | Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def pause(self) -> None:
        """Stop redrawing until the next stage, so that a question can be asked."""

    def end(self) -> None:
        """Stop redrawing; what is drawn stays."""

    @override
    def opened(self, run: str | Path) -> None:
        """Take the run folder as soon as there is one."""
        self.session.run = Path(run)

    @override
    def result(self, study: Any) -> None:
        """Print the result. That it cannot be printed does not keep the report from being written."""
        if self.show is None:
            return
        self.end()
        with self.session.aloud():
            try:
                self._shown = self.show(study)
            except Exception as error:
                self._shown = error

    def code(self, study: Any) -> int:
        """The exit code of the command, whose result is printed now if it was not before.

        Raises:
            Exception: what printing raised.
        """
        assert self.show is not None
        if isinstance(self._shown, Exception):
            raise self._shown
        return self.show(study) if self._shown is None else self._shown


class PlainProgress(CommandProgress):
    """Prints a line at the start of each stage, then at most one every few seconds.

    Args:
        session: where lines go.
        interval: seconds between two lines of a stage, at least.
        clock: gives the time in seconds.
    """

    def __init__(
        self,
        session: Session,
        interval: float = SECONDS_BETWEEN_LINES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(session)
        self.interval, self.clock = interval, clock
        self.stage, self.total = "", 0
        self.began = self.printed = 0.0

    @override
    def say(self, line: str) -> None:
        self.session.say(line)

    @override
    def start(self, stage: str, total: int) -> None:
        self.stage, self.total = stage, total
        self.began = self.printed = self.clock()
        self.session.say(f"{stage}: {total} epochs to train")

    @override
    def update(self, done: int, trials: int, best: float | None) -> None:
        now = self.clock()
        if now - self.printed < self.interval:
            return
        self.printed = now
        parts = [f"{self.stage}: {done}/{self.total} epochs", f"{trials} trials"]
        if best is not None:
            parts.append(f"best dev score {figure(best)}")
        self.session.say(", ".join([*parts, *self._left(now, done, self.total)]))

    @override
    def count(self, what: str, done: int, total: int) -> None:
        now = self.clock()
        if what != self.stage:
            self.stage, self.began, self.printed = what, now, now
            self.session.say(f"{what}: {total} to take")
        if now - self.printed >= self.interval:
            self.printed = now
            self.session.say(", ".join([f"{what}: {done}/{total}", *self._left(now, done, total)]))

    def _left(self, now: float, done: int, total: int) -> list[str]:
        """About how long it will take; nothing where nobody knows."""
        if not 0 < done < total:
            return []
        return [f"about {format_duration((now - self.began) * (total - done) / done)} left"]


class LiveProgress(CommandProgress):
    """Keeps one bar per stage on the terminal: stage, epochs done and in all, trials, best dev score, time left.

    Args:
        session: where the run folder is remembered.
        console: the Rich console to draw on; None takes one on stderr.
    """

    def __init__(self, session: Session, console: Any = None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        from ikura.cli.terminal import CleanConsole

        super().__init__(session)
        self.console = console or CleanConsole(file=TolerantStream(sys.stderr), stderr=True)
        self.bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[time]}", markup=False),
            console=self.console,
        )
        self.bar: Any = None
        self.counted: dict[str, TaskID] = {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @override
    def end(self) -> None:
        self.bars.stop()

    @override
    def pause(self) -> None:
        self.bars.stop()
        for task in list(self.bars.task_ids):
            self.bars.remove_task(task)

    @override
    def say(self, line: str) -> None:
        self.console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)

    @override
    def start(self, stage: str, total: int) -> None:
        self.bars.start()
        self.bar = self.bars.add_task(stage, total=total, note=_note(0, None), time="left")

    @override
    def update(self, done: int, trials: int, best: float | None) -> None:
        self.bars.update(self.bar, completed=done, note=_note(trials, best))

    @override
    def finish(self) -> None:
        done = next(task.completed for task in self.bars.tasks if task.id == self.bar)
        self.bars.update(self.bar, total=done, time="taken")

    @override
    def count(self, what: str, done: int, total: int) -> None:
        self.bars.start()
        if what not in self.counted:
            self.counted[what] = self.bars.add_task(what, total=total, note="", time="left")
        self.bars.update(self.counted[what], completed=done, time="taken" if done == total else "left")


def _note(trials: int, best: float | None) -> str:
    return f"epochs, {trials} trials, best {'-' if best is None else figure(best)}"


def progress_for(session: Session) -> CommandProgress:
    """Choose how to show progress.

    Args:
        session: says whether it is to be quiet.

    Returns:
        A silent one for a quiet session, a live one when stderr is a terminal, else plain lines.
    """
    if session.quiet:
        return CommandProgress(session)
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        return LiveProgress(session)
    return PlainProgress(session)
