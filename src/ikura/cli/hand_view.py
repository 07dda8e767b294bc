"""The live view of one network in training: its curve, its hyperparameters, and keys to change them."""

from __future__ import annotations

import math
import os
import select
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ikura.cli.line_chart import chart
from ikura.cli.option_values import hyperparameter_values
from ikura.cli.progress_display import CommandProgress
from ikura.cli.session import Session, TolerantStream
from ikura.cli.terminal import CleanConsole
from ikura.errors import IkuraError
from ikura.wording import one_line

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group

    from ikura.api.study import Study
    from ikura.schema import Scalar
    from ikura.study.record.interventions import Request

__all__ = ["HandView", "can_take_keys"]

SECONDS = 0.25
"""How often the view is drawn anew."""
STEP = 1.5
"""By how much a key raises or lowers the learning rate."""
HEIGHT, LEAST, MOST = 12, 40, 110
"""Rows of the chart; columns of the view at least and at most."""
HELP = "+ - learning rate   s set a value   x stop and keep   ctrl-c leave"


def can_take_keys() -> bool:
    """Whether somebody sits before a terminal, who sees what is drawn and whose keys arrive one by one."""
    with suppress(OSError, ValueError):
        return os.name == "posix" and sys.stdin.isatty() and sys.stderr.isatty()
    return False


class HandView(CommandProgress):
    """Draws trial 0 of a study while it trains in another thread, and asks for what keys say.

    Args:
        session: where lines go.
        console: the Rich console to draw on; None takes one on stderr.
    """

    def __init__(self, session: Session, console: Any = None) -> None:
        super().__init__(session)
        self.console = console or CleanConsole(file=TolerantStream(sys.stderr), stderr=True)
        self.total, self.message = 0, ""
        self.typed: str | None = None
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
        self.total = total
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
        with _keys() as pressed, Live(console=self.console, auto_refresh=False) as live:
            while not self._ended.is_set():
                live.update(self.drawn(study), refresh=True)
                for key in pressed(SECONDS):
                    self.press(study, key)
            live.update(self.drawn(study), refresh=True)
        study.close()

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
        elif key == "s":
            self.typed = ""
        elif key == "x":
            self._ask(lambda: study.steer.stop(0, why="a key"))

    def _type(self, study: Study, key: str) -> None:
        typed, self.typed = self.typed or "", None
        if key in "\r\n":
            if typed:
                self._ask(lambda: study.steer.ask(_request(hyperparameter_values(typed.split()))))
        elif key in "\x7f\b":
            self.typed = typed[:-1]
        elif key != "\x1b":
            self.typed = typed + key if key.isprintable() else typed

    def _scale(self, study: Study, factor: float) -> None:
        rate = float(f"{_values(study)['learning_rate'] * factor:.3g}")
        self._ask(lambda: study.steer.set(0, why="a key", learning_rate=rate))

    def _ask(self, ask: Callable[[], Any]) -> None:
        """Ask for something, and remember what was said."""
        try:
            one = ask()
        except IkuraError as error:
            self.message = str(error)
        else:
            self.message = ", ".join(["asked: " + str(one.action), *(f"{n} {v:g}" for n, v in one.values.items())])

    def drawn(self, study: Study) -> Group:
        """The view as it stands."""
        from rich.console import Group
        from rich.text import Text

        curve, width = study.curve(0), max(LEAST, min(self.console.width, MOST))
        lines = [Text(_standing(curve, self.total), style="bold")]
        if len(curve):
            # Colours that colour-blind people can tell apart.
            parts = (("train_loss", "blue"), ("dev_loss", "yellow"))
            lines += chart([(curve[name].tolist(), style) for name, style in parts], width, HEIGHT, log=True)
            lines.append(Text.assemble("loss on ", ("training", "blue"), " and ", ("dev", "yellow"), " set, log scale"))
        values = _values(study)
        lines.append(Text(", ".join(f"{name} {value}" for name, value in values.items()), style="dim"))
        lines += [Text(_told(one)) for one in study.interventions[-3:]]
        lines.append(Text(self.message))
        prompt = Text(HELP, style="dim") if self.typed is None else Text(f"NAME=VALUE: {self.typed}▏")
        return Group(*lines, prompt)


def _request(values: Mapping[str, Scalar]) -> Request:
    from ikura.study.record.interventions import Action, Request

    return Request(action=Action.SET, trial=0, values=values, why="a key")


def _standing(curve: pd.DataFrame, total: int) -> str:
    if not len(curve):
        return f"epoch 0 of {total}"
    epoch, train, dev, score = (curve[name].tolist() for name in ("epoch", "train_loss", "dev_loss", "dev_score"))
    best = min((i for i, one in enumerate(dev) if math.isfinite(one)), key=lambda i: dev[i], default=None)
    kept = "" if best is None else f", kept: {score[best]:.4g} at epoch {epoch[best]}"
    losses = f"training loss {train[-1]:.4g}, dev loss {dev[-1]:.4g}"
    return f"epoch {epoch[-1]} of {total}, {losses}, dev score {score[-1]:.4g}{kept}"


def _values(study: Study) -> dict[str, Any]:
    """The hyperparameters when all that was asked for has taken effect; the learning rate among them."""
    trial = study.records()[0]
    values = {"learning_rate": trial.member.values.learning_rate, **trial.hyperparameters}
    for one in study.interventions:
        values |= one.values if one.state != "refused" else {}
    return values


def _told(one: Any) -> str:
    values = " ".join(f"{name}={value:g}" for name, value in one.values.items())
    state = f"applied after epoch {one.epoch}" if one.epoch is not None else f"{one.state} {one.reason}".rstrip()
    return f"{one.action} {values}".rstrip() + f": {state}"


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Read keys one by one within the block; yields a function that waits some seconds for what is pressed."""
    import termios
    import tty

    stream = sys.stdin.fileno()
    before = termios.tcgetattr(stream)
    tty.setcbreak(stream)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([stream], [], [], seconds)
        return os.read(stream, 64).decode(errors="ignore") if ready else ""

    try:
        yield pressed
    finally:
        termios.tcsetattr(stream, termios.TCSADRAIN, before)
