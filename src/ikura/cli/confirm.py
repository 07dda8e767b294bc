"""Asking the user, in a terminal, what to do next."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ikura.cli.session import Session
from ikura.errors import UsageError
from ikura.wording import one_line

if TYPE_CHECKING:
    from ikura.study.record.decision import Ask, OfferRecord

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


def ask_in_terminal(session: Session, pause: Callable[[], None]) -> Ask:
    """Make what `ikura.tune(ask=...)` calls with each decision.

    Args:
        session: a quiet one is shown the decision here, any other has seen it already.
        pause: stops what redraws the terminal.

    Returns:
        A function from a decision to "accept", "skip" or "stop"; at the end of the input it stops.
    """

    def ask(decision: OfferRecord) -> str:
        pause()
        if session.quiet:
            session.complain(one_line(decision.sentence))
        source = f" ({decision.source})" if decision.source else ""
        session.complain(one_line(f"Why: {decision.reason}{source}"))
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
