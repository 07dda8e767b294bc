"""HTML that cannot be injected: every text is escaped on its way in."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from ikura.json_values import jsonable
from ikura.wording import clean

__all__ = ["Html", "element", "join", "passage", "plain_json"]

VOID = frozenset({"br", "meta", "link", "hr", "img"})


class Html(str):
    """Text that is HTML already; any other string is escaped before it enters a page."""

    __slots__ = ()


def join(*children: object) -> Html:
    """Put pieces one after another.

    Args:
        children: `Html` stays as it is, None is nothing, anything else becomes escaped text.

    Returns:
        The pieces as HTML.

    Example:
        >>> join("a < b", Html("<br>"), 3)
        'a &lt; b<br>3'
    """
    return Html(
        "".join(
            child if isinstance(child, Html) else escape(clean(str(child))) for child in children if child is not None
        )
    )


def passage(*parts: object) -> Html:
    """Put pieces one after another; a text among them is a paragraph.

    Example:
        >>> passage("a < b", Html("<br>"))
        '<p>a &lt; b</p><br>'
    """
    return join(*(element("p", one) if isinstance(one, str) and not isinstance(one, Html) else one for one in parts))


def element(tag: str, *children: object, **attributes: object) -> Html:
    """Make an element.

    Args:
        tag: its name.
        children: what stands in it, as in `join`.
        attributes: its attributes; `class_` stands for class, an underscore for a hyphen, None leaves one out.

    Returns:
        The element as HTML.

    Example:
        >>> element("td", "<script>", class_="number", data_row=1)
        '<td class="number" data-row="1">&lt;script&gt;</td>'
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(clean(str(value)))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{given}>" if tag in VOID else f"<{tag}{given}>{join(*children)}</{tag}>")


def plain_json(value: Any) -> Html:
    r"""Write a value as JSON that may stand inside a script element; NaN and infinities become null.

    Example:
        >>> plain_json({"text": "</script>", "score": float("nan")})
        '{"text":"\\u003c/script>","score":null}'
    """
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        text = json.dumps(jsonable(value), allow_nan=False, separators=(",", ":"))
    return Html(text.replace("<", "\\u003c"))
