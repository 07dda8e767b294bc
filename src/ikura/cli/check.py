"""`ikura check`: what commonly goes wrong with data, networks and settings."""

from __future__ import annotations

import io
import json as json_format
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ikura.built_in import BUNDLED, IMAGE_SETS
from ikura.cli.data_options import DataArguments, Target, one_or_several
from ikura.cli.exit_code import ExitCode
from ikura.cli.option_helpers import Json, Quiet, Verbose, a_file, at_least, begin, whole, with_options
from ikura.cli.option_values import hyperparameter_values
from ikura.cli.search_options import NETWORKS, check_network
from ikura.errors import DataError, UsageError, nearest
from ikura.files import check_target, named, run_files

if TYPE_CHECKING:
    from ikura.checks import Checks

__all__ = ["check"]

EXAMPLES = (
    "ikura check penguins.csv --target species",
    "ikura check runs/houses --html checks.html",
    "ikura check nets:build --data digits --set learning_rate=0.01",
    "ikura check wine --only gradient --only overfit --json",
)
COLOURS = {"fail": "red", "warn": "yellow", "pass": "green", "skipped": "dim"}
REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@with_options
def check(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="Data as `ikura tune` takes them; a run folder; or module:factory, a function of hyperparameters "
            "(or of nothing) that returns an nn.Module, with --data.",
        ),
    ],
    target: Target = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="The data, where WHAT is module:factory.", rich_help_panel="Data"),
    ] = None,
    *,
    reading: DataArguments,
    as_given: Annotated[
        bool,
        typer.Option(
            "--as-given",
            help="Take a table's numbers just as they are: not standardised, missing values not filled.",
            rich_help_panel="Data",
        ),
    ] = False,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"The network: {', '.join(NETWORKS)}, or module:factory; by default cnn for images, mlp for tables, "
            "and a run's own.",
            rich_help_panel="Network",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A hyperparameter of the network or its training, such as learning_rate=0.01; repeatable.",
            rich_help_panel="Network",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK", help="Make this check alone; repeatable.", rich_help_panel="Checks"),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(parser=whole, metavar="S", help="The same seed gives the same checks.", rich_help_panel="Checks"),
    ] = 0,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=a_file, help="Also write the results as a page.", rich_help_panel="Output"),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Check data, a run or a network for what commonly goes wrong, with likely cause and fix.

    Nothing is changed. The exit code is 3 when a check fails, or one that --only names cannot be made.
    """
    session = begin(context, quiet, verbose)
    at_least("--seed", seed, 0)
    given = reading.arguments()
    if network is not None and not REFERENCE.fullmatch(network):
        check_network(network)
    if REFERENCE.fullmatch(what) and not Path(what).exists() and data is None:
        raise UsageError(f"{what} is a network, which is checked on data; give --data, such as --data iris")
    places = [place for place in (what if data is None else data, reading.dev, reading.test) if place is not None]
    for place in places:
        _look(place)
    if html is not None:
        check_target(html, *places, *run_files(Path(what)))
    session.say(f"ikura: checking {what}")
    with session.work():
        import ikura

        checks = ikura.check(
            what,
            one_or_several(target),
            data=data,
            network=network,
            hyperparameters=hyperparameter_values(setting or ()),
            as_given=as_given,
            only=only or None,
            seed=seed,
            tell=lambda name: session.say(f"ikura: {name}") if session.verbose else None,
            **given,
        )
        if html is not None:
            from ikura.checks.checks_page import write_checks

            write_checks(checks, html)
    if json:
        session.emit(json_format.dumps(checks.to_json(), indent=1) + "\n")
    else:
        session.emit(_text(checks, bool(only)), styled=True)
    missed = checks.of("skipped") if only else []
    for one in missed:
        session.complain(
            f"ikura: the check {one.name} could not be made: {one.finding.removeprefix('it could not be made: ')}"
        )
    return ExitCode.DONE if checks.ok and not missed else ExitCode.CHECK_FAILED


def _look(place: str) -> None:
    """Refuse data that are not there before anything slow begins."""
    named(place, "the name of the data")
    if place in (*BUNDLED, *IMAGE_SETS) or REFERENCE.fullmatch(place) or Path(place).exists():
        return
    folder = Path(place).parent
    known = [*BUNDLED, *IMAGE_SETS, *(one.name for one in folder.iterdir())] if folder.is_dir() else [*BUNDLED]
    raise DataError(f"{place}: no such file, run or bundled data set{nearest(Path(place).name, known)}")


def _text(checks: Checks, asked: bool = False) -> str:
    """Lay the results out as a table, and what is wrong below it; where checks were asked for, why one was not made."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from ikura.cli.terminal import CleanConsole

    out = io.StringIO()
    console = CleanConsole(file=out, force_terminal=_coloured(), width=None if _coloured() else 120)
    console.print(Text(f"Checks of {checks.subject}", style="italic"))
    table = Table(box=None, pad_edge=False)
    for column in ("check", "verdict", "finding"):
        table.add_column(column, no_wrap=column != "finding")
    for one in checks:
        if one.verdict != "skipped":
            table.add_row(one.name, Text(one.verdict, style=COLOURS[one.verdict]), Text(one.finding))
    if table.rows:
        console.print(table)
    skipped = [one.name for one in checks.of("skipped")]
    if asked:
        for one in checks.of("skipped"):
            console.print(Text(f"not made: {one.name}: {one.finding}"))
    elif skipped:
        console.print(Text(f"not made: {', '.join(skipped)}", style="dim"))
    for one in (*checks.failed, *checks.warned):
        console.print()
        console.print(Text.assemble((f"{one.verdict}: {one.name}", COLOURS[one.verdict])))
        told = Text(f"{one.finding}\nlikely cause: {one.cause}\nfix: {one.fix}")
        console.print(Padding(told, (0, 0, 0, 2), expand=False))
    return out.getvalue()


def _coloured() -> bool:
    return sys.stdout.isatty()
