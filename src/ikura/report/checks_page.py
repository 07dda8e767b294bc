"""Checks as a page of their own."""

from __future__ import annotations

from pathlib import Path

from ikura.report._base import ChecksLike
from ikura.report.cards import card
from ikura.report.checks import COLOURS, checks_parts
from ikura.report.markup import Html, element
from ikura.report.page import page, write_text
from ikura.report.wording import count, plural

__all__ = ["write_checks"]


def _counts(checks: ChecksLike) -> Html:
    def of(verdict: str) -> int:
        return sum(one.verdict == verdict for one in checks.results)

    made = sum(one.verdict != "skipped" for one in checks.results)
    names = {verdict: ", ".join(one.name for one in checks.results if one.verdict == verdict) for verdict in COLOURS}
    return element(
        "div",
        card("Failed", count(of("fail")), names["fail"] or "nothing", kind="main"),
        card("A closer look", count(of("warn")), names["warn"] or "nothing"),
        card("Passed", count(of("pass")), f"of {plural(made, 'check')} made"),
        card("Not made", count(of("skipped")), "reasons below" if of("skipped") else "every check was made"),
        class_="cards",
    )


def write_checks(checks: ChecksLike, path: str | Path) -> Path:
    """Write the results as a page of their own, which asks nothing of any network; it appears whole or not at all.

    Returns:
        Its path.

    Raises:
        StorageError: the file cannot be written.
    """
    failed = [one for one in checks.results if one.verdict == "fail"]
    lede = f"{plural(len(failed), 'check')} failed." if failed else "No check failed."
    header = element(
        "header",
        element("p", "ikura check", class_="eyebrow"),
        element("h1", f"Checks of {checks.subject}"),
        element("p", lede, class_="lede"),
        _counts(checks),
    )
    parts = [(name, heading, content) for name, heading, content in checks_parts(checks) if content]
    return write_text(Path(path), page(f"Checks of {checks.subject} · ikura", header, parts))
