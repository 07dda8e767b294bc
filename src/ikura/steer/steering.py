"""The hand of a study, as its user has it in Python."""

from __future__ import annotations

from collections.abc import Sequence

from ikura.schema import Scalar
from ikura.steer.ask import ask
from ikura.steer.going_back import requests_to_go_back
from ikura.steer.request_form import whole_number
from ikura.steer.trial_checks import standing_still
from ikura.steer.worst import stops_of_worst
from ikura.study.record.intervention import Action, Intervention, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.record import Record

__all__ = ["Steering"]


class Steering:
    """Asks for changes of a study while it trains, here or in another process.

    Each method returns the intervention as it stands; `study.interventions` says what became of it.

    Args:
        record: the study.
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    def set(self, trial: int, *, at: int | None = None, why: str = "", **values: Scalar) -> Intervention:
        """Give a trial other values of hyperparameters from an epoch on.

        Of another schedule_shape the learning rate is from then on what it gives at that epoch of the trial. Numbers
        that the shape needs and the trial has not are asked for with their defaults, as the intervention says; those of
        the trial that have no effect any more are told as a warning of the logger "ikura".

        Args:
            trial: its number.
            at: after how many of its epochs; None for the next boundary between two epochs.
            why: your reason, for the record.
            **values: hyperparameters and their new values.

        Raises:
            UsageError: the trial has ended or is past the epoch, or a value cannot be set while it trains, and why.
        """
        return self.ask(Request(action=Action.SET, trial=trial, values=values, at=at, why=why))

    def stop(self, trial: int, *, at: int | None = None, why: str = "") -> Intervention:
        """End a trial; the weights of its best epoch are kept, as of one that stopped early.

        One that is paused ends where it stands: as soon as somebody is free, or when the search ends.

        Args:
            trial: its number.
            at: after how many of its epochs, at least 1; at once if it has come further. None for at once, too, which
                is the next boundary between two epochs.
            why: your reason, for the record.

        Raises:
            UsageError: the trial has ended.
        """
        return self.ask(Request(action=Action.STOP, trial=trial, at=at, why=why))

    def fork(self, trial: int, *, at: int | None = None, why: str = "", **values: Scalar) -> Intervention:
        """Begin a new trial that goes on from an epoch of another one with other values; that one goes on as it is.

        The new trial is trained when its parent has ended or stands still and somebody is free, to as many epochs as
        the stage's trials; the intervention's `made` is its number.

        Args:
            trial: number of the trial that is forked.
            at: after how many of its epochs; None for where it is now.
            why: your reason, for the record.
            **values: hyperparameters and their new values.

        Raises:
            UsageError: it has not come so far, or a value cannot be set while it trains, and why.
        """
        return self.ask(Request(action=Action.FORK, trial=trial, values=values, at=at, why=why))

    def inject(self, *, why: str = "", **values: Scalar) -> Intervention:
        """Try a configuration in the search, which learns from it as from what was known before.

        It is trained as soon as somebody is free, to as many epochs as the stage's trials; the intervention's `made` is
        the trial's number.

        Args:
            why: your reason, for the record.
            **values: a value for every hyperparameter of the space that is not fixed.

        Raises:
            UsageError: the space has no such configuration, and why.
        """
        return self.ask(Request(action=Action.INJECT, values=values, why=why))

    def end(self, *, why: str = "") -> Intervention:
        """End the search now and go on to the finalists, as if its time were over: trials in training are cut short.

        Args:
            why: your reason, for the record.

        Raises:
            UsageError: the search has ended already.
        """
        return self.ask(Request(action=Action.END, why=why))

    def rewind(self, trial: int, to: int, *, why: str = "", **values: Scalar) -> list[Intervention]:
        """Go back to an epoch of a trial: it is stopped, and a fork goes on from there with other values.

        What the trial has trained stays on record.

        Args:
            trial: its number.
            to: after how many of its epochs the fork begins.
            why: your reason, for the record.
            **values: hyperparameters and their new values.

        Returns:
            The fork, and the stop if the trial still trains.

        Raises:
            UsageError: it has not come so far, or a value cannot be set while it trains, and why.
        """
        return self.ask_all(requests_to_go_back(self.record, trial, to, values, why))

    def pause(self, trial: int | None = None, *, at: int | None = None, why: str = "") -> Intervention:
        """Let a trial stand still, while the others train on, or the whole study; what it stands at is kept.

        The trial's stage waits for it, and the time limit runs on; that of a paused study does not. A pause takes
        effect where the trial has trained at least an epoch in its round.

        Args:
            trial: its number; None for the study, in which nothing trains then until it is told to go on.
            at: after how many of its epochs; None for the next boundary between two epochs.
            why: your reason, for the record.

        Raises:
            UsageError: the trial has ended, is past the epoch, stands still already, or has not begun; or the study is
                paused already.
        """
        return self.ask(Request(action=Action.PAUSE, trial=trial, at=at, why=why))

    def go_on(self, trial: int | None = None, *, why: str = "") -> Intervention:
        """Let a trial that stands still train on, or the whole study, to the same bits as if it had not.

        Args:
            trial: its number; None for the study, of which a trial that was paused by itself stays so.
            why: your reason, for the record.

        Raises:
            UsageError: it does not stand still.
        """
        return self.ask(Request(action=Action.GO_ON, trial=trial, why=why))

    def paused(self, trial: int | None = None) -> bool:
        """Whether a trial, or the study, stands still or will as soon as whoever trains it has seen what is asked."""
        if trial is None:
            return Interventions(self.record.store).held()
        return whole_number("trial", trial) in standing_still(self.record)

    def longer(self, trial: int, epochs: int, *, why: str = "") -> Intervention:
        """Train a trial longer than planned: when it has ended, a copy goes on from there.

        Schedules of the learning rate then end at the copy's epochs, and it does not stop early. The trial itself stays
        as it is, and is what schedules of the search compare; `made` is the copy's number.

        Args:
            trial: its number; it may have ended.
            epochs: to which the copy trains, in all.
            why: your reason, for the record.

        Raises:
            UsageError: it trains so long anyway, or came to nothing.
        """
        return self.ask(Request(action=Action.LONGER, trial=trial, values={"epochs": epochs}, why=why))

    def pin(self, trial: int, *, why: str = "") -> Intervention:
        """Keep a trial: no schedule drops it, and it is never among the worst that are stopped.

        Where a schedule would drop it, it trains on to the end of its stage; the others fare as if it had been dropped.

        Args:
            trial: its number.
            why: your reason, for the record.

        Raises:
            UsageError: it has ended, or is pinned already.
        """
        return self.ask(Request(action=Action.PIN, trial=trial, why=why))

    def unpin(self, trial: int, *, why: str = "") -> Intervention:
        """Let schedules decide on a pinned trial again, from their next decision on.

        Args:
            trial: its number.
            why: your reason, for the record.

        Raises:
            UsageError: it has ended, is not pinned, or trains on although its schedule has dropped it.
        """
        return self.ask(Request(action=Action.UNPIN, trial=trial, why=why))

    def note(self, text: str, *, trial: int | None = None) -> Intervention:
        """Write a text about a trial or the study, which changes nothing; also about a finished one.

        Args:
            text: what is to be kept.
            trial: its number; None for the study.

        Raises:
            UsageError: there is no text, or no such trial.
        """
        return self.ask(Request(action=Action.NOTE, trial=trial, why=text))

    def prioritise(self, trial: int, *, why: str = "") -> Intervention:
        """Let a trial that waits begin as soon as somebody is free; no number of any trial depends on it.

        Args:
            trial: its number.
            why: your reason, for the record.

        Raises:
            UsageError: it has begun, or ended.
        """
        return self.ask(Request(action=Action.PRIORITISE, trial=trial, why=why))

    def stop_worst(self, share: float, *, why: str = "") -> list[Intervention]:
        """Stop the worst of the trials that train: never the leader, never a pinned one.

        They are compared by the dev score of the weights that each would keep now.

        Args:
            share: below 1 the share of the trials that train; otherwise their number.
            why: your reason, for the record.

        Returns:
            A stop for each.

        Raises:
            UsageError: there is nobody to stop.
        """
        return self.ask_all(stops_of_worst(self.record, share, why))

    def range(self, name: str, low: float | None = None, high: float | None = None, *, why: str = "") -> Intervention:
        """Narrow or widen a range for all that is proposed from now on, which is the next stage of the search.

        Args:
            name: of the hyperparameter.
            low, high: its new ends; None leaves one where it is.
            why: your reason, for the record.

        Raises:
            UsageError: it has no range, cannot have such values, or all trials are proposed.
        """
        ends = {end: value for end, value in (("low", low), ("high", high)) if value is not None}
        return self.ask(Request(action=Action.RANGE, values={"name": name, **ends}, why=why))

    def add(self, *, why: str = "", **option: Scalar) -> Intervention:
        """Add an option to a choice, for all that is proposed from now on.

        Args:
            why: your reason, for the record.
            **option: the hyperparameter and its further value, such as optimizer="adam".

        Raises:
            UsageError: it has that option, cannot have it, or all trials are proposed.
        """
        return self.ask(Request(action=Action.ADD, values=option, why=why))

    def ban(self, *, why: str = "", **option: Scalar) -> Intervention:
        """Take an option from a choice, for all that is proposed from now on.

        Args:
            why: your reason, for the record.
            **option: the hyperparameter and the value that it is not to have any more.

        Raises:
            UsageError: it has no such option or no other one, or all trials are proposed.
        """
        return self.ask(Request(action=Action.BAN, values=option, why=why))

    def budget(
        self,
        *,
        trials: int | None = None,
        epochs: int | None = None,
        time_limit: float | None = None,
        why: str = "",
    ) -> list[Intervention]:
        """Change the budget of the search while it runs.

        Trials and epochs are those of what is proposed from now on, the time limit holds at once.

        Args:
            trials: of the whole search, those that are proposed included.
            epochs: of a full training.
            time_limit: seconds of the whole study, those that are over included.
            why: your reason, for the record.

        Returns:
            One intervention for trials and epochs, one for the time limit.

        Raises:
            UsageError: nothing would change, or trials are proposed already.
        """
        sizes = {name: value for name, value in (("trials", trials), ("epochs", epochs)) if value is not None}
        requests = [] if time_limit is None else [
            Request(action=Action.TIME_LIMIT, values={"seconds": time_limit}, why=why)
        ]  # fmt: skip
        if sizes or not requests:
            requests.insert(0, Request(action=Action.BUDGET, values=sizes, why=why))
        return self.ask_all(requests)

    def ask(self, request: Request, who: str | None = None) -> Intervention:
        """Ask for what a request says; see `ikura.steer.ask`.

        Args:
            request: what is asked.
            who: who asks; by default the user of this process.

        Raises:
            UsageError: it cannot be done, and why; nothing is recorded then.
        """
        return self.ask_all([request], who)[0]

    def ask_all(self, requests: Sequence[Request], who: str | None = None) -> list[Intervention]:
        """Ask for what several requests say, all of them or none; see `ask`."""
        numbers = ask(self.record, requests, who)
        return [Interventions(self.record.store).one(number) for number in numbers]
