"""Asking the user, in a terminal, what to do next."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from ikura.cli.session import Session
from ikura.errors import UsageError
from ikura.wording import one_line

__all__ = ["ask_in_terminal", "need_terminal"]

ANSWERS = {"a": "accept", "s": "skip", "p": "stop"}
QUESTION = "[a]ccept, [s]kip it, or sto[p] searching? "


def need_terminal(option: str) -> None:
    """Refuse an option that asks when nobody can answer.

    Raises:
        UsageError: stdin is no terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{option} asks questions and needs a terminal; without one leave it out")


def ask_in_terminal(session: Session, pause: Callable[[], None]) -> Callable[[Mapping[str, Any]], str]:
    """Make what `ikura.tune(ask=...)` calls with each decision.

    Args:
        session: a quiet one is shown the decision here, any other has seen it already.
        pause: stops what redraws the terminal.

    Returns:
        A function from a decision to "accept", "skip" or "stop"; at the end of the input it stops.
    """

    def ask(decision: Mapping[str, Any]) -> str:
        pause()
        if session.quiet:
            session.complain(one_line(str(decision["sentence"])))
        if decision.get("reason"):
            source = f" ({decision['source']})" if decision.get("source") else ""
            session.complain(one_line(f"Why: {decision['reason']}{source}"))
        while True:
            print(QUESTION, end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            answer = line.strip().lower()
            if not line:
                session.complain("")
                return "stop"
            if answer in ANSWERS or answer in ANSWERS.values():
                return ANSWERS.get(answer, answer)

    return ask
