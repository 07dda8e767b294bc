"""A prescription: what to do, why, and the command that does it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from ikura.files import shown, write_atomically
from ikura.study.record.command import command

if TYPE_CHECKING:
    from ikura.api.study import Study
    from ikura.exchange.prior import Prior

__all__ = ["FOLDER", "Change", "Prescription", "command_of", "keep_spaces"]

FOLDER = "prescriptions"
"""Folder in a run for the spaces that prescriptions name."""
GIVEN = "the space was given"
"""How the note on a space begins that was not chosen by the number of trials."""


@dataclass(frozen=True)
class Change:
    """What a prescription changes of a study.

    Attributes:
        space: hyperparameter to its new range, as `Space.replace` takes it.
        settings: argument of `ikura.tune` to its new value.
    """

    space: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether a study cannot make the change by itself, as with more data."""
        return not self.space and not self.settings

    def as_dict(self) -> dict[str, Any]:
        """Return the change as JSON values."""
        return {"space": dict(self.space), "settings": dict(self.settings)}


@dataclass(frozen=True)
class Prescription:
    """One thing to do.

    Attributes:
        name: of the rule.
        against: "bias", "variance", "mismatch", "uncertainty" or "nothing".
        reason: why, with the numbers.
        expected: what it is likely to bring, as far as that is known.
        command: the command that does it; empty where it takes what no command has, such as new rows.
        source: who recommends it.
        change: what it changes of the study.
    """

    name: str
    against: str
    reason: str
    expected: str
    command: str
    source: str
    change: Change = field(default_factory=Change)

    def as_dict(self) -> dict[str, Any]:
        """Return the prescription as JSON values."""
        return {**vars(self), "change": self.change.as_dict()}


def command_of(study: Study, name: str, change: Change, known: Prior) -> str:
    """The command that tunes again with a change.

    Trials of the study that lie in the changed space are what the search begins with.

    Args:
        study: the study.
        name: of the prescription; the space lies in a file of that name (`keep_spaces`).
        change: what is to be otherwise.
        known: what the study's own trials tell another search.

    Returns:
        A command line; a line of Python where the networks are the caller's own or pretrained.
    """
    setting = study.setting
    config = {**study.config, **change.settings, "time_limit": setting.time_limit}
    space = _space_of(study, name, change)
    if setting.data["kind"] in ("frame", "arrays"):
        kept = study.run / setting.data["path"]
        config["data"] = {"kind": "file", "path": shown(kept)}
        config["target"] = None if setting.data["kind"] == "arrays" else setting.target
    words = command(config)
    if words is None:
        return _python(study, config, space)
    words += "" if space is None else f" --space {shlex.quote(shown(space))}"
    return words + (f" --prior {shlex.quote(shown(study.run))}" if _begins_with(known, study, change) else "")


def _space_of(study: Study, name: str, change: Change) -> Path | None:
    """File of the space that a changed study searches; None for the default one, or that of another network."""
    given = study.space_note.startswith(GIVEN)
    if "network" in change.settings or (change.empty and not given):
        return None
    return study.run / FOLDER / f"{name}.toml"


def _python(study: Study, config: Mapping[str, Any], space: Path | None) -> str:
    data = config["data"]
    place = data.get("path", data.get("name"))
    named = {"target": config["target"], "trials": config["trials"], "epochs": config["epochs"]}
    words = [repr(str(place)), "network=…", *(f"{name}={value!r}" for name, value in named.items() if value)]
    if space is not None:
        words.append(f"space=ikura.space.load_space({shown(space)!r})")
    return f"ikura.tune({', '.join(words)})"


def _begins_with(known: Prior, study: Study, change: Change) -> bool:
    """Whether a search with a change could begin with trials of the study."""
    if change.empty or "network" in change.settings:
        return False
    return any(True for _ in known.records(study.searched.replace(**change.space), 1.0))


def keep_spaces(study: Study, prescriptions: Iterable[Prescription]) -> list[Path]:
    """Write the spaces that the commands of prescriptions name.

    Returns:
        The files.
    """
    written = []
    for one in prescriptions:
        path = study.run / FOLDER / f"{one.name}.toml"
        if shown(path) in one.command:
            tables = study.searched.replace(**one.change.space).as_dict()
            write_atomically(path, f"# {one.name}, against {one.against}\n\n{tomli_w.dumps(tables)}".encode())
            written.append(path)
    return written
