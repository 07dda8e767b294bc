"""The entry of files: what is no file, or would unpack to more than fits, is refused before memory is taken."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from pathlib import Path

from ikura.errors import DataError
from ikura.files import check_regular, named

__all__ = ["check_archive", "check_entry", "check_packed", "check_size"]

UNKNOWN = 4 << 30
BOMB, RATIO = 1 << 28, 200
"""A file is a bomb if it unpacks to more bytes than that, and to more than so many times its own size."""
CHUNK = 1 << 20


def machine_memory() -> int:
    """Bytes of this machine's memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return UNKNOWN


def check_entry(path: str | os.PathLike[str]) -> Path:
    """Refuse a name that can be none, and what is no file or folder: a pipe, a device, links in a circle.

    Returns:
        It as a path; whether something is there is for others to say.

    Raises:
        UsageError: it can be no name.
        DataError: it is no file or folder.
    """
    found = named(path, "the name of the data")
    check_regular(found)
    return found


def check_packed(path: Path) -> None:
    """Refuse a gzip file that unpacks to far more than any table does.

    Raises:
        DataError: it does, or is damaged.
    """
    packed, size = path.stat().st_size, 0
    if packed > BOMB:
        return
    try:
        with gzip.open(path, "rb") as file:
            while block := file.read(CHUNK):
                size += len(block)
                _check_ratio(path, size, packed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip file is damaged: {error}") from None


def check_archive(path: Path) -> None:
    """Refuse a .npz file whose arrays take more than this machine's memory, or far more than any arrays do.

    Raises:
        DataError: they do.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return
    _check_ratio(path, size, path.stat().st_size)
    check_size(path, size)


def check_size(path: Path, size: int) -> None:
    """Refuse what takes more bytes than this machine's memory has.

    Raises:
        DataError: it does.
    """
    if size > machine_memory():
        raise DataError(
            f"{path}: takes {size / 1e9:,.0f} GB, and this machine's memory has {machine_memory() / 1e9:,.0f} GB"
        )


def _check_ratio(path: Path, size: int, packed: int) -> None:
    if size > BOMB and size > RATIO * packed:
        raise DataError(
            f"{path}: unpacks to more than {RATIO} times its size and {BOMB >> 20} MB, as no table does; "
            "unpack it yourself if it is one"
        )
