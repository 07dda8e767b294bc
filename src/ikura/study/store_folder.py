"""The run folder of a study that is known by a database and its name: the one that stands here, or a new one.

A database holds setting, trials and curves. Data that were given from memory, weights of networks, the model and the
pages lie in the run folder alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from ikura.built_in import IMAGE_SETS
from ikura.errors import RunError, UsageError
from ikura.files import named, shown
from ikura.json_values import JsonObject
from ikura.study.record.address import Address, check_name, parse_url, written_address
from ikura.study.record.example_weights import WEIGHTS
from ikura.study.record.facts import BEST, HOMES, SETTING
from ikura.study.record.home import HomeRecord
from ikura.study.record.networks import PRETRAINED
from ikura.study.record.open_run import open_address
from ikura.study.record.placed import home_of
from ikura.study.record.pretrained import WEIGHTS as PRETRAINED_WEIGHTS
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.run_folder import alone, begin_folder, end_opening, run_folder

__all__ = [
    "check_data",
    "folder_made",
    "new_folder_for",
    "raw_setting",
    "setting_here",
    "study_place",
    "with_data",
    "write_folder",
]


def study_place(url: str, name: str, out: str | Path | None = None) -> Path | Address:
    """Find a study by its database and its name.

    Args:
        url: of the database.
        name: the study's.
        out: the run folder, where it has one here; None for where a process trained it, or runs/NAME.

    Returns:
        Its run folder, if that stands on this machine; its address otherwise.

    Raises:
        RunError: there is no such study, or `out` holds another run.
        StorageError: the server does not answer, or not to this user.
    """
    address = Address(parse_url(url), check_name(name))
    with closing(Store.opened(address)) as store:
        homes = store.fact(HOMES) or []
    if out is not None:
        folder = named(out, "the run folder")
        if _is_of(folder, address):
            return folder
        if (folder / "config.toml").exists():
            raise RunError(f"{shown(folder)}: holds another run than {address}; name another folder")
        return address
    places = [*(Path(one["folder"]) for one in reversed(homes)), address.folder]
    return next((one for one in places if _is_of(one, address)), address)


def _is_of(folder: Path, address: Address) -> bool:
    """Whether a folder is a run folder of a study."""
    found = written_address(folder / "config.toml")
    return found is not None and found.same_study(address)


def raw_setting(address: Address) -> Mapping[str, Any]:
    """What is on record of a study's setting, not checked yet; nothing where it was never begun."""
    with closing(Store.opened(address)) as store:
        return store.fact(SETTING) or {}


def setting_here(setting: Setting, address: Address, data: str | Path | None = None) -> Setting:
    """A setting as the config.toml of a new run folder has it.

    Args:
        setting: as the study began.
        address: by which it is known here.
        data: where its data lie here; None for where they lay.
    """
    return with_data(replace(setting, store=address.url, name=address.study), data)


def with_data(setting: Setting, data: str | Path | None) -> Setting:
    """A setting whose data lie elsewhere.

    Raises:
        UsageError: they are no file or folder.
    """
    if data is None:
        return setting
    if setting.data["kind"] not in ("file", "folder"):
        raise UsageError("the data of this study are no file that may lie elsewhere; leave --data (data=) out")
    path = named(data, "the name of the data").absolute()
    return replace(setting, data={**setting.data, "path": str(path)})


def check_data(setting: Setting, address: Address, home: HomeRecord | None) -> None:
    """Refuse a study whose data, or whose files of the run folder, are not on this machine.

    Args:
        setting: as `setting_here` returns it.
        address: the study's.
        home: its run folder elsewhere, if that is known.

    Raises:
        RunError: something is not here; the message says what, and where it is.
        DataError: the data set is one that is to be fetched first.
    """
    parts: dict[str, JsonObject] = {"data": setting.data, "dev": setting.dev, "test": setting.test}
    kept = [one["path"] for one in parts.values() if one.get("kind") in ("frame", "arrays")]
    kept += [WEIGHTS] * (setting.weights is not None) + [PRETRAINED_WEIGHTS] * (setting.network == PRETRAINED)
    if kept:
        where = "on the machine that trained it" if home is None else f"{home['folder']} on {home['host']}"
        raise RunError(
            f"{address}: {kept[0]} lies in its run folder alone, {where}: copy that folder to {address.folder} here"
        )
    for name, record in parts.items():
        if record.get("kind") in ("file", "folder") and not Path(record["path"]).exists():
            elsewhere = ", or say where it lies here (--data PATH, data=)" if name == "data" else ""
            raise RunError(f"{address}: its {name} are not on this machine: put {record['path']} there{elsewhere}")
        if record.get("kind") == "bundled" and record["name"] in IMAGE_SETS:
            from ikura.data.images import find_image_set

            find_image_set(record["name"])


def new_folder_for(address: Address, setting: Setting, out: str | Path | None = None) -> Path:
    """Take a place for a study's run folder here; refuse one that holds something else."""
    data = setting.data.get("path", setting.data.get("name"))
    return run_folder(data, address.folder if out is None else out).absolute()


def write_folder(run: Path, setting: Setting) -> None:
    """Make a run folder of a setting; this process holds it."""
    begin_folder(run)
    setting.save(run)
    end_opening(run)


@contextmanager
def folder_made(address: Address) -> Iterator[Path]:
    """Make a run folder for a study that has chosen, whose own is elsewhere: networks are trained again in it.

    It is removed again where the block fails before it has written something.

    Yields:
        The folder, runs/NAME.

    Raises:
        RunError: data or files are not here, or are others; the folder holds something else; or nothing was chosen yet.
    """
    setting, store = open_address(address)
    with closing(store):
        home, best = home_of(store), store.fact(BEST)
    if best is None:
        words = f"--store {quote(address.url)} {quote(address.study)}"
        raise RunError(f"{address}: no network was chosen yet; `ikura resume {words}` ends it")
    setting = setting_here(setting, address)
    check_data(setting, address, home)
    run = new_folder_for(address, setting)
    setting.data_again(run)
    with alone(run):
        write_folder(run, setting)
    try:
        yield run
    except BaseException:
        with suppress(OSError):
            if {one.name for one in run.iterdir()} <= {"config.toml", ".lock", "snapshots"}:
                (run / "snapshots").rmdir()
                for name in ("config.toml", ".lock"):
                    (run / name).unlink(missing_ok=True)
                run.rmdir()
        raise
