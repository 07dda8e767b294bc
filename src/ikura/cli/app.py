"""The commands put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.main import get_command

from ikura.cli import check, diagnose, export, importance, measure, predict, report, reproduce, resume, scale, tune
from ikura.cli.option_helpers import epilogue
from ikura.version import __version__

__all__ = ["EXAMPLES", "command"]

COMMANDS: dict[str, Callable[..., int]] = {
    "tune": tune.tune,
    "predict": predict.predict,
    "resume": resume.resume,
    "report": report.report,
    "importance": importance.importance,
    "export": export.export,
    "reproduce": reproduce.reproduce,
    "check": check.check,
    "diagnose": diagnose.diagnose,
    "scale": scale.scale,
    "measure": measure.measure,
}
EXAMPLES = {
    "ikura": ("ikura tune penguins.csv --target species", "ikura predict RUN new.csv -o predictions.csv"),
    "tune": tune.EXAMPLES,
    "predict": predict.EXAMPLES,
    "resume": resume.EXAMPLES,
    "report": report.EXAMPLES,
    "importance": importance.EXAMPLES,
    "export": export.EXAMPLES,
    "reproduce": reproduce.EXAMPLES,
    "check": check.EXAMPLES,
    "diagnose": diagnose.EXAMPLES,
    "scale": scale.EXAMPLES,
    "measure": measure.EXAMPLES,
}
HELP_OPTIONS = ["--help", "-h"]


def command() -> Any:
    """Build the command `ikura` with all its subcommands.

    Returns:
        A click group; `.commands` maps the names to the subcommands.

    Example:
        >>> list(command().commands)
        ['tune', 'predict', 'resume', 'report', ..., 'check', 'diagnose', 'scale', 'measure']
    """
    settings = {"help_option_names": HELP_OPTIONS}
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", context_settings=settings)
    app.callback(invoke_without_command=True, epilog=epilogue(EXAMPLES["ikura"]))(_ikura)
    for name, function in COMMANDS.items():
        app.command(name, epilog=epilogue(EXAMPLES[name]))(function)
    return get_command(app)


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
