"""The page as a whole, and its way to the disk."""

from __future__ import annotations

import os
from pathlib import Path

from ikura.checks import Checks
from ikura.diagnose.findings import Findings
from ikura.errors import StorageError
from ikura.files import named
from ikura.page.chart_script import ChartScript, share_script
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
    script: ChartScript = ChartScript.INLINE,
) -> Path:
    """Write a study's report: one HTML file that asks nothing of any network.

    The file appears whole or not at all. A script that pages share lies beside the run folder; a page elsewhere has it
    beside itself.

    Args:
        path: the file to write; its folder is made when it is missing.
        record, checks, findings: of the study, as for `View`.
        script: where it has the script that draws its charts.

    Returns:
        The file's path.

    Raises:
        StorageError: the file cannot be written.
    """
    path = named(path, "the report's name")
    if path.is_dir():
        raise StorageError(f"{path} is a folder; name a file such as {path / 'report.html'}")
    shared = ""
    if script is ChartScript.SHARED:
        inside = path.absolute().parent == record.place
        name = share_script(path.absolute().parent.parent if inside else path.absolute().parent)
        shared = f"../{name}" if inside else name
    return write_text(path, render(View(record, checks, findings), script, shared))


def render(view: View, script: ChartScript = ChartScript.INLINE, shared: str = "") -> str:
    """Make the page's text, a whole HTML document; `script` and `shared` as for `ikura.page.page.page`."""
    return page(f"{subject(view)} · ikura", headline(view), list(sections(view)), script, shared)
