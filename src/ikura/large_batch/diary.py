"""What is noted while a trial trains again: updates after each epoch, weights at a few."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ikura.population.training import Course

__all__ = ["Diary", "diary"]

OURS, NOTE = re.compile(r"\.weights-\d+-\w{8}"), re.compile(r"\d+\.npy")
"""Names of the folders that diaries are kept in, and of the files there."""


@dataclass
class Diary:
    """Notes of one training; weights go to files, because many of them may be more than fits memory.

    Attributes:
        folder: where weights are kept.
        epochs: after which weights are kept.
        updates: made by the end of each epoch, by epoch.
    """

    folder: Path
    epochs: Collection[int]
    updates: dict[int, int] = field(default_factory=dict)

    def __call__(self, course: Course, place: int) -> None:
        """Note how a member stands after an epoch."""
        self.updates[course.epoch] = int(course.tile.steps[place])
        if course.epoch in self.epochs:
            self.keep(course.epoch, course.tile.extract(place)["weights"])

    def keep(self, epoch: int, weights: np.ndarray) -> None:
        """Keep the weights after an epoch, flat."""
        np.save(self._path(epoch), weights, allow_pickle=False)

    def weights(self, epoch: int) -> np.ndarray:
        """The weights after an epoch, flat."""
        return np.asarray(np.load(self._path(epoch), allow_pickle=False))

    def _path(self, epoch: int) -> Path:
        return self.folder / f"{epoch}.npy"


@contextmanager
def diary(folder: Path, epochs: Collection[int]) -> Iterator[Diary]:
    """Keep a diary in a folder; its files are removed at the end, and those that a killed process left."""
    for stray in folder.iterdir():
        if OURS.fullmatch(stray.name) and stray.is_dir() and not stray.is_symlink():
            for file in stray.iterdir():
                if NOTE.fullmatch(file.name):
                    file.unlink()
            with suppress(OSError):
                stray.rmdir()
    with TemporaryDirectory(prefix=f".weights-{os.getpid()}-", dir=folder) as own:
        yield Diary(Path(own), epochs)
