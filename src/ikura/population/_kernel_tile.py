"""What tiles have in common whose members train one after another in a compiled kernel."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from ikura.population._tile import Tile
from ikura.population.member import Member
from ikura.population.update_rules import rule

__all__ = ["KernelTile", "initial_moments"]


def initial_moments(member: Member, weights: np.ndarray) -> np.ndarray:
    """What the updates of a member keep at the start: moments of its rule, then its averaged weights, if it has them.

    Args:
        member: the member.
        weights: its initial weights, shape (weights,).

    Example:
        >>> initial_moments(Member(0, {"optimizer": "momentum", "ema_decay": 0.9}, 0), np.array([1.0, 2.0]))
        array([0., 0., 1., 2.])
    """
    moments = np.zeros(rule(member.values.optimizer).moments * len(weights), weights.dtype)
    return np.concatenate([moments, weights]) if member.values.ema_decay > 0 else moments


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
    def _moments_of(self, place: int) -> np.ndarray:
        """What a member's updates keep, flat, as a view; see `initial_moments`."""

    @abstractmethod
    def _matrices_of(self, place: int) -> np.ndarray:
        """(place, rows, columns) of the member's weights that are no biases, shape (matrices, 3)."""

    @abstractmethod
    def _parts(self, place: int) -> dict[str, np.ndarray]:
        """Everything that a member's training goes on from, as views."""

    def _average_of(self, place: int) -> np.ndarray | None:
        """The averaged weights of a member that has them, as a view."""
        averaged = self.members[place].values.ema_decay > 0
        return self._moments_of(place)[-len(self._weights_of(place)) :] if averaged else None

    def _evaluated(self, place: int) -> np.ndarray:
        """The weights with which a member is evaluated and kept, as a view: averaged ones, or those that it trains."""
        mean = self._average_of(place)
        return self._weights_of(place) if mean is None else mean

    def _kept_by_updates(self, place: int) -> dict[str, np.ndarray]:
        """Moments of a member's update rule, and its averaged weights, if it has them, as views."""
        every, mean = self._moments_of(place), self._average_of(place)
        return {"moments": every} if mean is None else {"moments": every[: -len(mean)], "average": mean}

    def extract(self, place: int) -> dict[str, np.ndarray]:
        return {name: part.copy() for name, part in self._parts(place).items()}

    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        for name, part in self._parts(place).items():
            # An average that begins on the way begins with the weights as they are.
            part[:] = state["weights" if name == "average" and name not in state else name]

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
