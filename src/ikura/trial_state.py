"""The states of a trial, and what they say."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["TRAINED", "State"]


class State(StrEnum):
    """How a trial stands, or what became of it.

    Example:
        >>> State.STOPPED.trained, State("diverged").failed, State.PRUNED == "pruned"
        (True, True, True)
    """

    WAITING = "waiting"
    """Not begun yet."""
    RUNNING = "running"
    """It may go on in a later round."""
    PAUSED = "paused"
    """It stands still until a hand lets it go on; shown, never recorded."""
    COMPLETE = "complete"
    """It trained all its epochs, or stopped on its own."""
    PRUNED = "pruned"
    """A schedule dropped it."""
    DIVERGED = "diverged"
    """Its loss left all bounds."""
    FROZEN = "frozen"
    """No epoch moved its weights."""
    STOPPED = "stopped"
    """The time limit cut it short, or a hand that ended the search."""
    SKIPPED = "skipped"
    """The time limit passed before it began, or a hand ended the search."""
    INFEASIBLE = "infeasible"
    """It has more weights than are allowed, or no network can be made of it."""

    @property
    def trained(self) -> bool:
        """Whether it trained to its end or the deadline."""
        return self in (State.COMPLETE, State.STOPPED)

    @property
    def comparable(self) -> bool:
        """Whether its score says something of its configuration: it trained, if only for a while."""
        return self.trained or self is State.PRUNED

    @property
    def failed(self) -> bool:
        """Whether training it came to nothing."""
        return self in (State.DIVERGED, State.FROZEN)

    @property
    def cut_short(self) -> bool:
        """Whether the time limit, or a hand that ended the search, did not leave it all its epochs."""
        return self in (State.STOPPED, State.SKIPPED)

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self not in (State.WAITING, State.RUNNING, State.PAUSED)


TRAINED = [one for one in State if one.trained]
"""States of trials that trained to their end or the deadline."""
