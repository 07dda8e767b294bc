"""An intervention: what a hand or a rule asks of a study while it trains, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from ikura.json_values import JsonObject
from ikura.schema import Scalar

__all__ = ["Action", "Intervention", "Request", "Status"]


class Action(StrEnum):
    """What a hand can do."""

    SET = "set"
    """Give a trial other values of hyperparameters, from an epoch on."""
    STOP = "stop"
    """End a trial after an epoch; the weights of its best one are kept, as always."""
    FORK = "fork"
    """Begin a new trial that goes on from an epoch of this one with other values; this one goes on as it is."""
    INJECT = "inject"
    """Try a configuration in the search."""
    END = "end"
    """End the search now and go on to the finalists."""
    PAUSE = "pause"
    """Let a trial stand still, or the whole study."""
    GO_ON = "go-on"
    """Let a trial that stands still train on, or the whole study."""
    LONGER = "longer"
    """Let a copy of a trial train on from its end, to more epochs."""
    PIN = "pin"
    """Keep a trial: no schedule drops it."""
    UNPIN = "unpin"
    """Let schedules decide on a pinned trial again."""
    NOTE = "note"
    """Write a text about a trial or the study."""
    RANGE = "range"
    """Move the ends of a range for what is proposed from now on."""
    ADD = "add"
    """Add an option to a choice for what is proposed from now on."""
    BAN = "ban"
    """Take an option from a choice for what is proposed from now on."""
    BUDGET = "budget"
    """Change the trials of the search or their epochs, for what is proposed from now on."""
    TIME_LIMIT = "time-limit"
    """Change the time limit."""
    PRIORITISE = "prioritise"
    """Let a trial that waits begin next."""

    @property
    def touches(self) -> bool:
        """Whether a trial that it is about owes something to a hand."""
        return self not in (Action.PAUSE, Action.GO_ON, Action.NOTE, Action.PRIORITISE)

    @property
    def makes(self) -> bool:
        """Whether it makes a new trial."""
        return self in (Action.FORK, Action.INJECT, Action.LONGER)


class Status(StrEnum):
    """What has become of an intervention."""

    ASKED = "asked"
    """Nobody who trains has seen it yet."""
    ACCEPTED = "accepted"
    """It will be applied at its epoch."""
    REFUSED = "refused"
    """It cannot be applied; the reason is on record."""
    APPLIED = "applied"
    """It took effect."""

    @property
    def open(self) -> bool:
        """Whether it may still take effect."""
        return self in (Status.ASKED, Status.ACCEPTED)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks.

    Attributes:
        action: what is to be done.
        trial: to which trial; None for the study.
        values: what the action needs: hyperparameters and their new values.
        at: after how many epochs of the trial; None for the next boundary between two epochs; of a
            fork, from which epoch it goes on.
        why: the reason that was given; empty for none.
    """

    action: Action
    trial: int | None = None
    values: Mapping[str, Scalar] = field(default_factory=dict)
    at: int | None = None
    why: str = ""

    @property
    def at_once(self) -> bool:
        """Whether it has taken effect when it is on record: those who train look at it between two epochs."""
        if self.action in (Action.PAUSE, Action.GO_ON):
            return self.trial is None
        return self.action in (Action.PIN, Action.UNPIN, Action.NOTE, Action.TIME_LIMIT)


@dataclass(frozen=True, kw_only=True)
class Intervention(Request):
    """A request on record.

    Attributes:
        number: from 1, in the order in which they were asked.
        who: who asked.
        when: when, as `time.time`.
        state: what has become of it.
        reason: why it was refused; empty otherwise.
        epoch: how many epochs the trial had trained when it took effect; of what changes the search, how many trials
            had been proposed. None before that.
        made: number of the trial that it made; None for none.
        rule: the schedule that asked for it; empty for a hand.
    """

    number: int
    who: str
    when: float
    state: Status = Status.ASKED
    reason: str = ""
    epoch: int | None = None
    made: int | None = None
    rule: str = ""

    @property
    def of_search(self) -> bool:
        """Whether it changes what is proposed from a number of trials on."""
        return self.action in (Action.RANGE, Action.ADD, Action.BAN, Action.BUDGET)

    @property
    def by(self) -> str:
        """Who or what asked for it, for a reader."""
        return f"{self.rule}, by its rule" if self.rule else self.who

    @property
    def proposed(self) -> int:
        """How many trials had been proposed when a change of the search took effect, which it must have."""
        assert self.epoch is not None
        return self.epoch

    def to_json(self) -> JsonObject:
        """Return it as JSON values."""
        asked = ("number", "trial", "action", "values", "at", "who", "when", "why")
        values = asdict(self)
        return {name: values[name] for name in (*asked, "state", "reason", "epoch", "made", "rule")}
