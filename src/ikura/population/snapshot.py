"""Snapshots: the state of a tile in one safetensors file, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ikura.files import write_atomically
from ikura.population.training import Course

__all__ = ["load_snapshot", "save_snapshot"]


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
