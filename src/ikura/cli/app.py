"""The commands put together."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from ikura.cli import (
    check,
    diagnose,
    explain,
    export,
    importance,
    measure,
    predict,
    report,
    reproduce,
    resume,
    scale,
    serve,
    steer,
    train,
    tune,
    warm_up,
)
from ikura.cli.option_helpers import epilogue, escaped
from ikura.version import __version__

__all__ = ["EXAMPLES", "command"]

MODULES = {
    one.__name__.rpartition(".")[2].replace("_", "-"): one
    for one in (
        tune,
        train,
        predict,
        resume,
        report,
        importance,
        export,
        reproduce,
        check,
        diagnose,
        explain,
        scale,
        measure,
        steer,
        serve,
        warm_up,
    )
}
"""Name of each command to its module, which holds the function of that name and its examples."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "ikura": ("ikura tune penguins.csv --target species", "ikura predict RUN new.csv -o predictions.csv"),
    **{name: module.EXAMPLES for name, module in MODULES.items()},
}
HELP_OPTIONS = ["--help", "-h"]


@cache
def command() -> Any:
    """Build the command `ikura` with all its subcommands.

    Returns:
        A click group; `.commands` maps the names to the subcommands.

    Example:
        >>> list(command().commands)
        ['tune', 'train', 'predict', ..., 'diagnose', 'explain', 'scale', 'measure', 'steer', 'serve', 'warm-up']
    """
    settings = {"help_option_names": HELP_OPTIONS}
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", context_settings=settings)
    app.callback(invoke_without_command=True, epilog=epilogue(EXAMPLES["ikura"]))(_ikura)
    for name, module in MODULES.items():
        app.command(name, epilog=epilogue(EXAMPLES[name]))(getattr(module, name.replace("-", "_")))
    root: Any = get_command(app)
    for one in (root, *root.commands.values()):
        one.help, one.epilog = escaped(one.help), escaped(one.epilog)
        for parameter in one.params:
            parameter.help = escaped(parameter.help or "")
    return root


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ikura {__version__}")
        raise typer.Exit


def _ikura(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Tune whole populations of neural networks at once, from a table to a tested model."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
