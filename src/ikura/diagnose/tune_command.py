"""The command that tunes again with a change."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ikura.diagnose.prescription import FOLDER
from ikura.diagnose.recipe_rule import RuleContext
from ikura.files import shown
from ikura.study.chosen_space import GIVEN, ONE
from ikura.study.record.command import command
from ikura.study.record.earlier_study import Change

__all__ = ["command_of"]


def command_of(context: RuleContext, name: str, change: Change) -> str:
    """The command that tunes again with a change.

    Trials of the study that lie in the changed space are what the search begins with.

    Args:
        context: of the study.
        name: of the prescription; the space lies in a file of that name (`keep_spaces`).
        change: what is to be otherwise.

    Returns:
        A command line; a line of Python where the networks are the caller's own or pretrained.
    """
    setting, run = context.setting, context.record.named_folder
    config = {**asdict(setting), **change.settings, "time_limit": setting.time_limit}
    space = _space_of(context, name, change)
    if setting.data["kind"] in ("frame", "arrays"):
        kept = run / setting.data["path"]
        config["data"] = {"kind": "file", "path": shown(kept)}
        config["target"] = None if setting.data["kind"] == "arrays" else setting.target
    words = command(config)
    if words is None:
        return _python(config, space)
    words += "" if space is None else f" --space {shlex.quote(shown(space))}"
    words += "" if setting.store is None else f" --store {shlex.quote(setting.store)}"
    return words + (f" --prior {shlex.quote(shown(run))}" if _begins_with(context, change) else "")


def _space_of(context: RuleContext, name: str, change: Change) -> Path | None:
    """File of the space that a changed study searches; None for the default one, or that of another network."""
    given = context.record.space_note.startswith((GIVEN, ONE))
    usual = change.empty or change.settings.keys() == {"metric"}
    if "network" in change.settings or (usual and not given):
        return None
    return context.record.named_folder / FOLDER / f"{name}.toml"


def _python(config: Mapping[str, Any], space: Path | None) -> str:
    data = config["data"]
    place = data.get("path", data.get("name"))
    named = {"target": config["target"], "trials": config["trials"], "epochs": config["epochs"]}
    words = [repr(str(place)), "network=…", *(f"{name}={value!r}" for name, value in named.items() if value)]
    if space is not None:
        words.append(f"space=ikura.space.load_space({shown(space)!r})")
    return f"ikura.tune({', '.join(words)})"


def _begins_with(context: RuleContext, change: Change) -> bool:
    """Whether a search with a change could begin with trials of the study."""
    # Trials were scored by the study's own metric.
    if change.empty or change.settings.keys() & {"network", "metric"}:
        return False
    return any(True for _ in context.known.records(context.space.replace(**change.space), 1.0))
