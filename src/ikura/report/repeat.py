"""How to repeat a run: the command, the configuration, the versions."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from types import MappingProxyType
from typing import Any

from ikura.files import shown
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join
from ikura.study.record.address import Address
from ikura.study.record.command import command
from ikura.study.record.record import Record

__all__ = ["repeat"]

LIBRARIES = ("ikura", "torch", "numba", "numpy", "pandas", "scikit-learn", "scipy")
MOST_TEXT = 40_000


def repeat(record: Record) -> Html:
    """Say how to get the same result again.

    Args:
        record: of the study.

    Returns:
        Command, configuration and versions, and what speaks against the same bits.
    """
    words = command(record.config)
    told = _configuration(record)
    return join(
        element("p", "The same data, the same configuration and the same versions give the same result."),
        *(element("p", f"But {line}.") for line in record.reservations),
        None if words is None else element("pre", element("code", words)),
        element("p", "A search space other than the default one stands in config.toml.", class_="quiet")
        if words
        else None,
        *_opened(record),
        None
        if told is None
        else element(
            "details", element("summary", "config.toml, everything resolved"), element("pre", element("code", told))
        ),
        element(
            "details",
            element("summary", "Versions that wrote this page"),
            table(("name", "version"), list(_versions(record.config).items())),
        ),
    )


def _opened(record: Record) -> list[Html]:
    """Say where the study is, and how it is opened from Python."""
    if isinstance(record.place, Address):
        home = record.home
        where = "" if home is None else f", {home['folder']} on {home['host']}"
        told = f"The trials are on a server, the model in the run folder{where}; from Python they are reached by"
        given = f"store={record.place.url!r}, name={record.place.study!r}"
    else:
        told = "The run folder holds the model and all trials; from Python they are reached by"
        given = repr(shown(record.place))
    return [element("p", told), element("pre", element("code", f"import ikura\n\nstudy = ikura.open_study({given})"))]


def _configuration(record: Record) -> str | None:
    """The text of config.toml, None where it cannot be read."""
    try:
        if isinstance(record.place, Address):
            text = record.setting.text
        else:
            text = (record.place / "config.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}\n… ({len(text) - MOST_TEXT:,} more characters)"


def _versions(config: Mapping[str, Any]) -> dict[str, str]:
    told = config.get("versions")
    if isinstance(told, Mapping) and told:
        return {str(name): str(version) for name, version in told.items()}
    return dict(_installed())


@cache
def _installed() -> Mapping[str, str]:
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return MappingProxyType({**found, "system": platform.platform(terse=True)})
