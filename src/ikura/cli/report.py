"""`ikura report`: write a run's report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikura.cli.option_helpers import Quiet, Run, Verbose, a_file, begin, existing_run, option
from ikura.files import shown

__all__ = ["report"]

EXAMPLES = ("ikura report runs/houses -o houses.html",)


def report(
    context: typer.Context,
    run: Run,
    out: Annotated[
        Path | None,
        option(
            "FILE", "Where to write; by default report.html in the run folder.", parser=a_file, names=("--out", "-o")
        ),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Write the report of a run again and print where it is."""
    session = begin(context, quiet, verbose)
    folder = existing_run(run)
    with session.work():
        import ikura

        written = ikura.open_study(folder).report(out or folder / "report.html")
    session.emit(f"{shown(written)}\n")
    return 0
