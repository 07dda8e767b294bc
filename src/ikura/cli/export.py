"""`ikura export`: tables of a run's trials and curves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikura.cli.option_helpers import Quiet, Run, Verbose, a_file, begin, existing_run
from ikura.errors import UsageError

__all__ = ["export"]

EXAMPLES = ("ikura export runs/houses --trials trials.parquet --curves curves.csv",)


def export(
    context: typer.Context,
    run: Run,
    trials: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=a_file, help="Write the table of all trials, to a .csv or .parquet file."),
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=a_file, help="Write the learning curves of all trials, to a .csv or .parquet file."
        ),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Write what a run recorded to tables, and print where they are."""
    session = begin(context, quiet, verbose)
    folder = existing_run(run)
    if trials is None and curves is None:
        raise UsageError("name a file to export to: --trials FILE, --curves FILE, or both")
    with session.work():
        import ikura

        written = ikura.open_study(folder).export(trials=trials, curves=curves)
    session.emit("".join(f"{path}\n" for path in written))
    return 0
