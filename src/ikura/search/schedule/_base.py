"""What every schedule does: say who goes on training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from ikura.errors import UsageError

__all__ = ["Schedule", "whole_course"]


class Schedule(ABC):
    """Says when the trials of a stage are compared and which of them go on.

    A schedule keeps no state, so that a study that was killed decides again in the same way.
    """

    name: ClassVar[str]

    @abstractmethod
    def rungs(self, epochs: int) -> list[int]:
        """List the epochs at which the trials are compared.

        Args:
            epochs: how long a trial may train at most, at least 1.

        Returns:
            Increasing numbers of epochs since the beginning of the trial; the last is `epochs`.

        Raises:
            UsageError: epochs is below 1.
        """

    @abstractmethod
    def survivors(self, scores: Sequence[float], rung: int) -> list[int]:
        """Choose who goes on after a rung.

        Args:
            scores: dev scores of the trials that reached the rung, higher is better; NaN for a diverged trial.
            rung: index into `rungs`, from 0.

        Returns:
            Positions in `scores`, increasing. A trial whose score is NaN or infinite never goes on, and at least one
            of the others does.
        """

    def patience(self, epochs: int) -> int | None:
        """Say how long a trial may go without a better dev loss.

        Args:
            epochs: how long a trial may train at most.

        Returns:
            Epochs after which it stops on its own; None never stops it.
        """
        return None


def whole_course(epochs: int) -> list[int]:
    """Rungs of a schedule that never compares before the end.

    Raises:
        UsageError: epochs is below 1.
    """
    if epochs < 1:
        raise UsageError(f"epochs must be at least 1, but got {epochs}")
    return [epochs]
