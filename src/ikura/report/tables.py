"""Tables: of anything, of the best trials, of the columns that were read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ikura.report.markup import Html, element, join
from ikura.report.view import View
from ikura.report.wording import NOTHING, count, duration, number, plural, score

__all__ = ["bars", "best_trials", "columns", "table"]

BEST_TRIALS = 10
MOST_COLUMNS = 200
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


def best_trials(view: View) -> Html | None:
    """List the best trials with their scores and hyperparameters.

    Args:
        view: the study.

    Returns:
        A sentence and a table; None when no trial has a score.
    """
    ranked = view.ranked
    if not len(ranked):
        return None
    top = view.configurations.head(BEST_TRIALS)
    repeated = bool(top["repeats"].notna().any())
    headings = ["trial", "stage", f"dev {view.metric}", *(["trained again"] if repeated else []), *view.varying]
    headings += [f"train {view.metric}", "dev loss", "epochs", "time"]
    rows = []
    for row in top.to_dict("records"):
        again = [_again(row)] if repeated else []
        stage = view.stage_name(row).replace(" ", NO_BREAK)
        cells = [_name(row), stage, element("b", score(row["dev_score"])), *again]
        cells += [number(row[name]) for name in view.varying]
        rows.append([*cells, score(row["train_score"]), score(row["dev_loss"]), _epochs(row), duration(row["seconds"])])
    wordy = {name for name in view.varying if any(isinstance(value, str) for value in top[name])}
    chosen = [place for place, is_chosen in enumerate(top["chosen"]) if is_chosen]
    once = ", each configuration once" if len(view.configurations) < len(ranked) else ""
    sentence = (
        f"The best {len(top)} of {plural(len(ranked), 'trial')} by dev {view.metric}{once}; "
        "ties go to the lower dev loss."
    )
    if len(top) == 1 == len(ranked):
        sentence = "One trial has a score."
    if repeated:
        sentence += (
            " Finalists were trained again with other seeds; the column shows the mean of those runs and their number; "
            "the best mean is chosen."
        )
    place = [place + 1 for place, is_chosen in enumerate(view.configurations["chosen"]) if is_chosen]
    if place and place[0] > len(top):
        sentence += f" The chosen configuration stands in place {place[0]}."
    fixed = {name: view.study.space[name] for name in view.study.space if name not in view.varying}
    return join(
        element("p", sentence),
        table(headings, rows, marked=chosen[0] if chosen else None, words=WORDS | wordy),
        _fixed(fixed),
    )


def columns(summary: Mapping[str, Any]) -> Html | None:
    """List the columns that were read, with their kinds."""
    found = list(summary.get("columns") or [])
    if not found:
        return None
    rows = [
        [one["name"], one["kind"], count(one.get("missing")), count(one.get("distinct")), one.get("note") or ""]
        for one in found[:MOST_COLUMNS]
    ]
    headings = ["name", "kind", "missing", "distinct", "note"]
    if not any(row[-1] for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    more = f"{len(found) - MOST_COLUMNS:,} more columns are not shown." if len(found) > MOST_COLUMNS else None
    return join(table(headings, rows), None if more is None else element("p", more))


def _name(row: Mapping[Any, Any]) -> Html:
    finalist = row["repeats"] == row["repeats"] or row["purpose"] == "finalist"
    badge = "chosen" if row["chosen"] else "finalist" if finalist else None
    return join(f"{row['number']}", None if badge is None else element("span", badge, class_=f"badge {badge}"))


def _again(row: Mapping[Any, Any]) -> object:
    if row["repeats"] != row["repeats"]:
        return NOTHING
    return join(score(row["again"]), element("small", f" ({int(row['repeats'])})"))


def _epochs(row: Mapping[Any, Any]) -> str:
    epochs, best = row["epochs"], row["best_epoch"]
    return number(epochs) if best != best or best == epochs else f"{number(best)} of {number(epochs)}"


def _fixed(fixed: Mapping[str, Any]) -> Html | None:
    values = [(name, getattr(parameter, "value", None)) for name, parameter in fixed.items()]
    values = [(name, value) for name, value in values if value is not None]
    if not values:
        return None
    held = [element("li", element("code", name), " ", number(value)) for name, value in values]
    return element(
        "div", element("p", "The same in every trial:"), element("ul", *held, class_="chips"), class_="quiet"
    )
