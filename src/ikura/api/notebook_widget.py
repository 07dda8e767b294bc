"""The live view of a notebook with a hand on it: buttons and a field beside what is shown, where anywidget is there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ikura.errors import IkuraError
from ikura.page.formatting import number
from ikura.page.markup import Html
from ikura.schema import Scalar
from ikura.steer.ask import ask
from ikura.steer.following import Focus, followed
from ikura.steer.new_values import SHAPE, WORDS, changeable, values_at
from ikura.steer.trial_checks import standing_still
from ikura.study.record.intervention import Action, Intervention, Request, Status
from ikura.study.record.interventions import Interventions
from ikura.study.record.record import Record
from ikura.study.record.study_tables import row_of

__all__ = ["NotebookWidget", "widgets_are_there"]

SCRIPT = Path(__file__).with_suffix(".js")
LINES = 3
"""Requests that are listed, the last ones."""
FIRST = ("learning_rate", "momentum", "l2", "weight_decay", "dropout")
"""What is changed most often."""


def widgets_are_there() -> bool:
    """Whether a notebook's kernel can make widgets."""
    try:
        import_module("anywidget")
    except ImportError:
        return False
    return True


class NotebookWidget:
    """A study that trains, shown in a notebook with what can be asked of it.

    Args:
        record: the study.
        focus: says which trial the buttons act on, or where that has ended what goes on from there; None for the whole
            study.
        markup: what is shown.

    Attributes:
        trial: number of the trial that the buttons act on; None for the whole study, or as long as it is not there.
    """

    def __init__(self, record: Record, focus: Focus | None, markup: Html) -> None:
        self.record, self.focus = record, focus
        self.trial: int | None = None
        self._look()
        library = import_module("IPython.display")
        self.html = library.HTML
        self.widget = _widget_class()(markup=str(markup), hand=self._hand())
        self.widget.on_msg(self._heard)
        # Where widgets are not drawn, what the study was when it was shown is better than nothing.
        data, _ = self.widget._repr_mimebundle_()
        self.handle = library.display({**data, "text/html": str(markup)}, raw=True, display_id=True)

    def update(self, shown: Html) -> None:
        """Show something else in its place, and what can be asked now."""
        self._look()
        self.widget.markup, self.widget.hand = str(shown), self._hand()

    def finish(self, shown: Html) -> None:
        """Leave what a saved notebook keeps: no widget."""
        self.handle.update(self.html(shown))
        self.widget.close()

    def _look(self) -> None:
        """Look which trial the buttons are to act on; between two looks it stays the one that is shown."""
        first = None if self.focus is None else self.focus(self.record)[0]
        if first is not None:
            going_on = followed(self.record, first)
            self.trial = going_on if going_on is not None else first if self.trial is None else self.trial

    def _hand(self) -> dict[str, Any]:
        """What can be asked now, and of whom: actions, hyperparameters with present values, the last requests."""
        values = {} if self.trial is None else self._values(self.trial)
        asked = [one for one in self.record.interventions if not one.rule][-LINES:]
        whom = "" if self.trial is None else f"trial {self.trial}"
        return {"whom": whom, "actions": self._actions(), "values": values, "log": [_told(one) for one in asked]}

    def _actions(self) -> list[Action]:
        interventions = Interventions(self.record.store)
        if self.focus is not None and self.trial is None:
            return []
        if self.trial is None:
            still = interventions.held()
            return [] if interventions.ended() else [Action.GO_ON if still else Action.PAUSE, Action.END]
        if row_of(self.record.store, self.trial).state.ended:
            return []
        still = self.trial in standing_still(self.record)
        return [Action.SET, Action.GO_ON if still else Action.PAUSE, Action.STOP]

    def _values(self, trial: int) -> dict[str, Scalar]:
        row, known = row_of(self.record.store, trial), set(changeable(self.record))
        now = {SHAPE: row.member.values[SHAPE], **values_at(self.record, row, None)}
        order = {name: place for place, name in enumerate(FIRST)}
        names = sorted(known.intersection(now), key=lambda name: (order.get(name, len(FIRST)), name))
        return {name: now[name] for name in names if name in WORDS or type(now[name]) in (int, float)}

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        """Ask for what a message of the notebook says; what is wrong with it is told there."""
        try:
            action, values = content["action"], content["values"]
            if action not in self._actions() or not isinstance(values, Mapping):
                raise IkuraError(f"the view can not ask for {action!r} now")
            request = Request(action=Action(action), trial=self.trial, values=values if action == Action.SET else {})
            ask(self.record, [request])
        except (KeyError, TypeError):
            self.widget.told = "a request has an action and values"
        except IkuraError as error:
            self.widget.told = str(error)
        else:
            self.widget.told = ""
        self.widget.hand = self._hand()


def _told(one: Intervention) -> str:
    """An intervention in one line."""
    whom = "" if one.trial is None else f"trial {one.trial}: "
    made = "" if one.made is None else f", as trial {one.made}"
    values = ", ".join(f"{name}={number(value)}" for name, value in one.values.items())
    refused, dated = one.state is Status.REFUSED, one.state is Status.APPLIED and one.epoch is not None
    waits = one.state.open and one.at is not None
    became = f": {one.reason}" if refused else f" after epoch {one.epoch}{made}" if dated else ""
    became = f", after epoch {one.at}" if waits else became
    return f"{whom}{one.action} {values}".rstrip() + f" · {one.state}{became}"


@cache
def _widget_class() -> Any:
    traitlets = import_module("traitlets")
    traits = {
        "markup": traitlets.Unicode("").tag(sync=True),
        "hand": traitlets.Dict().tag(sync=True),
        "told": traitlets.Unicode("").tag(sync=True),
    }
    bases = (import_module("anywidget").AnyWidget,)
    return type("StudyView", bases, {"_esm": SCRIPT, "__module__": __name__, **traits})
