"""Lines drawn with characters: each holds two by four dots, in Braille."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

__all__ = ["chart"]

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""What each dot of a character adds to the code of the empty one, row by row."""
EMPTY = 0x2800


def chart(lines: Sequence[tuple[Sequence[float], str]], width: int, height: int, log: bool = False) -> list[Text]:
    """Draw lines over the same places, from the left edge to the right.

    Values that are not finite, or on a logarithmic scale not above 0, are left out.

    Args:
        lines: values of each line, and its style; where lines meet, a later one shows.
        width, height: in characters, the numbers beside the axis included.
        log: whether the scale is logarithmic.

    Returns:
        One text for each row, the greatest and the least value beside the first and the last.

    Example:
        >>> [row.plain for row in chart([((0.0, 1.0, 2.0, 3.0), "green")], 8, 2)]
        ['3 ⠀⡜', '0 ⡰⠁']
    """
    scaled = [([_scaled(value, log) for value in values], style) for values, style in lines]
    every = [value for values, _ in scaled for value in values if math.isfinite(value)]
    if not every:
        return [Text("")] * height
    low, high = min(every), max(every)
    names = [f"{math.exp(one) if log else one:.3g}" for one in (high, low)]
    margin = max(map(len, names)) + 1
    columns = max(width - margin, 1)
    cells: dict[tuple[int, int], tuple[int, str]] = {}
    for values, style in scaled:
        for x, y in _dots(values, low, high, 2 * columns, 4 * height):
            place = y // 4, x // 2
            code = cells.get(place, (0, style))[0]
            cells[place] = code | DOTS[y % 4][x % 2], style
    rows = []
    for row in range(height):
        name = names[0] if row == 0 else names[1] if row == height - 1 else ""
        text = Text(f"{name:>{margin - 1}} ", style="dim")
        last = max((column for line, column in cells if line == row), default=-1)
        for column in range(last + 1):
            code, style = cells.get((row, column), (0, ""))
            text.append(chr(EMPTY + code), style)
        rows.append(text)
    return rows


def _scaled(value: float, log: bool) -> float:
    if not log:
        return value
    return math.log(value) if value > 0 and math.isfinite(value) else math.nan


def _dots(values: Sequence[float], low: float, high: float, columns: int, rows: int) -> list[tuple[int, int]]:
    """Places of the dots of a line, each joined with the one before by dots above each other."""
    found: list[tuple[int, int]] = []
    before: int | None = None
    count = min(columns, len(values))
    for x in range(count):
        value = values[round(x * (len(values) - 1) / max(count - 1, 1))]
        if not math.isfinite(value):
            before = None
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        y = rows - 1 - round(share * (rows - 1))
        way = range(y, y + 1) if before is None or before == y else range(min(before, y), max(before, y) + 1)
        found += [(x, one) for one in way if one == y or one != before]
        before = y
    return found
