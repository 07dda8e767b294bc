"""The frame of a page: one file of HTML with its style and scripts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from ikura.files import write_output
from ikura.page.chart_script import ChartScript, inline_script, linked_script, without_charts
from ikura.page.markup import Html, element, join
from ikura.version import __version__

__all__ = ["PLACE", "page", "write_text"]


PLACE = re.compile(r"\{\{(\w+)\}\}")


def write_text(path: Path, text: str) -> Path:
    """Write a page, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    write_output(path, text.encode(errors="backslashreplace"))
    return path


def page(
    title: str,
    header: Html,
    parts: Sequence[tuple[str, str, Html]],
    script: ChartScript = ChartScript.INLINE,
    shared: str = "",
) -> str:
    """Put a page together.

    Args:
        title: what the browser's tab shows.
        header: the top of the page.
        parts: of each section its name in the navigation, heading and content.
        script: where the page has the script that draws its charts.
        shared: where that lies, seen from the page, if pages share it.

    Returns:
        A whole HTML document.
    """
    anchors = [name.lower().replace(" ", "-") for name, _, _ in parts]
    links = [element("a", name, href=f"#{anchor}") for anchor, (name, _, _) in zip(anchors, parts, strict=True)]
    body = [
        element("section", element("h2", heading), content, id=anchor)
        for anchor, (_, heading, content) in zip(anchors, parts, strict=True)
    ]
    charts = any(PLOT in one for one in (header, *(content for _, _, content in parts)))
    if script is ChartScript.NONE:
        body = [without_charts(one) for one in body]
    drawn, linked = charts and script is not ChartScript.NONE, charts and script is ChartScript.SHARED
    return _filled(
        {
            "title": join(title),
            "style": Html(_file("style.css")),
            "links": join(*links),
            "headline": header,
            "sections": join(*body),
            "version": join(__version__),
            "noscript": Html(NO_SCRIPT if drawn else LEFT_OUT if charts else ""),
            "sources": Html(" 'self' file:" if linked else ""),
            "holds": join(f"this file and {shared} hold everything they show and ask" if linked else HOLDS),
            "plotly": linked_script(shared) if linked else inline_script() if drawn else Html(""),
        }
    )


def _filled(pieces: Mapping[str, Html]) -> str:
    """Put the pieces into the skeleton, all in one pass, so that a piece cannot ask for another."""
    return PLACE.sub(lambda place: pieces[place.group(1)], _file("page.html"))


@cache
def _file(name: str) -> str:
    return resources.files("ikura.page").joinpath(name).read_text(encoding="utf-8")


PLOT = 'class="plot"'
"""What a page with charts holds; without them it needs no charting library."""


HOLDS = "this file holds everything it shows and asks"
LEFT_OUT = (
    '<p class="quiet">The charts are left out: this page was written without the script that draws them. In their '
    "place stands what they would show.</p>"
)
NO_SCRIPT = '<noscript><p class="quiet">The charts need JavaScript; the tables do not.</p></noscript>'
