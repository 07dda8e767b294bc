"""Places on the disk: names, what lies there, and files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ikura.errors import DataError, RunError, StorageError, UsageError
from ikura.wording import shortened

__all__ = [
    "check_held",
    "check_regular",
    "check_target",
    "held",
    "named",
    "run_files",
    "shown",
    "sweep_partial",
    "write_atomically",
    "write_output",
]

KEPT = (
    *(".toml", ".json", ".safetensors", ".npz", ".db", ".db-wal", ".db-shm", ".lock"),
    *("data.parquet", "dev.parquet", "test.parquet"),
)
"""How the names of files end that a run reads again."""
LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Bytes of a file's name and of a path that Linux and macOS take at most."""
PARTIAL = re.compile(r"\.(?P<name>.*)\.(?P<process>\d+)\.partial", re.DOTALL)
"""Name of a file as long as it is not whole."""
KEPT_OF_A_NAME = 100
WAIT_FOR_A_READER = 5.0
STREAM = re.compile(r"/dev/(?P<name>stdout|stderr)|/(dev|proc/self)/fd/(?P<number>\d+)")
"""A name of what this process has open already; written to where it stands, even if it is a file."""
SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}

_HELD: dict[str, tuple[int, int]] = {}
"""Folders that this process has to itself, with device and inode."""


def named(path: str | os.PathLike[str], what: str = "the path") -> Path:
    """Take a name for a path, if it can be one.

    Args:
        path: as the caller wrote it.
        what: it stands for, to begin the message.

    Raises:
        UsageError: it is empty, holds a zero byte, is longer than a file system takes, or is no UTF-8.

    Example:
        >>> named("")
        Traceback (most recent call last):
        ikura.errors.UsageError: the path is empty; name a file or folder
    """
    text = os.fspath(path)
    if not text:
        raise UsageError(f"{what} is empty; name a file or folder")
    if "\0" in text:
        raise UsageError(f"{what} {shortened(text)} holds a zero byte, which no name of a file can")
    try:
        content = text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} {shortened(text)} is not UTF-8; rename it, or set a UTF-8 locale") from None
    if len(content) > LONGEST_PATH or max(map(len, content.split(b"/"))) > LONGEST_NAME:
        raise UsageError(
            f"{what} {shortened(text)} is too long: a name has at most {LONGEST_NAME} bytes and a path {LONGEST_PATH}"
        )
    return Path(text)


def shown(path: str | os.PathLike[str]) -> str:
    """Write a path as short as it can stand in a command: below the current folder without what leads there.

    Example:
        >>> shown(Path("runs/houses").absolute())
        'runs/houses'
    """
    text = os.fspath(path)
    with suppress(OSError):
        text = os.path.relpath(text) if Path(text).absolute().is_relative_to(Path.cwd()) else text
    return f"./{text}" if text.startswith("-") else text


def check_regular(path: Path) -> None:
    """Refuse to read what is no file: a pipe, a device, a socket, which may never end.

    Raises:
        DataError: it is one, or cannot be looked at.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{shortened(str(path))}: cannot be read: {reason}") from None
    if kind := SPECIAL.get(stat.S_IFMT(mode)):
        raise DataError(f"{path}: this is {kind}; save what it gives to a file and name that")


def run_files(run: Path) -> list[Path]:
    """What a run folder keeps and no table or page may overwrite; nothing where the folder is no run."""
    if not (run / "config.toml").exists():
        return []
    return [path for path in run.rglob("*") if path.name.endswith(KEPT)]


def check_target(path: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> Path:
    """Check where a file is to go, before anything is computed.

    Args:
        path: the file as given.
        inputs: files that are read and must not be overwritten.

    Returns:
        It as a path.

    Raises:
        UsageError: it is a folder, or one of the inputs.
    """
    found = named(path, "the output file")
    if found.is_dir():
        raise UsageError(f"cannot write {found}: it is a folder; name a file in it")
    for one in inputs:
        with suppress(OSError):
            if os.path.samefile(found, one):
                raise UsageError(f"cannot write {found}: it is what is read; name another file")
    return found


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Notice when a folder is moved, removed or replaced while a process works in it.

    As long as the block runs, `write_atomically` and `check_held` refuse to write where it was.
    """
    place = os.path.abspath(folder)
    known = os.stat(place)
    _HELD[place] = known.st_dev, known.st_ino
    try:
        yield
    finally:
        _HELD.pop(place, None)


def check_held(path: str | os.PathLike[str]) -> None:
    """Refuse a path below a folder that is not the one any more in which this process works.

    Raises:
        RunError: the folder was moved, removed or replaced.
    """
    for place, known in list(_HELD.items()):
        if os.path.abspath(path).startswith(f"{place}/"):
            try:
                now = os.stat(place)
                same = (now.st_dev, now.st_ino) == known
            except OSError:
                same = False
            if not same:
                raise RunError(
                    f"{shown(place)}: the folder was moved, removed or replaced while a run is at work in it; nothing "
                    "more is written; `ikura resume` goes on with the folder where it is now"
                )


def write_atomically(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Write a file under a temporary name, then rename it; what stood there before stays whole until then.

    A link is followed. Pipes and devices are written to and stay what they are.

    Args:
        path: the file; its folder is made when it is missing.
        content: what it will hold.
        synced: whether to wait until it is on the disk. Otherwise it outlives the process, but the machine's power
            failing within seconds can lose or damage it.

    Raises:
        StorageError: the disk is full or cannot be written.
        RunError: the file belongs to a folder that is not there any more, see `held`.
    """
    check_held(path)
    temporary: Path | None = None
    try:
        if _is_special(path):
            _write_through(path, content)
            return
        target = Path(os.path.realpath(path))
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "the file there is read-only")
        temporary = target.with_name(_partial(target.name))
        with temporary.open("wb") as file:
            with suppress(OSError):
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            file.write(content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        check_held(path)
        os.replace(temporary, target)
        temporary = None
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot write {shown(path)}: {getattr(error, 'strerror', None) or error}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_output(path: Path, content: bytes) -> None:
    """Write a file that a caller named, as `write_atomically`; leftovers beside it are removed.

    Raises:
        StorageError: it cannot be written.
    """
    write_atomically(path, content)
    sweep_partial(path.parent, path.name)


def sweep_partial(folder: Path, name: str | None = None, *, own: bool = False) -> None:
    """Remove files that writers left half-written when they were killed.

    Args:
        folder: where to look, in it alone.
        name: the file whose leftovers are meant; None for those of every file.
        own: whether what this process left counts too, which must have no writer at work then.
    """
    with suppress(OSError):
        for entry in os.scandir(folder):
            match = PARTIAL.fullmatch(entry.name)
            if match is None or not entry.is_file(follow_symlinks=False):
                continue
            if name is not None and match["name"] != _kept(name):
                continue
            if (own and int(match["process"]) == os.getpid()) or not _lives(int(match["process"])):
                with suppress(OSError):
                    os.unlink(entry.path)


def _is_special(path: Path) -> bool:
    """Whether a path stands for something that a rename would destroy."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it")
    return not stat.S_ISREG(mode) or STREAM.fullmatch(os.path.abspath(path)) is not None


def _write_through(path: Path, content: bytes) -> None:
    """Write to a pipe, a character device or what is open already."""
    if stream := STREAM.fullmatch(os.path.abspath(path)):
        for printed in filter(None, (sys.stdout, sys.stderr)):
            printed.flush()
        number = int(stream["number"] or ("stdout", "stderr").index(stream["name"]) + 1)
        with os.fdopen(os.dup(number), "wb") as file:
            file.write(content)
        return
    mode = os.stat(path).st_mode
    if stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "it is a disk")
    until = time.monotonic() + WAIT_FOR_A_READER
    waits = os.O_NONBLOCK if stat.S_ISFIFO(mode) else 0
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | waits)
            break
        except OSError as error:
            if error.errno != errno.ENXIO or not waits:
                raise
            if time.monotonic() > until:
                raise OSError(errno.ENXIO, "nobody reads from this pipe") from None
            time.sleep(0.05)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _partial(name: str) -> str:
    return f".{_kept(name)}.{os.getpid()}.partial"


def _kept(name: str) -> str:
    """As much of a name as leaves room for more."""
    return os.fsencode(name)[:KEPT_OF_A_NAME].decode(errors="ignore")


def _lives(process: int) -> bool:
    """Whether there may be a process of this number at work."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
