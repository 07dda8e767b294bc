"""Plain tables on stdout."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["aligned"]


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
