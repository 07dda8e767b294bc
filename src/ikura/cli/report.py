"""`ikura report`: write a run's report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikura.cli.option_helpers import Quiet, Run, Store, Verbose, a_file, begin, one_of, option, study_named
from ikura.files import shown
from ikura.page.chart_script import CHART_SCRIPTS

__all__ = ["report"]

EXAMPLES = (
    "ikura report runs/houses -o houses.html",
    "ikura report runs/houses --report-script none",
    "ikura report --store postgresql://ada@db.example.org/studies digits-1",
)


def report(
    context: typer.Context,
    run: Run,
    out: Annotated[
        Path | None,
        option(
            "FILE",
            "Where to write; by default report.html in the run folder, with --store NAME-report.html here where that "
            "folder is on another machine.",
            parser=a_file,
            names=("--out", "-o"),
        ),
    ] = None,
    report_script: Annotated[
        str | None,
        option(
            "WHERE",
            "Where it has the script that draws its charts: inline in the page, shared in one file beside the run "
            "folders, or none; by default as the run was begun.",
        ),
    ] = None,
    store: Store = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Write the report of a run again and print where it is."""
    session = begin(context, quiet, verbose)
    where = study_named(run, store)
    if report_script is not None:
        one_of("--report-script", report_script, CHART_SCRIPTS)
    with session.work():
        import ikura

        written = ikura.open_study(**where).report(out, report_script=report_script)
    session.emit(f"{shown(written)}\n")
    return 0
