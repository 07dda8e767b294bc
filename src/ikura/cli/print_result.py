"""What a finished study prints on stdout: one JSON object, or the summary for people."""

from __future__ import annotations

import json
import math
from typing import Any

from ikura.cli.exit_code import ExitCode
from ikura.cli.result_summary import summary
from ikura.cli.session import Session
from ikura.json_values import jsonable

__all__ = ["present"]


def present(study: Any, session: Session, as_json: bool) -> int:
    """Print the result of a study on stdout.

    Args:
        study: a finished `Study`.
        session: where to print.
        as_json: the study's JSON object instead of the summary.

    Returns:
        The exit code: a study in which no trial could be trained to an end has failed its check.
    """
    if as_json:
        session.emit(json.dumps(jsonable(study.to_json()), allow_nan=False, indent=2) + "\n")
    else:
        session.emit(summary(study), styled=True)
    if study.best is None or not math.isfinite(study.best.dev):
        return ExitCode.CHECK_FAILED
    return ExitCode.DONE
