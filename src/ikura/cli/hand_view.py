"""The live view of one network in training: its curve, its hyperparameters, and keys to change them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ikura.cli.hand_lines import asked, moved, others, standing, told, values_of
from ikura.cli.keys import in_foreground, pressed_keys
from ikura.cli.line_chart import chart
from ikura.cli.option_values import hyperparameter_values
from ikura.cli.progress_display import CommandProgress
from ikura.cli.session import Session, TolerantStream
from ikura.cli.terminal import CleanConsole
from ikura.errors import IkuraError, UsageError
from ikura.wording import one_line

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from ikura.api.study import Study
    from ikura.schema import Scalar
    from ikura.study.record.intervention import Request

__all__ = ["HandView", "can_take_keys"]

SECONDS = 0.25
"""How often the view is drawn anew."""
DIGITS = 18
STEP = 1.5
"""By how much a key raises or lowers the learning rate."""
HEIGHT, LOWEST, LEAST, MOST = 12, 3, 40, 110
"""Rows of the chart at most and at least; columns of the view at least and at most."""
HELP = (
    "+ - rate  s set  b back  f fork  p pause, go on (P all)  l longer  n note  x stop, keep (X all)  tab next trial  "
    "ctrl-c leave"
)
PROMPTS = {
    "s": "NAME=VALUE …",
    "b": "EPOCH NAME=VALUE …",
    "f": "EPOCH NAME=VALUE …",
    "l": "EPOCHS in all",
    "n": "TEXT",
}
"""What is asked for behind a key."""


def can_take_keys() -> bool:
    """Whether somebody sits before a terminal, who sees what is drawn and whose keys arrive here one by one."""
    with suppress(OSError, ValueError):
        ours = os.name == "posix" and sys.stdin.isatty() and sys.stderr.isatty()
        return ours and in_foreground(sys.stdin.fileno())
    return False


class HandView(CommandProgress):
    """Draws a trial in another thread, and asks for what keys say of it.

    It stays on the trial until that has ended, or a key shows another one. Then it is on what goes on from there, or on
    the newest one that has not ended.

    Args:
        session: where lines go.
        console: the Rich console to draw on; None takes one on stderr.

    Attributes:
        trial: number of the trial that is drawn, and that keys act on; None as long as none was drawn.
    """

    def __init__(self, session: Session, console: Any = None) -> None:
        super().__init__(session)
        self.console = console or CleanConsole(file=TolerantStream(sys.stderr), stderr=True)
        self.trial: int | None = None
        self.message = ""
        self._stays, self._back = False, 0
        self.typed: str | None = None
        self.verb = "s"
        self._ended = Event()
        self._thread: Thread | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    @override
    def say(self, line: str) -> None:
        self.console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)

    @override
    def start(self, stage: str, total: int) -> None:
        self.finish()
        self._ended = Event()
        self._thread = Thread(target=self._watch, name="ikura train: view", daemon=True)
        self._thread.start()

    @override
    def finish(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        from rich.live import Live

        from ikura.api.open import open_study

        assert self.session.run is not None
        study = open_study(self.session.run)
        with pressed_keys() as pressed, Live(console=self.console, auto_refresh=False) as live:
            while not self._ended.is_set():
                live.update(self._drawn(study), refresh=True)
                for key in pressed(SECONDS):
                    self.press(study, key)
            live.update(self._drawn(study), refresh=True)
        study.close()

    def _drawn(self, study: Study) -> RenderableType:
        """The view, or why there is none for the moment."""
        try:
            return self.drawn(study)
        except IkuraError as error:
            return one_line(str(error)).replace("[", r"\[")

    def press(self, study: Study, key: str) -> None:
        """Take one key.

        Args:
            study: what is asked.
            key: one character.
        """
        if self.typed is not None:
            self._type(study, key)
        elif key in "+=":
            self._scale(study, STEP)
        elif key == "-":
            self._scale(study, 1 / STEP)
        elif key in PROMPTS:
            self.verb, self.typed = key, ""
        elif key == "p":
            self._ask(lambda: self._pause(study, self._on(study)))
        elif key == "P":
            self._ask(lambda: self._pause(study, None))
        elif key == "x":
            self._ask(lambda: study.steer.stop(self._on(study), why="a key"))
        elif key == "X":
            self._ask(lambda: study.steer.end(why="a key"))
        elif key == "\t":
            self._next(study)

    def _on(self, study: Study) -> int:
        """The trial that is drawn, and that keys act on."""
        if self.trial is None:
            self._look(study)
        assert self.trial is not None
        return self.trial

    def _next(self, study: Study) -> None:
        """Show the next trial, and stay on it although it has ended."""
        now, trials = self._on(study), {one.number: one for one in study.records()}
        self.trial = min((number for number in trials if number > now), default=min(trials))
        self._stays, self._back = trials[self.trial].state.ended, 0
        self.message = "there is one trial only" if len(trials) == 1 else f"trial {self.trial} is shown"

    def _look(self, study: Study) -> None:
        """Look which trial is to be drawn."""
        trials = {one.number: one for one in study.records()}
        before, now = self.trial, [number for number, one in trials.items() if not one.state.ended]
        newest = max(now or trials)
        if before is None:
            self.trial = newest
        elif (back := self._sent_back(study)) is not None:
            self.trial = back
        elif trials[before].state.ended and not self._stays and not _makes(study, before):
            from ikura.steer.following import followed

            found = followed(study, before)
            self.trial = found if found is not None else newest if now else before
        if before is not None and before != self.trial:
            self._stays, self._back = False, 0
            ended = f"trial {before} has ended; " if trials[before].state.ended else ""
            self.message = f"{ended}trial {self.trial} is shown"

    def _sent_back(self, study: Study) -> int | None:
        """The fork with which a key sent the trial back, once it is there."""
        return next((one.made for one in study.interventions if one.number == self._back), None)

    def _type(self, study: Study, key: str) -> None:
        typed, self.typed = self.typed or "", None
        if key in "\r\n":
            if typed:
                self._ask(lambda: self._typed(study, typed.split()))
        elif key in "\x7f\b":
            self.typed = typed[:-1]
        elif key != "\x1b":
            self.typed = typed + key if key.isprintable() else typed

    def _typed(self, study: Study, words: list[str]) -> Any:
        """Ask for what was typed."""
        if self.verb == "n":
            return study.steer.note(" ".join(words), trial=self._on(study))
        words = parted(" ".join(words))
        if self.verb == "s":
            return study.steer.ask(_request(self._on(study), hyperparameter_values(words)))
        if not (words[0].isascii() and words[0].isdecimal() and len(words[0]) <= DIGITS):
            such = "200" if self.verb == "l" else "12 learning_rate=0.003"
            raise UsageError(f"{PROMPTS[self.verb]} is needed, such as {such}")
        if self.verb == "l":
            return study.steer.longer(self._on(study), int(words[0]), why="a key")
        epoch, values = int(words[0]), dict[str, Any](hyperparameter_values(words[1:]))
        if self.verb == "f":
            return study.steer.ask(_request(self._on(study), values, epoch))
        fork = study.steer.rewind(self._on(study), epoch, why="a key", **values)[0]
        self._back = fork.number
        return fork

    def _pause(self, study: Study, trial: int | None) -> Any:
        """Let the trial, or all that trains, stand still, or go on if it does."""
        steer = study.steer
        return steer.go_on(trial, why="a key") if steer.paused(trial) else steer.pause(trial, why="a key")

    def _scale(self, study: Study, factor: float) -> None:
        trial = study.records()[self._on(study)]
        rate = float(f"{values_of(study, trial)['learning_rate'] * factor:.3g}")
        self._ask(lambda: study.steer.ask(_request(trial.number, {"learning_rate": rate})))

    def _ask(self, ask: Callable[[], Any]) -> None:
        """Ask for something, and remember what was said."""
        try:
            self.message = asked(ask())
        except IkuraError as error:
            self.message = str(error)

    def drawn(self, study: Study) -> Group:
        """The view as it stands."""
        from rich.console import Group
        from rich.text import Text

        # Read before the view looks where it is, so that a key acts on the fork that the view says was made.
        interventions = study.interventions
        self._look(study)
        trials, width = study.records(), max(LEAST, min(self.console.width, MOST))
        trial = trials[self._on(study)]
        curve = study.curve(trial.number)
        head = Text(standing(study, trial, curve, len(trials)), style="bold")
        rest = []
        if len(curve):
            rest.append(Text.assemble("loss on ", ("training", "blue"), " and ", ("dev", "yellow"), " set, log scale"))
            rest.append(Text(moved(curve)))
        values = values_of(study, trial)
        rest.append(Text(", ".join(f"{name} {value}" for name, value in values.items()), style="dim"))
        beside = [one.number for one in trials if one.number != trial.number and not one.state.ended]
        rest += [Text(line) for line in (others(study, beside), *map(told, interventions[-3:])) if line]
        rest.append(Text(self.message))
        rest.append(Text(HELP, style="dim") if self.typed is None else Text(f"{PROMPTS[self.verb]}: {self.typed}▏"))
        # What is typed stands below, and is to be seen on a small terminal.
        height = min(HEIGHT, self.console.height - 1 - len(self.console.render_lines(Group(head, *rest))))
        if not len(curve) or height < LOWEST:
            return Group(head, *rest)
        # Colours that colour-blind people can tell apart.
        parts = (("train_loss", "blue"), ("dev_loss", "yellow"))
        drawing = chart([(curve[name].tolist(), style) for name, style in parts], width, height, log=True)
        return Group(head, *drawing, *rest)


def parted(text: str) -> list[str]:
    """The words of a line as a shell parts them, so that a value may have spaces: pieces="5:0.1 9:0.01".

    Raises:
        UsageError: a quotation mark is left open.

    Example:
        >>> parted("12 pieces='5:0.1 9:0.01'")
        ['12', 'pieces=5:0.1 9:0.01']
    """
    try:
        return shlex.split(text)
    except ValueError:
        raise UsageError(f"a quotation mark is left open in {text}") from None


def _makes(study: Study, trial: int) -> bool:
    """Whether a fork or a longer copy of a trial may still be made."""
    return any(one.trial == trial and one.action.makes and one.state.open for one in study.interventions)


def _request(trial: int, values: Mapping[str, Scalar], fork: int | None = None) -> Request:
    """Other values for a trial; of a fork after so many epochs, where they are given."""
    from ikura.study.record.intervention import Action, Request

    action = Action.SET if fork is None else Action.FORK
    return Request(action=action, trial=trial, values=values, at=fork, why="a key")
