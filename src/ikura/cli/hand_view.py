"""The live view of one network in training: its curve, its hyperparameters, and keys to change them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ikura.cli.keys import pressed_keys
from ikura.cli.line_chart import chart
from ikura.cli.option_values import hyperparameter_values
from ikura.cli.progress_display import CommandProgress
from ikura.cli.session import Session, TolerantStream
from ikura.cli.terminal import CleanConsole
from ikura.errors import IkuraError, UsageError
from ikura.wording import one_line

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group, RenderableType

    from ikura.api.study import Study
    from ikura.schema import Scalar
    from ikura.study.record.intervention import Request
    from ikura.study.record.trial import Trial

__all__ = ["HandView", "can_take_keys"]

SECONDS = 0.25
"""How often the view is drawn anew."""
DIGITS = 18
STEP = 1.5
"""By how much a key raises or lowers the learning rate."""
HEIGHT, LEAST, MOST = 12, 40, 110
"""Rows of the chart; columns of the view at least and at most."""
HELP = "+ - rate  s set  b back  f fork  p pause, go on (P all)  l longer  n note  x stop and keep  ctrl-c leave"
PROMPTS = {
    "s": "NAME=VALUE …",
    "b": "EPOCH NAME=VALUE …",
    "f": "EPOCH NAME=VALUE …",
    "l": "EPOCHS in all",
    "n": "TEXT",
}
"""What is asked for behind a key."""


def can_take_keys() -> bool:
    """Whether somebody sits before a terminal, who sees what is drawn and whose keys arrive one by one."""
    with suppress(OSError, ValueError):
        return os.name == "posix" and sys.stdin.isatty() and sys.stderr.isatty()
    return False


class HandView(CommandProgress):
    """Draws the trial that trains, or trained last, in another thread, and asks for what keys say of it.

    Args:
        session: where lines go.
        console: the Rich console to draw on; None takes one on stderr.
    """

    def __init__(self, session: Session, console: Any = None) -> None:
        super().__init__(session)
        self.console = console or CleanConsole(file=TolerantStream(sys.stderr), stderr=True)
        self.total, self.message = 0, ""
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
        self.total, self._ended = total, Event()
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
            self._ask(lambda: self._pause(study, _trial(study).number))
        elif key == "P":
            self._ask(lambda: self._pause(study, None))
        elif key == "x":
            self._ask(lambda: study.steer.stop(_trial(study).number, why="a key"))

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
        if self.verb == "s":
            return study.steer.ask(_request(study, hyperparameter_values(words)))
        if self.verb == "n":
            return study.steer.note(" ".join(words), trial=_trial(study).number)
        if not (words[0].isascii() and words[0].isdecimal() and len(words[0]) <= DIGITS):
            such = "200" if self.verb == "l" else "12 learning_rate=0.003"
            raise UsageError(f"{PROMPTS[self.verb]} is needed, such as {such}")
        if self.verb == "l":
            return study.steer.longer(_trial(study).number, int(words[0]), why="a key")
        epoch, values = int(words[0]), dict[str, Any](hyperparameter_values(words[1:]))
        if self.verb == "f":
            return study.steer.ask(_request(study, values, epoch))
        return study.steer.rewind(_trial(study).number, epoch, why="a key", **values)[0]

    def _pause(self, study: Study, trial: int | None) -> Any:
        """Let the trial, or all that trains, stand still, or go on if it does."""
        steer = study.steer
        return steer.go_on(trial, why="a key") if steer.paused(trial) else steer.pause(trial, why="a key")

    def _scale(self, study: Study, factor: float) -> None:
        trial = _trial(study)
        rate = float(f"{_values(study, trial)['learning_rate'] * factor:.3g}")
        self._ask(lambda: study.steer.ask(_request(study, {"learning_rate": rate})))

    def _ask(self, ask: Callable[[], Any]) -> None:
        """Ask for something, and remember what was said."""
        try:
            one = ask()
        except IkuraError as error:
            self.message = str(error)
        else:
            self.message = ", ".join(
                ["asked: " + str(one.action), *(f"{n} {_short(v)}" for n, v in one.values.items())]
            )

    def drawn(self, study: Study) -> Group:
        """The view as it stands."""
        from rich.console import Group
        from rich.text import Text

        trial, width = _trial(study), max(LEAST, min(self.console.width, MOST))
        curve = study.curve(trial.number)
        lines = [Text(_standing(curve, self.total), style="bold")]
        if len(curve):
            # Colours that colour-blind people can tell apart.
            parts = (("train_loss", "blue"), ("dev_loss", "yellow"))
            lines += chart([(curve[name].tolist(), style) for name, style in parts], width, HEIGHT, log=True)
            lines.append(Text.assemble("loss on ", ("training", "blue"), " and ", ("dev", "yellow"), " set, log scale"))
            lines.append(Text(_moved(curve)))
        values = _values(study, trial)
        lines.append(Text(", ".join(f"{name} {value}" for name, value in values.items()), style="dim"))
        lines += [Text(_told(one)) for one in study.interventions[-3:]]
        lines.append(Text(self.message))
        prompt = Text(HELP, style="dim") if self.typed is None else Text(f"{PROMPTS[self.verb]}: {self.typed}▏")
        return Group(*lines, prompt)


def _trial(study: Study) -> Trial:
    """The trial that trains, or trained last: one that was sent back goes on as another."""
    trials = study.records()
    return next((one for one in reversed(trials) if not one.state.ended), trials[-1])


def _request(study: Study, values: Mapping[str, Scalar], fork: int | None = None) -> Request:
    """Other values for the trial; of a fork after so many epochs, where they are given."""
    from ikura.study.record.intervention import Action, Request

    action = Action.SET if fork is None else Action.FORK
    return Request(action=action, trial=_trial(study).number, values=values, at=fork, why="a key")


def _standing(curve: pd.DataFrame, total: int) -> str:
    if not len(curve):
        return f"epoch 0 of {total}"
    epoch, train, dev, score = (curve[name].tolist() for name in ("epoch", "train_loss", "dev_loss", "dev_score"))
    best = min((i for i, one in enumerate(dev) if math.isfinite(one)), key=lambda i: dev[i], default=None)
    kept = "" if best is None else f", kept: {score[best]:.4g} at epoch {epoch[best]}"
    losses = f"training loss {train[-1]:.4g}, dev loss {dev[-1]:.4g}"
    return f"epoch {epoch[-1]} of {total}, {losses}, dev score {score[-1]:.4g}{kept}"


def _moved(curve: pd.DataFrame) -> str:
    """How far the last epoch moved the weights, relative to their size, and how large gradients are."""
    sizes = curve[["update_norm", "weight_norm"]].dropna() if "update_norm" in curve else curve[:0]
    if not len(sizes):
        return ""
    moved, size = sizes.iloc[-1]
    share = f", {moved / size:.2g} of their size {size:.3g}" if size > 0 else ""
    gradients = curve["gradient_norm"].dropna().tolist() if "gradient_norm" in curve else []
    slope = f"; a mini-batch's gradient has the norm {gradients[-1]:.3g}" if gradients else ""
    return f"the last epoch moved the weights by {moved:.3g}{share}{slope}"


def _values(study: Study, trial: Trial) -> dict[str, Any]:
    """The hyperparameters when all that was asked for has taken effect; the learning rate among them."""
    values = {"learning_rate": trial.member.values.learning_rate, **trial.hyperparameters}
    for one in study.interventions:
        if one.state != "refused" and trial.number in (one.trial, one.made) and one.action == "set":
            values |= one.values
    return values


def _told(one: Any) -> str:
    values = " ".join(f"{name}={_short(value)}" for name, value in one.values.items())
    state = f"applied after epoch {one.epoch}" if one.epoch is not None else f"{one.state} {one.reason}".rstrip()
    return f"{one.action} {values}".rstrip() + f": {state}"


def _short(value: Scalar) -> str:
    """A value of any kind, a number with few digits."""
    return one_line(str(value)) if isinstance(value, bool | str) else f"{value:g}"
