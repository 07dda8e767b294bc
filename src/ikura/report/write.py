"""The page as a whole, and its way to the disk."""

from __future__ import annotations

import os
from pathlib import Path

from ikura.checks import Checks
from ikura.diagnose.findings import Findings
from ikura.errors import StorageError
from ikura.files import named
from ikura.page.page import page, write_text
from ikura.report.headline import headline, subject
from ikura.report.sections import sections
from ikura.report.view import View
from ikura.study.record.record import Record

__all__ = ["render", "write_report"]


def write_report(
    path: str | os.PathLike[str],
    record: Record,
    checks: Checks | None = None,
    findings: Findings | None = None,
) -> Path:
    """Write a study's report: one HTML file with everything in it, which asks nothing of any network.

    The file appears whole or not at all.

    Args:
        path: the file to write; its folder is made when it is missing.
        record, checks, findings: of the study, as for `View`.

    Returns:
        The file's path.

    Raises:
        StorageError: the file cannot be written.
    """
    path = named(path, "the report's name")
    if path.is_dir():
        raise StorageError(f"{path} is a folder; name a file such as {path / 'report.html'}")
    return write_text(path, render(View(record, checks, findings)))


def render(view: View) -> str:
    """Make the page's text, a whole HTML document."""
    return page(f"{subject(view)} · ikura", headline(view), list(sections(view)))
