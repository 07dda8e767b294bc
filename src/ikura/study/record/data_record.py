"""The origin of a study's data: what a later process needs to find the same data again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NotRequired
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from typing_extensions import TypedDict

from ikura.built_in import BUNDLED, IMAGE_SETS
from ikura.data.arrays import is_arrow, plain_features
from ikura.data.file_limits import check_entry
from ikura.data.frame import plain_frame
from ikura.data.images import files_of, is_image_data
from ikura.data.input_arrays import pair_of
from ikura.data.network_inputs import NetworkInputs
from ikura.data.read import read_frame
from ikura.data.target_names import as_one_table, column_names, one_name, plain_names
from ikura.data.torch_dataset import is_item_source, read_items
from ikura.errors import DataError, RunError, UsageError
from ikura.files import shown, write_atomically
from ikura.json_values import JsonObject
from ikura.schema import Digits, Name
from ikura.study.record.kept_arrays import MappedRecord, mapped_again, packed_arrays, unpacked_arrays

__all__ = ["DataRecord", "OriginRecord", "reopen"]

HASHED = 1 << 30


class FileRecord(TypedDict):
    """A table, a file of arrays or a folder of images, as it was when the study began."""

    kind: Literal["file", "folder"]
    path: Name
    sha256: NotRequired[Digits]


class BundledRecord(TypedDict):
    """A data set that comes with ikura or that it knows where to find."""

    kind: Literal["bundled"]
    name: Name


class FrameRecord(TypedDict):
    """A table from memory, kept in the run folder."""

    kind: Literal["frame"]
    path: Literal["data.parquet", "dev.parquet", "test.parquet"]
    sha256: NotRequired[Digits]


class ArraysRecord(TypedDict):
    """Arrays from memory, kept in the run folder."""

    kind: Literal["arrays"]
    path: Literal["data.npz", "dev.npz", "test.npz"]
    sha256: NotRequired[Digits]
    mapped: NotRequired[dict[Name, MappedRecord]]


OriginRecord = FileRecord | BundledRecord | FrameRecord | ArraysRecord
"""Where data come from, as a setting remembers it."""


@dataclass(frozen=True)
class DataRecord:
    """Data in the form in which they will be found again, and how.

    Data in memory are taken through the file format they are kept in before they are used for the first time, so that
    a resumed run works on the same values.

    Attributes:
        data: as `ikura.data.prepare` takes them.
        target: name of the target column, or of several, if it is known already.
        record: {"kind": "file" or "folder", "path", "sha256"}, {"kind": "bundled", "name"}, {"kind": "frame" or
            "arrays", "path", "sha256"}.
        content: what is kept in the run folder under record["path"]; None for files and bundled data.
        notes: sentences for the user on how data in memory were taken.
    """

    data: Any
    target: str | Sequence[str] | None
    record: JsonObject
    content: bytes | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, data: Any, target: str | Sequence[str] | None, part: str = "data", ignored: Iterable[str] = ()
    ) -> DataRecord:
        """Describe data of any form that `ikura.tune` takes.

        Args:
            data: the data.
            target: name of the target column, or of several, if it is known.
            part: what data in memory are called in the run folder: data, dev or test.
            ignored: columns that are left out; what can't be kept of them becomes missing.

        Raises:
            UsageError: the data are of no kind that ikura reads, or cannot be kept.
        """
        target = plain_names(target)
        if isinstance(data, str | os.PathLike):
            path = check_entry(data)
            if not path.exists() and str(data) in (*BUNDLED, *IMAGE_SETS):
                return cls(data, target, {"kind": "bundled", "name": str(data)})
            if path.is_dir() and is_image_data(str(path)):
                record = {"kind": "folder", "path": str(path.absolute()), "sha256": folder_sha256(path)}
                return cls(data, target, record)
            record = {"kind": "file", "path": str(path.absolute())}
            return cls(data, target, record | {"sha256": _sha256(path)} if path.is_file() else record)
        if is_item_source(data):
            x, y, notes = read_items(data, one_name(target))
            found = cls._of_pair(x, y, target, part, ignored)
            return replace(found, notes=(*notes, *found.notes))
        if is_arrow(data):
            data, _ = plain_features(data)
        if isinstance(data, pd.DataFrame):
            return cls._of_frame(data, target, part, ignored=ignored)
        if isinstance(data, tuple) and len(data) == 2:
            return cls._of_pair(*data, target, part, ignored)
        if isinstance(data, tuple):
            raise UsageError(
                f"(x, y) is expected, but there are {len(data)} arrays; a dev and a test set are given as dev=(x, y), "
                "test=(x, y)"
            )
        raise UsageError(
            f"data are a path, a bundled name, a DataFrame, (x, y) or a Dataset, not {type(data).__name__}"
        )

    @classmethod
    def _of_frame(
        cls,
        frame: pd.DataFrame,
        target: str | Sequence[str] | None,
        part: str,
        notes: tuple[str, ...] = (),
        ignored: Iterable[str] = (),
    ) -> DataRecord:
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"column {twice!r} is there more than once; give each column a name of its own")
        plain = plain_frame(frame.set_axis(names, axis=1).reset_index(drop=True), ignored)
        buffer = BytesIO()
        plain.to_parquet(buffer, index=False)
        content = buffer.getvalue()
        record = {"kind": "frame", "path": f"{part}.parquet", "sha256": hashlib.sha256(content).hexdigest()}
        return cls(_read_frame(content), target, record, content, notes)

    @classmethod
    def _of_pair(
        cls, x: Any, y: Any, target: str | Sequence[str] | None, part: str, ignored: Iterable[str]
    ) -> DataRecord:
        if together := as_one_table(x, y, target):
            return cls._of_frame(*together, part, ignored=ignored)
        pair = pair_of(x, y)
        several = pair.y.ndim == 2
        names = (column_names(target, pair.y.shape[1]) if several else None) or pair.names
        named = names or one_name(target) or pair.name
        if isinstance(pair.x, np.ndarray | NetworkInputs):
            content, mapped = packed_arrays(pair.x, pair.y)
            digest = hashlib.sha256(content).hexdigest()
            record: JsonObject = {"kind": "arrays", "path": f"{part}.npz", "sha256": digest}
            record |= {"mapped": mapped} if mapped else {}
            return cls((pair.x, pair.y), named, record, content, tuple(pair.notes))
        assert isinstance(pair.x, pd.DataFrame)
        name = one_name(named) or "target"
        if name in map(str, pair.x.columns):
            raise DataError(f"x has a column {name!r} of its own; name the target otherwise")
        return cls._of_frame(pair.x.assign(**{name: pair.y}), name, part, tuple(pair.notes), ignored)

    def keep(self, run: Path) -> None:
        """Write data from memory to the run folder."""
        if self.content is not None:
            write_atomically(run / self.record["path"], self.content)


def reopen(record: JsonObject, run: Path) -> Any:
    """Find data again, as `ikura.data.prepare` takes them.

    Args:
        record: an origin's record.
        run: the run folder.

    Raises:
        RunError: they are gone or have changed.
    """
    if record["kind"] == "bundled":
        return record["name"]
    path = Path(record["path"]) if record["kind"] in ("file", "folder") else run / record["path"]
    if not (path.is_dir() if record["kind"] == "folder" else path.is_file()):
        raise RunError(f"{path}: the data of {shown(run)} are no longer there")
    known = record.get("sha256")
    if known is not None and (folder_sha256 if record["kind"] == "folder" else _sha256)(path) != known:
        raise RunError(f"{path}: the data have changed since {shown(run)} began; bring the old file back to go on")
    if record["kind"] in ("file", "folder"):
        return path
    try:
        if record["kind"] == "frame":
            return _read_frame(path.read_bytes())
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in arrays.files}
        return unpacked_arrays(held | {name: mapped_again(one, run) for name, one in record.get("mapped", {}).items()})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, TypeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{path}: the data of {shown(run)} are not whole: {reason}") from error


def _read_frame(content: bytes) -> pd.DataFrame:
    return read_frame(BytesIO(content))


def folder_sha256(folder: Path) -> str:
    """Hash the names and sizes of a folder's images, and up to a gigabyte of them also their contents."""
    files = list(files_of(folder))
    sizes = [path.stat().st_size if path.exists() else -1 for path in files]
    digest = hashlib.sha256()
    for path, size in zip(files, sizes, strict=True):
        digest.update(f"{path.relative_to(folder)}\0{size}\0".encode(errors="surrogateescape"))
        if sum(sizes) <= HASHED and size >= 0 and os.access(path, os.R_OK):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
