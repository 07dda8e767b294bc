"""Snapshots: the state of a tile in one safetensors file, written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ikura.errors import StorageError
from ikura.population.training import Course

__all__ = ["load_snapshot", "save_snapshot", "write_atomically"]


def write_atomically(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Write a file under a temporary name, then rename it; what stood there before stays whole until then.

    Args:
        path: the file.
        content: what it will hold.
        synced: whether to wait until it is on the disk. Otherwise it outlives the process, but the machine's power
            failing within seconds can lose or damage it.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def save_snapshot(path: Path, course: Course) -> None:
    """Save every member of a tile.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    arrays: dict[str, np.ndarray] = {"numbers": np.array([m.number for m in course.tile.members])}
    for place in range(len(course.tile.members)):
        arrays |= {f"{place}/{name}": np.asarray(a, order="C") for name, a in course.extract(place).items()}
    write_atomically(path, save(arrays))


def load_snapshot(path: Path, course: Course) -> bool:
    """Let a tile go on from its snapshot, if there is one of the same members.

    Returns:
        Whether there was one. A damaged file, or one of other members, counts as none: the tile begins anew.
    """
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError):
        return False
    members = course.tile.members
    wanted = {f"{place}/{name}" for place in range(len(members)) for name in course.extract(place)} | {"numbers"}
    if set(arrays) != wanted or arrays["numbers"].tolist() != [m.number for m in members]:
        return False
    for place in range(len(members)):
        prefix = f"{place}/"
        course.insert(place, {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)})
    return True
