"""What the schedule decided, round by round."""

from __future__ import annotations

from ikura.page.formatting import NOTHING, count, listed, plural
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join
from ikura.report.view import View

__all__ = ["rounds"]

MOST_NAMED = 12
HEADINGS = ("stage", "round", "epochs", "go on", "begin", "copied", "dropped", "dropped trials")


def rounds(view: View) -> Html | None:
    """Tell who went on, began, was copied and was dropped in each round; None if every stage had only one."""
    every = view.record.rounds
    if not any(one.round for one in every):
        return None
    names = {stage.stage: stage.name for stage in view.stages}
    rows = [
        (
            names.get(one.stage, NOTHING),
            one.round + 1,
            _span(one.epochs),
            *(count(part) if part else NOTHING for part in (one.going_on, one.begun, one.copied)),
            count(len(one.dropped)) if one.dropped else NOTHING,
            listed([f"{d.number} ({d.epochs})" for d in one.dropped], MOST_NAMED) if one.dropped else NOTHING,
        )
        for one in every
    ]
    dropped = [one.epochs for part in every for one in part.dropped]
    sentence = (
        f"The schedule {view.record.config['schedule']} decided {plural(len(every), 'round')} and dropped "
        f"{plural(len(dropped), 'trial')}"
    )
    sentence += f" after {min(dropped)} to {max(dropped)} epochs." if dropped else "."
    return join(
        element("p", f"{sentence} Epochs are those that a round trains to; behind a dropped trial stand those it had."),
        table(HEADINGS, rows, words=("stage", "dropped trials")),
    )


def _span(epochs: list[int]) -> str:
    return NOTHING if not epochs else str(epochs[0]) if len(epochs) == 1 else f"{min(epochs)} to {max(epochs)}"
