"""`ikura explain`: what a run's model looks at."""

from __future__ import annotations

import json as json_module
import os
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from ikura.cli.option_helpers import Json, Quiet, Run, Store, Verbose, at_least, begin, folder_of, option, whole
from ikura.files import shown

if TYPE_CHECKING:
    from ikura.explain import Explanation

__all__ = ["explain"]

EXAMPLES = ("ikura explain runs/houses", "ikura explain runs/houses --column size --column year --json")
BAR = 30
MOST = 30


def explain(
    context: typer.Context,
    run: Run,
    column: Annotated[
        list[str] | None,
        option("COLUMN", "Show how predictions follow this column, in place of the most important six; repeatable."),
    ] = None,
    repeats: Annotated[
        int | None, option("N", "Times that each column is dealt out anew; by default up to 5.", parser=whole)
    ] = None,
    store: Store = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Show which columns a run's model looks at, and how its predictions follow them.

    A column matters as far as the score on the dev rows becomes worse where its values are dealt out anew. The run is
    not changed and the test set is not looked at: results go to explanation.json and explanation.html beside it.
    """
    session = begin(context, quiet, verbose)
    at_least("--repeats", repeats, 1)
    with session.work():
        from ikura.explain.explanation import explain as explained
        from ikura.explain.explanation import keep
        from ikura.explain.explanation_sections import write_explanation
        from ikura.study.record.record import copied

        folder = folder_of(run, store, "model/")
        with copied(folder) as study:
            found = explained(study, column, repeats)
            page = None
            if os.access(folder, os.W_OK):
                keep(study, found)
                page = write_explanation(folder, found, folder / "explanation.html")
            else:
                session.say(f"ikura: {shown(folder)} is read-only: explanation.json and .html are not written")
    if json:
        session.emit(json_module.dumps(found.as_dict(), allow_nan=False, indent=1) + "\n")
        return 0
    session.emit("".join(f"{line}\n" for line in _lines(found)))
    if page is not None:
        session.emit(f"Page: {shlex.quote(shown(page))}\n")
    return 0


def _lines(found: Explanation) -> list[str]:
    """Bars of the columns, and what they are of."""
    most = found.columns[:MOST]
    width = max((len(one.column) for one in most), default=0)
    longest = max((one.loss for one in most), default=0.0)
    lines = []
    for one in most:
        bar = "█" * round(BAR * max(one.loss, 0.0) / longest) if longest > 0 else ""
        unsure = "" if one.sure else "  no more than chance"
        lines.append(f"{one.column:<{width}}  {one.loss:8.4f}  ({one.low:.4f} to {one.high:.4f})  {bar}{unsure}")
    if len(found.columns) > MOST:
        lines.append(f"and {len(found.columns) - MOST} more columns (--json has all)")
    return [*lines, found.note]
