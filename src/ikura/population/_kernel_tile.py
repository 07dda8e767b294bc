"""What tiles have in common whose members train one after another in a compiled kernel."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from ikura.population._tile import Tile

__all__ = ["KernelTile"]


class KernelTile(Tile):
    """A tile whose members keep their weights and everything they go on from in arrays of their own.

    Attributes:
        limits: cost above which each member counts as exploded, shape (members,).
        origins: initial weights, by place, of the members whose schedule follows the distance from them.
    """

    limits: np.ndarray
    origins: dict[int, np.ndarray]

    @abstractmethod
    def _weights_of(self, place: int) -> np.ndarray:
        """All weights of a member, flat, as a view."""

    @abstractmethod
    def _matrices_of(self, place: int) -> np.ndarray:
        """(place, rows, columns) of the member's weights that are no biases, shape (matrices, 3)."""

    @abstractmethod
    def _parts(self, place: int) -> dict[str, np.ndarray]:
        """Everything that a member's training goes on from, as views."""

    def extract(self, place: int) -> dict[str, np.ndarray]:
        return {name: part.copy() for name, part in self._parts(place).items()}

    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        for name, part in self._parts(place).items():
            part[:] = state[name]

    def set_limits(self, limits: np.ndarray) -> None:
        self.limits[:] = limits

    def penalties(self) -> np.ndarray:
        found = np.zeros(len(self.members))
        for k, member in enumerate(self.members):
            l1, l2 = float(member.values.l1), float(member.values.l2)
            if l1 or l2:
                every = self._weights_of(k)
                spans = [every[begin : begin + rows * columns] for begin, rows, columns in self._matrices_of(k)]
                w = np.concatenate(spans).astype(np.float64)
                found[k] = l1 * np.abs(w).sum() + 0.5 * l2 * np.sum(w**2)
        return found

    def flat(self, place: int) -> np.ndarray:
        return self._weights_of(place).copy()

    def distances(self, places: Sequence[int]) -> np.ndarray:
        travelled = (self._weights_of(k).astype(np.float64) - self.origins[k] for k in places)
        return np.array([np.linalg.norm(way) for way in travelled])
