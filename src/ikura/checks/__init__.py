"""Checks of data, networks, losses and settings: what commonly goes wrong, found and named.

What makes checks is imported when it is asked for: reading their results needs no networks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ikura.checks._base import VERDICTS, Check, Checks, Result

if TYPE_CHECKING:
    from ikura.checks.registry import CHECKS, run_checks
    from ikura.checks.subject import Subject

__all__ = ["CHECKS", "VERDICTS", "Check", "Checks", "Result", "Subject", "run_checks"]

_HOMES = {
    "CHECKS": "ikura.checks.registry",
    "run_checks": "ikura.checks.registry",
    "Subject": "ikura.checks.subject",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ikura.checks' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
