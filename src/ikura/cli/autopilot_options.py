"""Options that say whether and how searches follow the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ikura.cli.confirm import need_terminal
from ikura.cli.error_options import BAYES, HUMAN, checked_errors, share
from ikura.cli.option_helpers import option
from ikura.errors import UsageError

__all__ = ["AutopilotArguments"]

PANEL = "Autopilot"


def _error(meaning: str) -> Any:
    return option("SHARE", f"With --auto: {meaning[0].lower()}{meaning[1:]}", PANEL, share)


@dataclass(frozen=True)
class AutopilotArguments:
    """What the command line says of an autopilot."""

    auto: Annotated[
        bool,
        typer.Option(
            "--auto",
            help="After the search say what is wrong, bias or variance, change the space or the epochs accordingly and "
            "search again, until neither is worth more effort or the budget is spent.",
            rich_help_panel="Autopilot",
        ),
    ] = False
    ask: Annotated[
        bool,
        typer.Option(
            "--ask",
            help="With --auto: ask before each further search; it can be accepted or skipped, or the search ended.",
            rich_help_panel="Autopilot",
        ),
    ] = False
    bayes_error: Annotated[float | None, _error(BAYES)] = None
    human_error: Annotated[float | None, _error(HUMAN)] = None

    def arguments(self) -> dict[str, Any]:
        """Check them, and write them as `ikura.tune` takes them, but for who is asked.

        Raises:
            UsageError: one is for an autopilot that is not wanted, or an error is no share.
        """
        errors = {"bayes_error": self.bayes_error, "human_error": self.human_error}
        if self.ask:
            if not self.auto:
                raise UsageError("--ask asks before the searches that --auto adds; give --auto too")
            need_terminal("--ask")
        for name, error in errors.items():
            if error is not None and not self.auto:
                raise UsageError(f"--{name.replace('_', '-')} is for the diagnoses of --auto; give --auto too")
        checked_errors(self.bayes_error, self.human_error)
        return {"auto": self.auto, **errors}
