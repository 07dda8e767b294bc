"""What every command prints: a table for people, or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["command", "give", "say", "table"]


def command(name: str, what: str, *examples: str) -> argparse.ArgumentParser:
    """Make the argument parser of `python -m benchmarks.NAME`, with examples in its help and the option --json."""
    lines = "\n".join(f"  python -m benchmarks.{name}{' ' * bool(example)}{example}" for example in examples)
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=what,
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return parser


def say(line: str) -> None:
    """Tell how far it has come, on stderr."""
    print(line, file=sys.stderr, flush=True)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "-" if value is None else str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Lay out a plain table: the first column to the left, the others to the right.

    Example:
        >>> print(table(["side", "s"], [["ikura", 1.5], ["peer", 12.25]]))
        side       s
        ikura    1.5
        peer   12.25
    """
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        first, *others = (
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


def give(figures: dict[str, Any], text: str, as_json: bool) -> None:
    """Print the result on stdout."""
    print(json.dumps(figures, indent=1) if as_json else text, flush=True)
