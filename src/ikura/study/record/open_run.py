"""The entrance to a run folder: its setting and its store, checked, and whether they still belong together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ikura.errors import RunError
from ikura.files import shown
from ikura.garbage_collection import no_collections
from ikura.json_values import JsonObject
from ikura.schema import differences
from ikura.study.record.address import Address
from ikura.study.record.audit import audit
from ikura.study.record.facts import SETTING
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store

__all__ = ["HARMLESS", "apply_changes", "open_address", "open_run", "setting_as_json"]

HARMLESS: Mapping[str, str] = {
    "jobs": "the result does not depend on it",
    "time_limit": "it counts from the study's beginning",
    "device": "the last bits may differ",
    "data.path": "the file there must be the same",
    "dev.path": "the file there must be the same",
    "test.path": "the file there must be the same",
    "report_script": "only the report is written otherwise",
    "store": "the study there must be the same",
    "name": "the study of that name must be the same",
}
"""What may be changed in config.toml while a run waits, and what that means."""


def setting_as_json(setting: Setting) -> JsonObject:
    """A setting as the store keeps it, in JSON values."""
    return dict(json.loads(json.dumps(asdict(setting))))


def open_run(run: Path, *, copied: bool = False) -> tuple[Setting, Store]:
    """Open what a run folder holds, to read it.

    Args:
        run: the run folder.
        copied: whether its database is not to be opened, but a copy of it in memory.

    Returns:
        The setting and the store.

    Raises:
        RunError: the folder holds no run; a file is not what it should be, with the field that is wrong; or config.toml
            is not the setting that the study began with, with the field that was changed.
    """
    setting = Setting.load(run)
    place = setting.place(run)
    if isinstance(place, Path) and not place.is_file():
        raise RunError(f"{shown(run)}: the run has no {place.name}")
    store = (Store.copy if copied else Store.opened)(place)
    try:
        with no_collections():
            audit(store, setting)
        for name, (now, before) in _changed(store, setting).items():
            if name not in HARMLESS:
                raise RunError(
                    f"{shown(run / 'config.toml')}: {name} is {_shown(now)}, "
                    f"but the study began with {_shown(before)}; "
                    "change it back, or tune anew in another folder"
                )
    except BaseException:
        store.close()
        raise
    return setting, store


def open_address(address: Address) -> tuple[Setting, Store]:
    """Open a study on a server without its run folder, to read it.

    Returns:
        The setting that it began with, and the store.

    Raises:
        RunError: there is no such study, or something of it is not what it should be.
    """
    store = Store.opened(address)
    try:
        began = store.fact(SETTING)
        if began is None:
            raise RunError(f"{address}: the study was never begun")
        setting = Setting.of(began, f"{address}: fact setting")
        with no_collections():
            audit(store, setting)
    except BaseException:
        store.close()
        raise
    return setting, store


def apply_changes(store: Store, setting: Setting) -> list[str]:
    """Take over what was changed in config.toml and may be; say so, a line for each."""
    changed = _changed(store, setting)
    if changed:
        store.set_fact(SETTING, setting_as_json(setting))
    return [
        f"config.toml: {name} is {_shown(now)} now, and was {_shown(before)}; {HARMLESS[name]}"
        for name, (now, before) in changed.items()
    ]


def _changed(store: Store, setting: Setting) -> dict[str, tuple[Any, Any]]:
    """Fields of a setting that are otherwise than when the study began; none where that is not on record."""
    recorded = store.fact(SETTING)
    if recorded is None:
        return {}
    return differences(setting_as_json(setting), setting_as_json(Setting.of(recorded, f"{store.place}: fact setting")))


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
