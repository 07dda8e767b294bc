"""Snapshots: the state of a tile in one safetensors file, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ikura.files import write_atomically
from ikura.population.training import TrainingRun

__all__ = ["epochs_of_snapshot", "load_snapshot", "packed", "save_snapshot", "unpacked"]

CHECKSUM = "crc32"
GROWING = ("/curve", "/values", "/tile.optimizer")
"""What has another length in a tile that has not trained."""
_NO_FILE = (OSError, SafetensorError, ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What reading a file raises that is not there, is damaged, or is another one."""


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Put arrays into the form of a safetensors file, with a checksum of all of them.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.safetensors"
        >>> write_atomically(path, packed({"w": np.arange(3)}))
        >>> unpacked(path)
        {'w': array([0, 1, 2])}
    """
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return bytes(save(plain, {CHECKSUM: _checksum(plain)}))


def unpacked(path: Path) -> dict[str, np.ndarray] | None:
    """Read what `packed` made; None if there is nothing, or if it is damaged."""
    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
            known = (file.metadata() or {}).get(CHECKSUM)
    except _NO_FILE:
        return None
    return None if known is not None and known != _checksum(arrays) else arrays


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    found = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found = crc32(f"{name} {array.dtype} {arrays[name].shape}".encode(), found)
        found = crc32(array.reshape(-1).view(np.uint8).data, found)
    return f"{found:08x}"


def save_snapshot(path: Path, training: TrainingRun) -> None:
    """Save every member of a tile.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    arrays: dict[str, np.ndarray] = {"numbers": np.array([m.number for m in training.tile.members])}
    for place in range(len(training.tile.members)):
        arrays |= {f"{place}/{name}": array for name, array in training.extract(place).items()}
    write_atomically(path, packed(arrays))


def epochs_of_snapshot(path: Path) -> int:
    """How many epochs the members of a snapshot have behind them; 0 where there is none.

    Example:
        >>> epochs_of_snapshot(Path("nowhere"))
        0
    """
    try:
        with safe_open(path, framework="np") as file:
            return int(file.get_tensor("0/epoch")[0])
    except _NO_FILE:
        return 0


def load_snapshot(path: Path, training: TrainingRun) -> bool:
    """Let a tile go on from its snapshot, if there is one of the same members.

    Returns:
        Whether there was one. A damaged file, or one of other members, counts as none: the tile begins anew.
    """
    arrays = unpacked(path)
    if arrays is None:
        return False
    members = training.tile.members
    wanted = {f"{place}/{name}": a for place in range(len(members)) for name, a in training.extract(place).items()}
    if set(arrays) != {*wanted, "numbers"} or arrays["numbers"].tolist() != [m.number for m in members]:
        return False
    if any(
        arrays[name].dtype != array.dtype or (arrays[name].shape != array.shape and not name.endswith(GROWING))
        for name, array in wanted.items()
    ):
        return False
    for place in range(len(members)):
        prefix = f"{place}/"
        training.insert(place, {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)})
    return True
