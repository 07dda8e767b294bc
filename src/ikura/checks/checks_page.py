"""Checks as a section of a report, and the parts of a page of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ikura.checks._base import Checks, Result
from ikura.page.cards import card, head
from ikura.page.formatting import count, plural
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join
from ikura.page.page import page, write_text

__all__ = ["COLOURS", "checks_section", "write_checks"]

COLOURS = {"fail": "--roe-deep", "warn": "--mark-3", "pass": "--mark-1", "skipped": "--muted"}
"""Verdicts, the worst first, and the style sheet's colour of each."""
WORDS = {"check", "verdict", "finding", "reason"}


def checks_section(checks: Checks) -> Html:
    """Lay out the results: what is wrong with cause and fix, then every check, then why some were not made.

    Args:
        checks: the results.

    Returns:
        HTML that asks nothing of scripts.
    """
    shown = [(heading, content) for _, heading, content in checks_parts(checks) if content]
    return join(*(element("div", element("h2", heading), content, class_="part-of") for heading, content in shown))


def checks_parts(checks: Checks) -> list[tuple[str, str, Html | None]]:
    """Name in the navigation, heading and content of each part; None where there is nothing to say."""
    made = [one for one in checks.results if one.verdict != "skipped"]
    ordered = sorted(made, key=lambda one: list(COLOURS).index(one.verdict))
    wrong = [one for one in ordered if one.verdict in ("fail", "warn")]
    skipped = [one for one in checks.results if one.verdict == "skipped"]
    listing = [(element("code", one.name), _verdict(one), one.finding) for one in ordered]
    reasons = [(element("code", one.name), one.finding) for one in skipped]
    every = table(("check", "verdict", "finding"), listing, words=WORDS)
    return [
        ("Wrong", "What is wrong", _wrong(wrong)),
        ("Checks", "Every check", element("div", every, class_="whole") if made else None),
        ("Not made", "Not made, and why", table(("check", "reason"), reasons, words=WORDS) if skipped else None),
    ]


def _verdict(one: Result) -> Html:
    return element("b", one.verdict, style=f"color:var({COLOURS[one.verdict]})")


def _wrong(results: Sequence[Result]) -> Html | None:
    if not results:
        return None
    items = []
    for one in results:
        figures = one.to_json()["figures"]
        measured = element(
            "details", element("summary", "What was measured"), element("pre", json.dumps(figures, indent=1))
        )
        items.append(
            element(
                "li",
                element("h3", element("code", one.name), " ", _verdict(one)),
                element("p", f"{one.finding[:1].upper()}{one.finding[1:]}."),
                element("p", element("b", "Likely cause: "), one.cause),
                element("p", element("b", "Fix: "), one.fix),
                measured if figures else None,
            )
        )
    return element("ol", *items, class_="steps")


def _counts(checks: Checks) -> list[Html]:
    def of(verdict: str) -> int:
        return sum(one.verdict == verdict for one in checks.results)

    made = sum(one.verdict != "skipped" for one in checks.results)
    names = {verdict: ", ".join(one.name for one in checks.results if one.verdict == verdict) for verdict in COLOURS}
    return [
        card("Failed", count(of("fail")), names["fail"] or "nothing", kind="main"),
        card("A closer look", count(of("warn")), names["warn"] or "nothing"),
        card("Passed", count(of("pass")), f"of {plural(made, 'check')} made"),
        card("Not made", count(of("skipped")), "reasons below" if of("skipped") else "every check was made"),
    ]


def write_checks(checks: Checks, path: str | Path) -> Path:
    """Write the results as a page of their own, which asks nothing of any network; it appears whole or not at all.

    Returns:
        Its path.

    Raises:
        StorageError: the file cannot be written.
    """
    failed = [one for one in checks.results if one.verdict == "fail"]
    lede = f"{plural(len(failed), 'check')} failed." if failed else "No check failed."
    header = head("ikura check", f"Checks of {checks.subject}", lede, _counts(checks))
    parts = [(name, heading, content) for name, heading, content in checks_parts(checks) if content]
    return write_text(Path(path), page(f"Checks of {checks.subject} · ikura", header, parts))
