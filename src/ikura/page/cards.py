"""A card at the head of a page: one figure, and what it is."""

from __future__ import annotations

from collections.abc import Iterable

from ikura.page.markup import Html, element

__all__ = ["card", "head"]


def card(title: str, value: str, *notes: object, kind: str | None = None) -> Html:
    """Draw a card.

    Args:
        title: what the value is.
        value: the figure, or a word.
        notes: what is to be known beside it; None is left out.
        kind: "main" for the one to be looked at first.

    Example:
        >>> print(card("Trials", "128", "all complete"))
        <div class="card"><h2>Trials</h2><p class="value">128</p><div class="note">all complete</div></div>
    """
    return element(
        "div",
        element("h2", title),
        element("p", value, class_="value"),
        element("div", *notes, class_="note"),
        class_="card" if kind is None else f"card {kind}",
    )


def head(above: str, title: str, lede: str, cards: Iterable[Html], verdicts: Iterable[object] = ()) -> Html:
    """Make the head of a page.

    Args:
        above: a small line above the title.
        title: of the page.
        lede: a sentence on it.
        cards: as `card` draws them.
        verdicts: further sentences, below the cards.
    """
    return element(
        "header",
        element("p", above, class_="eyebrow"),
        element("h1", title),
        element("p", lede, class_="lede"),
        element("div", *cards, class_="cards"),
        *(element("p", one, class_="verdict") for one in verdicts),
    )
