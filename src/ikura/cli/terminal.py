"""Text with styles, laid out by Rich; what comes from data in it cannot steer the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from ikura.wording import clean

__all__ = ["CleanConsole", "aligned"]


class CleanConsole(Console):
    r"""A console that takes no markup from text and writes control characters in it as their codes.

    Example:
        >>> CleanConsole(width=40).print("[b]\x1b[31m")
        [b]\x1b[31m
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Lay something out."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(clean(segment.text), segment.style)


def aligned(rows: Sequence[Sequence[str]], words: Collection[int] = ()) -> list[str]:
    """Lay rows out in columns: words to the left, numbers to the right.

    Args:
        rows: cells; as many in each row.
        words: numbers of the columns of words, from the end if negative.

    Example:
        >>> aligned([["", "rate"], ["> small", "0.1"]], words=[0])
        ['         rate', '> small   0.1']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {place % len(widths) for place in words}

    def line(row: Sequence[str]) -> str:
        pairs = enumerate(zip(row, widths, strict=True))
        return "  ".join(cell.ljust(width) if place in left else cell.rjust(width) for place, (cell, width) in pairs)

    return [line(row).rstrip() for row in rows]
