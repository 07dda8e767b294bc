"""Nothing gets into a page unescaped."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from ikura.page.figure import plot_text
from ikura.page.markup import Html, element, join, plain_json
from ikura.wording import clean


class Only(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_text_comes_back_as_text(text: str) -> None:
    """But what would steer a terminal or turn the direction of writing."""
    seen = Only(element("p", text, title=text))
    assert seen.tags == ["p"]
    assert seen.text == clean(text)
    assert seen.attributes == {"title": clean(text)}


@given(st.text(alphabet="<>/!-scriptSCRIPT ", min_size=1))
def test_json_cannot_leave_its_script(text: str) -> None:
    written = plain_json({"name": text})
    assert "<" not in written
    assert json.loads(written) == {"name": text}


def test_html_is_escaped_once() -> None:
    inner = element("b", "a & b")
    assert element("p", inner, None, " < c") == "<p><b>a &amp; b</b> &lt; c</p>"
    assert join(Html("<hr>"), "<hr>") == "<hr>&lt;hr&gt;"


def test_json_has_no_nan() -> None:
    assert json.loads(plain_json([math.nan, math.inf, -math.inf, 1.5, (2, None)])) == [None, None, None, 1.5, [2, None]]


def test_plotly_reads_neither_tags_nor_places() -> None:
    assert plot_text("%{x}<a href='javascript:1'>") == "&#37;{x}&lt;a href='javascript:1'&gt;"
