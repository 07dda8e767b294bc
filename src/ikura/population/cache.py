"""Where compiled code is kept: beside its source, in the user's cache, or for the time being in a temporary folder."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ikura.errors import StorageError, UsageError

__all__ = ["VARIABLE", "alone", "check_compiler", "find_place", "place_note", "usual_places"]

VARIABLE, SWITCH, THREADS = "NUMBA_CACHE_DIR", "DISABLE_JIT", "NUMBA_NUM_THREADS"
_chosen: list[str] = []


def find_place() -> None:
    """Give Numba a temporary folder for compiled code where it would find no place for it.

    It is this user's alone: code that others could write is not loaded.

    Raises:
        UsageError: the environment keeps Numba from being imported.
    """
    threads = os.environ.get(THREADS, "1").strip()
    if threads.lstrip("+-").isdigit() and int(threads) < 1:
        raise UsageError(f"{THREADS} is {threads}, but must be at least 1; unset it")
    if os.environ.get(VARIABLE) or any(map(_writable, usual_places())):
        return
    place = Path(tempfile.gettempdir()) / f"ikura-numba-{os.geteuid()}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        about = place.lstat()
    except OSError:
        return
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
        return
    os.environ[VARIABLE] = str(place)
    _chosen.append(str(place))
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(place)


def place_note() -> str | None:
    """What is to be said of the place of compiled code; None where it is a lasting one."""
    if not _chosen:
        return None
    return f"no lasting place for compiled code can be written; it is kept in {_chosen[0]} (set {VARIABLE} for another)"


def check_compiler() -> None:
    """Refuse to train where the training step cannot be compiled, or kept.

    Raises:
        UsageError: Numba's compiler is switched off.
        StorageError: there is no place to keep compiled code.
    """
    from numba.core import config

    if getattr(config, SWITCH):
        raise UsageError("NUMBA_DISABLE_JIT is set, but the training step must be compiled; unset it")
    if not os.environ.get(VARIABLE) and not any(map(_writable, usual_places())):
        raise StorageError(f"no place for compiled code can be written; set {VARIABLE} to a folder that can")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no other process compile into a folder meanwhile, where that can be said."""
    from filelock import FileLock

    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(FileLock(folder / "ikura-compiling.lock"))
        yield


def usual_places() -> list[Path]:
    """Where Numba keeps compiled code: beside the source, else in the user's cache."""
    kept = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return [Path(__file__).parent / "kernel" / "__pycache__", Path(os.path.expanduser(kept)) / "numba"]


def _writable(place: Path) -> bool:
    """Whether files can be made in a folder, or it itself can be."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return place.is_dir() and os.access(place, os.W_OK)
