"""`ikura resume`: take up a run that was stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ikura.cli.confirm import ask_in_terminal
from ikura.cli.engine_options import Address, Engine, Workers, check_engine
from ikura.cli.option_helpers import Json, Quiet, Run, Store, Verbose, a_place, begin, existing_run, option
from ikura.errors import RunError, UsageError
from ikura.version import __version__

__all__ = ["resume"]

EXAMPLES = (
    "ikura resume runs/houses",
    "ikura resume runs/houses --engine ray --address auto",
    "ikura resume --store postgresql://ada@db.example.org/studies digits-1",
)


def resume(
    context: typer.Context,
    run: Run,
    engine: Engine = "auto",
    address: Address = None,
    workers: Workers = None,
    store: Store = None,
    out: Annotated[
        Path | None,
        option(
            "FOLDER",
            "With --store: the run folder; by default where the study was trained, if that is on this machine, or "
            "runs/NAME.",
            parser=a_place,
            names=("--out", "-o"),
        ),
    ] = None,
    data: Annotated[
        Path | None,
        option("PATH", "Where the data's file or folder lies now; by default where it lay.", parser=a_place),
    ] = None,
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
    With --store a study is taken up on any machine that has its data: its run folder is taken where it stands here, or
    made; what of it is elsewhere, snapshots and weights, is trained again.
    Where versions of libraries or the processor are others than before, a line says that the last bits may differ.
    """
    session = begin(context, quiet, verbose)
    check_engine(engine, address, workers)
    where: dict[str, Any] = {"store": store, "name": run, "out": out}
    if store is None:
        session.run = existing_run(run)
        if not session.resumable:
            raise RunError(f"{run}: not a run folder of ikura (it has no config.toml)")
        if out is not None:
            raise UsageError("--out is for a study that --store and a name name; a run folder is where it is")
        where = {"run": session.run}

    session.say(f"ikura {__version__}: resuming {run}")
    from ikura.cli.print_result import present
    from ikura.cli.progress_display import progress_for

    with session.work(), progress_for(session) as progress:
        import ikura

        progress.show = lambda study: present(study, session, json)
        ask = ask_in_terminal(session, progress.pause) if sys.stdin is not None and sys.stdin.isatty() else None
        study = ikura.resume(
            **where, data=data, progress=progress, ask=ask, engine=engine, address=address, workers=workers
        )
    return progress.code(study)
