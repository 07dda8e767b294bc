"""What a study tells while it works. The base class is silent; the command line shows it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["Progress"]


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

    def count(self, what: str, done: int, total: int) -> None:
        """Report how far work has come that is no training.

        Args:
            what: is done, such as "measures"; the same from the first piece to the last.
            done: pieces done.
            total: pieces in all.
        """
