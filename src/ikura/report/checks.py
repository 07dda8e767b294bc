"""Checks as a section of a report, or as a page of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ikura import __version__
from ikura.population.snapshot import write_atomically
from ikura.report.markup import Html, element, join

__all__ = ["ChecksLike", "checks_section", "write_checks"]

COLOURS = {"fail": "#b3261e", "warn": "#9a6700", "pass": "#1a7f37", "skipped": "#6e7781"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .4rem .6rem; text-align: left; vertical-align: top; }
tr + tr { border-top: 1px solid #d0d7de; } td:nth-child(2) { font-weight: 600; } pre { overflow-x: auto; }
@media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6edf3; }
  tr + tr { border-color: #30363d; } }
"""


class ResultLike(Protocol):
    """A result as the page sees it; `ikura.checks.Result` is one."""

    @property
    def name(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def finding(self) -> str: ...
    @property
    def cause(self) -> str: ...
    @property
    def fix(self) -> str: ...
    def to_json(self) -> Mapping[str, Any]: ...


class ChecksLike(Protocol):
    """Results of checks; `ikura.Checks` is one."""

    @property
    def subject(self) -> str: ...
    @property
    def results(self) -> list[Any]: ...


def checks_section(checks: ChecksLike) -> Html:
    """Lay out the results as a table: the worst first, skipped checks in one line behind it.

    Args:
        checks: the results.

    Returns:
        HTML that asks nothing of scripts or style sheets.
    """
    order = list(COLOURS)
    made = sorted((one for one in checks.results if one.verdict != "skipped"), key=lambda one: order.index(one.verdict))
    skipped = [one.name for one in checks.results if one.verdict == "skipped"]
    head = element("tr", *(element("th", name) for name in ("Check", "Verdict", "Finding")))
    rest = element("p", f"Not made: {', '.join(skipped)}.") if skipped else None
    return join(element("table", head, *_rows(made)), rest)


def _rows(results: Iterable[ResultLike]) -> list[Html]:
    rows = []
    for one in results:
        parts: list[Html | str] = [one.finding]
        if one.cause:
            parts += [element("br"), element("b", "Likely cause: "), one.cause]
            parts += [element("br"), element("b", "Fix: "), one.fix]
        figures = json.dumps(one.to_json()["figures"], indent=1)
        parts.append(element("details", element("summary", "Figures"), element("pre", figures)))
        verdict = element("td", one.verdict, style=f"color: {COLOURS[one.verdict]}")
        rows.append(element("tr", element("td", one.name), verdict, element("td", *parts)))
    return rows


def write_checks(checks: ChecksLike, path: str | Path) -> Path:
    """Write the results as a page of their own, which asks nothing of any network; it appears whole or not at all.

    Returns:
        Its path.

    Raises:
        StorageError: the file cannot be written.
    """
    path = Path(path)
    title = f"Checks of {checks.subject}"
    head = element("head", element("meta", charset="utf-8"), element("title", title), element("style", Html(STYLE)))
    body = element("body", element("h1", title), checks_section(checks), element("p", f"ikura {__version__}"))
    page = join(Html("<!doctype html>"), element("html", head, body, lang="en"))
    write_atomically(path, page.encode())
    return path
