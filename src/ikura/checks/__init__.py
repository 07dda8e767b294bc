"""Checks of data, networks, losses and settings: what commonly goes wrong, found and named."""

from ikura.checks._base import VERDICTS, Check, Checks, Result
from ikura.checks.check import check
from ikura.checks.registry import CHECKS, run_checks
from ikura.checks.subject import Subject

__all__ = ["CHECKS", "VERDICTS", "Check", "Checks", "Result", "Subject", "check", "run_checks"]
