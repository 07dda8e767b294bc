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
        element("p", "The run folder holds the model and all trials; from Python they are reached by"),
        element("pre", element("code", f"import ikura\n\nstudy = ikura.open_study({shown(record.run)!r})")),
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


def _configuration(record: Record) -> str | None:
    """The text of config.toml, None where it cannot be read."""
    try:
        text = (record.run / "config.toml").read_text(encoding="utf-8")
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
