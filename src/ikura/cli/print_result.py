"""What a finished study prints on stdout: one JSON object, or the summary for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ikura.cli.exit_code import ExitCode
from ikura.cli.session import Session
from ikura.cli.summary import summary

__all__ = ["jsonable", "present"]


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


def jsonable(value: Any) -> Any:
    """Make a value fit for strict JSON.

    Args:
        value: dicts, sequences, numbers (NumPy's too), strings, paths.

    Returns:
        The same in plain Python types; NaN and infinities, which JSON lacks, become None.

    Example:
        >>> jsonable({"score": float("nan"), 1: (2, 3)})
        {'score': None, '1': [2, 3]}
    """
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    return str(value)
