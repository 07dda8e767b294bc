"""The version of a study's tables, told without the packages that make and upgrade them."""

from __future__ import annotations

from ikura.version import __version__

__all__ = ["NEWEST", "too_new"]

NEWEST = 7
"""The version of tables that this ikura makes: so many steps of `ikura.study.record.upgrades` lead to it."""


def too_new(place: str, version: int, ikura: str, newest: int = NEWEST) -> str:
    """Say that tables are of a later ikura, and what to do.

    Args:
        place: what a message calls the study.
        version: of its tables.
        ikura: that made them so.
        newest: version that is known here.
    """
    return (
        f"{place}: its tables are of version {version}, and ikura {__version__} knows none after {newest}; it was "
        f"written by ikura {ikura}: install that or a later one"
    )
