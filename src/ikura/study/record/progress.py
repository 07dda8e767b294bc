"""What a study tells while it works. The base class is silent; the command line shows it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from typing_extensions import override

from ikura.errors import UsageError

__all__ = ["TOLD", "Logged", "Progress"]

TOLD = "told"
"""Attribute of log records whose line a `Progress` was given too."""
_LOGGER = logging.getLogger("ikura")


class Progress:
    """Receives what a study reports; every method may be overridden.

    A study calls `say` for a fact, then for each stage `start`, any number of `update`s and `finish`.
    All calls come from one thread.
    """

    def opened(self, run: str | Path) -> None:
        """Learn the run folder, as soon as `ikura resume` could take it up."""

    def say(self, line: str) -> None:
        """Take one sentence for the user."""

    def start(self, stage: str, total: int) -> None:
        """Begin a stage.

        Args:
            stage: its name, such as "coarse" or "finalists".
            total: the work in it, in member epochs.
        """

    def update(self, done: int, trials: int, best: float | None) -> None:
        """Report how far the stage has come.

        Args:
            done: member epochs trained in this stage.
            trials: trials finished in this stage.
            best: the best dev score of the study so far, None before the first.
        """

    def finish(self) -> None:
        """End the stage."""

    def result(self, study: Any) -> None:
        """Take the finished `Study` as soon as there is a result, before the report about it is written."""

    def count(self, what: str, done: int, total: int) -> None:
        """Report how far work has come that is no training.

        Args:
            what: is done, such as "measures"; the same from the first piece to the last.
            done: pieces done.
            total: pieces in all.
        """


class Logged(Progress):
    """Hands everything on, and logs each sentence by the logger "ikura": facts as info, what may be wrong as warnings.

    Python shows warnings on stderr where nobody has set up logging.

    Args:
        progress: who is told; None for nobody.

    Raises:
        UsageError: it is something else, such as a function.

    Example:
        >>> Logged(print)
        Traceback (most recent call last):
        ...
        ikura.errors.UsageError: progress must be of a class that inherits from ikura.Progress, but is <built-in ...>
    """

    def __init__(self, progress: Progress | None) -> None:
        if progress is not None and not isinstance(progress, Progress):
            raise UsageError(f"progress must be of a class that inherits from ikura.Progress, but is {progress!r}")
        self._progress = progress or Progress()

    @override
    def opened(self, run: str | Path) -> None:
        self._progress.opened(run)

    @override
    def say(self, line: str) -> None:
        _LOGGER.info(line, extra={TOLD: True})
        self._progress.say(line)

    def warn(self, line: str) -> None:
        """Take one sentence on what may be wrong."""
        _LOGGER.warning(line, extra={TOLD: True})
        self._progress.say(line)

    @override
    def start(self, stage: str, total: int) -> None:
        self._progress.start(stage, total)

    @override
    def update(self, done: int, trials: int, best: float | None) -> None:
        self._progress.update(done, trials, best)

    @override
    def finish(self) -> None:
        self._progress.finish()

    @override
    def result(self, study: Any) -> None:
        self._progress.result(study)

    @override
    def count(self, what: str, done: int, total: int) -> None:
        self._progress.count(what, done, total)
