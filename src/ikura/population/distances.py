"""How far a tile's members have travelled from their initial weights, recorded after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ikura.population._tile import Tile

__all__ = ["DistanceTracker"]


class DistanceTracker:
    """Distances ‖w - w_0‖ of each member, parameter by parameter.

    Args:
        tile: the members, with their initial weights.
        sizes: name and number of weights of each parameter of each member, in the order of its network's parameters.
    """

    def __init__(self, tile: Tile, sizes: Sequence[Mapping[str, int]]) -> None:
        self.tile = tile
        self.names = [list(one) for one in sizes]
        self.ends = [np.cumsum(list(one.values()))[:-1] for one in sizes]
        self.origins = [tile.extract(place)["weights"].astype(np.float64) for place in range(len(tile.members))]
        self.rows: list[list[np.ndarray]] = [[] for _ in tile.members]

    def after_epoch(self, moved: np.ndarray) -> None:
        """Measure the members that trained, bool of shape (members,)."""
        for place in np.flatnonzero(moved).tolist():
            self.rows[place].append(self.distances(place))

    def distances(self, place: int) -> np.ndarray:
        """Distance of each of a member's parameters from where it began: float64 of shape (parameters,)."""
        way = self.tile.extract(place)["weights"].astype(np.float64) - self.origins[place]
        return np.sqrt([np.dot(part, part) for part in np.split(way, self.ends[place])])

    def of(self, place: int) -> np.ndarray:
        """Distances of a member after each epoch it trained: float64 of shape (epochs, parameters)."""
        return np.array(self.rows[place]).reshape(len(self.rows[place]), len(self.ends[place]) + 1)

    def by_name(self, place: int) -> dict[str, np.ndarray]:
        """Distances of each of a member's parameters after each epoch, float64 of shape (epochs,)."""
        return dict(zip(self.names[place], self.of(place).T, strict=True))

    def set(self, place: int, rows: np.ndarray) -> None:
        """Let a member's record begin with what `of` returned."""
        self.rows[place] = list(rows)
