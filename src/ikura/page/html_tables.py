"""Tables and bars, of anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ikura.page.markup import Html, element, join

__all__ = ["NO_BREAK", "WORDS", "bars", "block", "table"]


NO_BREAK = "\u00a0"


WORDS = frozenset({"name", "kind", "note", "class", "column", "stage", "set", "test"})


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    marked: int | None = None,
    words: Collection[str] = WORDS,
) -> Html:
    """Make a table; the first column and those of words are flush left, numbers flush right.

    Args:
        headings: one for each column.
        rows: the cells.
        marked: the row to point out, counted from 0.
        words: headings of the columns that hold words.

    Returns:
        A table in a box that scrolls when it is too wide or too long.
    """
    left = [place == 0 or heading in words for place, heading in enumerate(headings)]

    def cells(tag: str, row: Sequence[object]) -> list[Html]:
        return [element(tag, cell, class_="words" if first else None) for cell, first in zip(row, left, strict=True)]

    body = [
        element("tr", *cells("td", row), class_="marked" if place == marked else None) for place, row in enumerate(rows)
    ]
    return element(
        "div",
        element("table", element("thead", element("tr", *cells("th", headings))), element("tbody", *body)),
        class_="scroll",
        tabindex=0,
    )


def block(headings: Sequence[str], rows: Iterable[Sequence[object]], **more: Any) -> Html:
    """Make a table that stands by itself; further arguments as for `table`."""
    return element("div", table(headings, rows, **more), class_="block")


def bars(rows: Iterable[tuple[object, float, object] | tuple[object, float, object, bool]], kind: str = "") -> Html:
    """Draw labelled bars without a script.

    Args:
        rows: for each bar its label, its length of zero or more, what is written behind, and whether it is a faint one.
        kind: "calm" for a colour that does not call.

    Returns:
        A list of the bars.
    """
    rows = list(rows)
    longest = max((row[1] for row in rows), default=0.0) or 1.0
    lines = [
        join(
            element("dt", label),
            element(
                "dd",
                element("i", style=f"width:{100 * length / longest:.2f}%", class_="faint" if any(faint) else None),
                element("span", text),
            ),
        )
        for label, length, text, *faint in rows
    ]
    return element("dl", *lines, class_=f"bars {kind}".rstrip())
