"""Checks as a section of a report, and the parts of a page of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ikura.report._base import ChecksLike, ResultLike
from ikura.report.markup import Html, element, join
from ikura.report.tables import table

__all__ = ["COLOURS", "checks_parts", "checks_section"]

COLOURS = {"fail": "--roe-deep", "warn": "--mark-3", "pass": "--mark-1", "skipped": "--muted"}
"""Verdicts, the worst first, and the style sheet's colour of each."""
WORDS = {"check", "verdict", "finding", "reason"}


def checks_section(checks: ChecksLike) -> Html:
    """Lay out the results: what is wrong with cause and fix, then every check, then why some were not made.

    Args:
        checks: the results.

    Returns:
        HTML that asks nothing of scripts.
    """
    shown = [(heading, content) for _, heading, content in checks_parts(checks) if content]
    return join(*(element("div", element("h2", heading), content, class_="part-of") for heading, content in shown))


def checks_parts(checks: ChecksLike) -> list[tuple[str, str, Html | None]]:
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


def _verdict(one: ResultLike) -> Html:
    return element("b", one.verdict, style=f"color:var({COLOURS[one.verdict]})")


def _wrong(results: Sequence[ResultLike]) -> Html | None:
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
