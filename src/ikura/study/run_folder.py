"""The folder of a run: where it may be, its lock, and what it holds while a study is opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from shlex import quote
from typing import Any

from filelock import FileLock, Timeout

from ikura.built_in import BUNDLED, IMAGE_SETS
from ikura.data.images import is_image_data
from ikura.errors import RunError, StorageError
from ikura.files import held, named, shown, sweep_partial
from ikura.study.record.address import Address
from ikura.study.record.database import remove_study
from ikura.study.record.setting import Setting

__all__ = ["alone", "begin_folder", "clear_run", "end_opening", "new_folder", "run_folder", "sweep_run"]

OPENING = ".opening"
"""Mark of a folder in which a run is being opened, from before its first file to the moment when it is a run."""

TAKEN = (
    "study.db", "study.db-wal", "study.db-shm", "study.db-journal", "snapshots", "model", "prescriptions", "scale",
    "measure", "report.html", "diagnosis.json", "diagnosis.html", "explanation.json", "explanation.html",
    "pretrained.safetensors",
    *(f"{part}.{kind}" for part in ("data", "dev", "test") for kind in ("parquet", "npz")),
)  # fmt: skip
"""What a run writes in its folder."""

MOST_OF_A_NAME = 60
"""Characters of the data's name in that of a run folder."""


def new_folder(data: Any) -> Path:
    """Make a run folder below runs/, named by the data and the time, that no other study has taken or can take.

    Args:
        data: as the caller of `ikura.tune` gave them.

    Raises:
        RunError: it cannot be made here.
    """
    name = Path(data).name.split(".")[0] if isinstance(data, str | os.PathLike) else "study"
    stem = f"{name[:MOST_OF_A_NAME]}-{datetime.now():%Y%m%d-%H%M%S}"
    runs = Path("runs").absolute()
    run = runs / stem
    try:
        runs.mkdir(exist_ok=True)
        for again in count(2):
            try:
                run.mkdir()
                break
            except FileExistsError:
                run = runs / f"{stem}-{again}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"{shown(run)}: the output folder cannot be made: {reason}") from error
    return run


def run_folder(data: Any, out: str | Path, overwrite: bool = False) -> Path:
    """Take a name for the run folder; refuse one that is a file, holds another run, or what a run would overwrite.

    Args:
        data: as the caller of `ikura.tune` gave them.
        out: the folder.
        overwrite: whether a run that it holds may be replaced, see `clear_run`.
    """
    run = named(out, "the output folder")
    own = isinstance(data, str | os.PathLike)
    bundled = own and str(data) in (*BUNDLED, *IMAGE_SETS) and not Path(data).exists()
    place = Path(os.path.realpath(run))
    if bundled and place == Path(os.path.realpath(data)):
        raise RunError(f"{run}: a folder of that name would hide the data set {data} from here; name another one")
    if own and Path(data).is_dir() and is_image_data(str(data)) and place.is_relative_to(os.path.realpath(data)):
        raise RunError(f"{run}: lies within the data, which a run would change; name a folder outside of {data}")
    if run.exists() and not run.is_dir():
        raise RunError(f"{run}: the output folder is a file; name a folder")
    if place == Path(place.anchor):
        raise RunError(f"{run}: the root of the file system is no run folder; name a folder below it")
    above = run.absolute()
    while not os.path.lexists(above):
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise RunError(f"{shown(run)}: the output folder cannot be made: {shown(above)} is no folder to write in")
    if os.path.lexists(run / "config.toml"):
        if not overwrite:
            resumed = f"go on with it (ikura resume {quote(shown(run))})"
            replaced = "replace it (--overwrite, overwrite=True)"
            raise RunError(f"{shown(run)}: holds another run; {resumed}, {replaced} or name another folder")
        if own and Path(os.path.realpath(data)).is_relative_to(place):
            raise RunError(f"{shown(run)}: the data lie in this run, which would be removed; name another folder")
        return run
    if not (run / OPENING).exists():
        for name in TAKEN:
            if os.path.lexists(run / name):
                raise RunError(
                    f"{shown(run)}: holds {name} of another origin, which a run would overwrite; name another folder"
                )
    return run


def clear_run(run: Path) -> None:
    """Remove the run that a folder holds, all that a run writes and nothing else; a folder without one is left alone.

    Args:
        run: the folder, held by this process.

    Raises:
        RunError: its config.toml is none of ikura's.
        StorageError: something cannot be removed.
    """
    setting = run / "config.toml"
    if not os.path.lexists(setting):
        return
    address = Setting.load(run).place(run)
    if isinstance(address, Address):
        remove_study(address)
    try:
        for place in (run / name for name in TAKEN):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        setting.unlink()
    except OSError as error:
        raise StorageError(f"{shown(run)}: cannot be replaced: {error.strerror or error}") from error


@contextmanager
def alone(run: Path, made: bool = False) -> Iterator[None]:
    """Make the run folder if need be and keep other processes off it; the lock ends with its process.

    Nothing is written any more once the folder is not the one that it was at the beginning. One that was made for
    nothing, because an error came before its first file, is removed, with folders above it that were made for it; one
    that was empty is left empty.

    Args:
        run: the folder.
        made: whether the caller has just made it.
    """
    place = run / ".lock"
    try:
        empty = made or not run.exists() or not os.listdir(run)
        gone = [run, run.parent] if made else [one for one in (run, *run.absolute().parents) if not one.exists()]
        run.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(place) and (place.is_symlink() or not place.is_file() or place.stat().st_size):
            raise RunError(f"{shown(run)}: holds .lock of another origin, which a run would empty; name another folder")
        lock = FileLock(place, timeout=0)
        lock.acquire()
    except Timeout:
        raise RunError(f"{shown(run)}: another process is at work on this run; wait for it, or stop it") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"{shown(run)}: the output folder cannot be made: {reason}") from error
    try:
        with held(run):
            yield
    except BaseException:
        if empty:
            with suppress(OSError):
                if os.listdir(run) == [place.name]:
                    place.unlink()
                    for one in gone:
                        one.rmdir()
        raise
    finally:
        lock.release()


def begin_folder(run: Path) -> None:
    """Make room for snapshots; what an opening that was killed left there is removed.

    A mark says that what lies in the folder is of an opening. It is set only where nothing else is, see `run_folder`.
    """
    try:
        begun = (run / OPENING).exists()
        (run / OPENING).touch()
        (run / "snapshots").mkdir(exist_ok=True)
        if begun:
            sweep_partial(run, own=True)
        for stray in run.glob("study.db*") if begun else ():
            stray.unlink()
    except OSError as error:
        raise StorageError(f"cannot write {shown(run)}: {error.strerror or error}") from error


def end_opening(run: Path) -> None:
    """Take the mark away: from here on the folder is a run."""
    (run / OPENING).unlink(missing_ok=True)


def sweep_run(run: Path) -> None:
    """Remove what killed processes left half-written in a run folder, in its own places only."""
    for place in (run, *(run / name for name in TAKEN if (run / name).is_dir() and not (run / name).is_symlink())):
        sweep_partial(place, own=True)
    end_opening(run)
