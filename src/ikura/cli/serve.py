"""`ikura serve`: runs in a browser, live while they train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikura.cli.option_helpers import Quiet, Verbose, begin, option, whole
from ikura.errors import RunError, UsageError, nearest
from ikura.files import named
from ikura.study.record.address import parse_url

__all__ = ["serve"]

EXAMPLES = (
    "ikura serve",
    "ikura serve runs/houses --read-only",
    "ikura serve --store postgresql://ada@db.example.org/studies",
)
PORT = 8710


def serve(
    context: typer.Context,
    folder: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN|FOLDER]",
            help="A run folder, or one with runs below it; by default runs/, where there is none this folder.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="The address to listen on; any but this machine's own lets other machines in and needs --token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        option("PORT", f"The port; by default {PORT} or the next that is free, 0 for any.", parser=whole),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="The key to the page, at least 16 characters; by default a new one at each start.",
            envvar="IKURA_TOKEN",
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, but let nothing be asked of a study.")
    ] = False,
    store: Annotated[
        str | None,
        option("URL", "A PostgreSQL database: all studies that are recorded in it are shown, whoever trains them."),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Show runs in a browser, live while they train, also those of other processes.

    The address on stdout holds the key to the page. Ctrl-C ends it; studies train on.
    """
    session = begin(context, quiet, verbose)
    if store is not None and folder is not None:
        raise UsageError("a folder and --store exclude each other, give one of them")
    place: Path | str = _place(folder) if store is None else parse_url(store)
    if port is not None and port > 65_535:
        raise UsageError(f"--port must be at most 65535, but got {port}")
    try:
        from ikura.web.server import Server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "h11", "anyio"):
            raise
        raise UsageError(f"ikura serve needs the package {error.name}: pip install 'ikura[serve]'") from None
    with session.work():
        server = Server(place, host, PORT if port is None else port, token, read_only, strict=port is not None)
    if server.open:
        runs = f"all runs {'below' if store is None else 'in'} {place}{'' if read_only else ' and can change them'}"
        session.say(
            f"ikura: warning: whoever reaches {host}:{server.port} and knows the token sees {runs}; nothing on the way "
            "is encrypted"
        )
    try:
        with server:
            session.say("Open this address in a browser; Ctrl-C ends the page, not the studies.")
            session.emit(f"{server.url}\n")
            server.wait()
    except KeyboardInterrupt:
        pass
    return 0


def _place(folder: str | None) -> Path:
    if folder is None:
        return Path("runs") if Path("runs").is_dir() else Path()
    path = named(folder, "the folder")
    if path.is_dir():
        return path
    beside = [one.name for one in path.parent.iterdir() if one.is_dir()] if path.parent.is_dir() else []
    raise RunError(f"no such folder: {folder}{nearest(path.name, beside)}")
