"""`ikura resume`: take up a run that was stopped."""

from __future__ import annotations

import sys

import typer

from ikura.cli.confirm import ask_in_terminal
from ikura.cli.engine_options import Address, Engine, Workers, check_engine
from ikura.cli.option_helpers import Json, Quiet, Run, Verbose, begin, existing_run
from ikura.errors import RunError
from ikura.version import __version__

__all__ = ["resume"]

EXAMPLES = ("ikura resume runs/houses", "ikura resume runs/houses --engine ray --address auto")


def resume(
    context: typer.Context,
    run: Run,
    engine: Engine = "auto",
    address: Address = None,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Continue a run that was stopped; the result is the same as if it had not been.

    A run that is already finished is not trained again: its result is printed.
    One begun with --ask goes on asking, and needs a terminal.

    A run keeps the setting that it began with. In its config.toml jobs, time_limit, device, report_script and the path
    of the data (where the same file lies now) may be changed while it waits, which is then said; any other change is
    refused.
    Snapshots and weights that are missing or damaged are trained again.
    Where versions of libraries or the processor are others than before, a line says that the last bits may differ.
    """
    session = begin(context, quiet, verbose)
    check_engine(engine, address, workers)
    session.run = existing_run(run)
    if not session.resumable:
        raise RunError(f"{run}: not a run folder of ikura (it has no config.toml)")

    session.say(f"ikura {__version__}: resuming {run}")
    from ikura.cli.print_result import present
    from ikura.cli.progress_display import progress_for

    with session.work(), progress_for(session) as progress:
        import ikura

        progress.show = lambda study: present(study, session, json)
        ask = ask_in_terminal(session, progress.pause) if sys.stdin is not None and sys.stdin.isatty() else None
        study = ikura.resume(session.run, progress=progress, ask=ask, engine=engine, address=address, workers=workers)
    return progress.code(study)
