"""Text with styles, laid out by Rich; what comes from data in it cannot steer the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from ikura.wording import clean

__all__ = ["CleanConsole"]


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
