"""The page as a whole, and its way to the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from ikura import __version__
from ikura.errors import StorageError
from ikura.files import named, write_output
from ikura.report._base import StudyLike
from ikura.report.headline import headline, subject
from ikura.report.markup import Html, element, join
from ikura.report.sections import sections
from ikura.report.view import View

__all__ = ["page", "render", "write_report", "write_text"]

PLOT = 'class="plot"'
"""What a page with charts holds; without them it needs no charting library."""
NO_SCRIPT = '<noscript><p class="quiet">The charts need JavaScript; the tables do not.</p></noscript>'
PLACE = re.compile(r"\{\{(\w+)\}\}")


def write_report(study: StudyLike, path: str | os.PathLike[str]) -> Path:
    """Write a study's report: one HTML file with everything in it, which asks nothing of any network.

    The file appears whole or not at all.

    Args:
        study: the study.
        path: the file to write; its folder is made when it is missing.

    Returns:
        The file's path.

    Raises:
        StorageError: the file cannot be written.
    """
    path = named(path, "the report's name")
    if path.is_dir():
        raise StorageError(f"{path} is a folder; name a file such as {path / 'report.html'}")
    return write_text(path, render(study))


def write_text(path: Path, text: str) -> Path:
    """Write a page, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    write_output(path, text.encode(errors="backslashreplace"))
    return path


def render(study: StudyLike) -> str:
    """Make the page's text.

    Args:
        study: the study.

    Returns:
        A whole HTML document.
    """
    view = View(study)
    return page(f"{subject(view)} · ikura", headline(view), list(sections(view)))


def page(title: str, header: Html, parts: Sequence[tuple[str, str, Html]]) -> str:
    """Put a page together.

    Args:
        title: what the browser's tab shows.
        header: the top of the page.
        parts: of each section its name in the navigation, heading and content.

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
    return _filled(
        {
            "title": join(title),
            "style": Html(_file("style.css")),
            "links": join(*links),
            "headline": header,
            "sections": join(*body),
            "version": join(__version__),
            "noscript": Html(NO_SCRIPT if charts else ""),
            "plotly": Html(_plotly() if charts else ""),
        }
    )


def _filled(pieces: Mapping[str, Html]) -> str:
    """Put the pieces into the skeleton, all in one pass, so that a piece cannot ask for another."""
    return PLACE.sub(lambda place: pieces[place.group(1)], _file("page.html"))


@cache
def _file(name: str) -> str:
    return resources.files("ikura.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")
