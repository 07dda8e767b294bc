"""How to repeat a run: the command, the configuration, the versions."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from ikura.report._base import StudyLike
from ikura.report.markup import Html, element, join
from ikura.report.tables import table

__all__ = ["command", "repeat"]

OPTIONS = (
    "task",
    "group",
    "time",
    "image_size",
    "broken",
    "trials",
    "epochs",
    "time_limit",
    "finalists",
    "search",
    "schedule",
    "metric",
    "prefer",
    "within",
    "max_parameters",
    "seed",
)
LIBRARIES = ("ikura", "torch", "numba", "numpy", "pandas", "scikit-learn", "scipy")
MOST_TEXT = 40_000


def repeat(study: StudyLike) -> Html:
    """Say how to get the same result again.

    Args:
        study: the study.

    Returns:
        Command, configuration and versions.
    """
    words = command(study.config)
    told = _configuration(study)
    return join(
        element("p", "The same data, the same configuration and the same versions give the same result."),
        None if words is None else element("pre", element("code", words)),
        element("p", "A search space other than the default one stands in config.toml.", class_="quiet")
        if words
        else None,
        element("p", "The run folder holds the model and all trials; from Python they are reached by"),
        element("pre", element("code", f"import ikura\n\nstudy = ikura.open_study({str(study.run)!r})")),
        None
        if told is None
        else element(
            "details", element("summary", "config.toml, everything resolved"), element("pre", element("code", told))
        ),
        element(
            "details",
            element("summary", "Versions that wrote this page"),
            table(("name", "version"), list(_versions(study.config).items())),
        ),
    )


def command(config: Mapping[str, Any]) -> str | None:
    """Write the command line that a configuration stands for.

    Args:
        config: the study's configuration.

    Returns:
        One command; None when the data did not come from a file or a bundled set.

    Example:
        >>> command({"data": {"kind": "file", "path": "my houses.csv"}, "target": "price", "trials": 64, "group": None})
        "ikura tune 'my houses.csv' --target price --trials 64"
    """
    data = config.get("data") or {}
    places = {"file": "path", "folder": "path", "bundled": "name"}
    source = data.get(places.get(str(data.get("kind")), ""))
    if not source or config.get("network") == "own":
        return None
    words = ["ikura", "tune", str(source)]
    if config.get("target") and config.get("broken") is None:
        words += ["--target", str(config["target"])]
    kinds = config.get("kinds")
    for name, kind in kinds.items() if isinstance(kinds, Mapping) else ():
        words += ["--kind", f"{name}={kind}"]
    if config.get("network") not in (None, "mlp"):
        words += ["--network", str(config["network"])]
    for name in config.get("objectives") or ():
        words += ["--objective", str(name)]
    for name in OPTIONS:
        value = config.get(name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", f"{value:g}s" if name == "time_limit" else str(value)]
    return shlex.join(words)


def _configuration(study: StudyLike) -> str | None:
    """The text of config.toml, None where it cannot be read."""
    try:
        text = (study.run / "config.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}\n… ({len(text) - MOST_TEXT:,} more characters)"


def _versions(config: Mapping[str, Any]) -> dict[str, str]:
    told = config.get("versions")
    if isinstance(told, Mapping) and told:
        return {str(name): str(version) for name, version in told.items()}
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "system": platform.platform(terse=True)}
