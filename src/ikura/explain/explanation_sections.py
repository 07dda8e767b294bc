"""What a model looks at, as sections of a page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ikura.explain.explanation import Explanation
from ikura.explain.partial_dependence import PartialDependence
from ikura.explain.permutation_importance import ColumnImportance
from ikura.files import shown
from ikura.page.formatting import as_words, number
from ikura.page.html_tables import bars
from ikura.page.lines import MARKS, Line, chart
from ikura.page.markup import Html, element, join
from ikura.page.page import page, write_text

__all__ = ["explanation_section", "write_explanation"]

MOST = 30


def explanation_section(found: Explanation | None) -> Html | None:
    """Importance of the columns as bars, and how predictions follow the first of them; None where there is nothing."""
    if found is None:
        return None
    shown_columns = found.columns[:MOST]
    rest = len(found.columns) - len(shown_columns)
    return join(
        element("p", f"{found.note.replace(found.metric, as_words(found.metric))} Grey bars may be due to chance."),
        bars([_bar(one) for one in shown_columns]),
        element("p", f"and {rest:,} more columns", class_="quiet") if rest else None,
        element("h3", "How predictions follow a column") if found.dependences else None,
        element("div", *(_followed(one) for one in found.dependences), class_="pair") if found.dependences else None,
    )


def _bar(one: ColumnImportance) -> tuple[object, float, object, bool]:
    between = "" if math.isnan(one.low) else f" ({number(one.low, 2)} to {number(one.high, 2)})"
    return element("code", one.column), max(one.loss, 0.0), f"{number(one.loss, 3)}{between}", not one.sure


def _followed(one: PartialDependence) -> Html:
    mode = "lines" if one.numeric else "markers"
    what = one.names[0] if len(one.names) == 1 else "probability"
    lines = [
        Line(name if len(one.names) > 1 else "", one.values, mean, low, high, MARKS[place % len(MARKS)], mode)
        for place, (name, mean, low, high) in enumerate(zip(one.names, one.means, one.low, one.high, strict=True))
    ]
    kind: dict[str, Any] = {} if one.numeric else {"type": "category"}
    return chart(lines, one.column, what, height=260, xaxis=kind)


def write_explanation(run: Path, found: Explanation, path: Path) -> Path:
    """Write the explanation as a page of its own; it appears whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    header = element(
        "header",
        element("p", f"ikura explain {shown(run)}", class_="eyebrow"),
        element("h1", "What the model looks at"),
        element("p", f"Trial {found.trial}; the dev rows only, the test set was not opened for it.", class_="lede"),
    )
    content = explanation_section(found)
    assert content is not None
    title = f"What {run.resolve().name} looks at · ikura"
    return write_text(path, page(title, header, [("Columns", "Columns", content)]))
