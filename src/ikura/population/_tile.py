"""A tile: the members that train together, whatever way they are run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Outputs

__all__ = ["Tile"]


class Tile(ABC):
    """Members that train together; nothing about a member depends on the others.

    A member with averaged weights (`ema_decay`) is evaluated and kept with these, and trains on with its own.

    Attributes:
        members: the members, in their places.
        active: bool of shape (members,); False for members that diverged or were stopped.
        steps: updates that each member has made, int64 of shape (members,).
    """

    members: Sequence[Member]
    active: np.ndarray
    steps: np.ndarray

    @abstractmethod
    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        """Train every active member for one pass over the examples.

        Args:
            examples: in the order of the epoch.
            epoch: 0, 1, …
            epochs: epochs of the members' whole budget, at which learning-rate schedules end.
            shares: what `FeedbackRates` leave of each member's learning rate, float64 of shape (members,); None for all
                of it.

        Returns:
            Mean cost of each member over the epoch, penalty included, float64 of shape (members,); a member whose cost
            is not finite or exploded is no longer active afterwards.
        """

    def after_epoch(self, losses: np.ndarray) -> None:  # noqa: B027
        """Let what follows the dev loss take notice of an epoch's: losses of shape (members,), after `outputs`."""

    def epoch_values(self, place: int) -> dict[str, float]:
        """Return what else is to be recorded of a member's last epoch, means over its rows, by name."""
        return {}

    @abstractmethod
    def outputs(self, examples: Examples) -> Outputs:
        """Compute raw outputs in evaluation mode: shape (members, rows, ...), NaN for inactive members."""

    @abstractmethod
    def keep(self, places: Sequence[int]) -> None:
        """Remember the weights with which these members are evaluated now as their best."""

    @abstractmethod
    def recall(self) -> None:
        """Put every member's best weights in place of the present ones, and make all members that have some active."""

    @abstractmethod
    def best(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return a member's best weights, flat in the order of its network's parameters, and its buffers by name."""

    @abstractmethod
    def extract(self, place: int) -> dict[str, np.ndarray]:
        """Return everything that one member's training goes on from, as copies."""

    @abstractmethod
    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        """Let the member go on from what `extract` returned, here or in another tile."""

    @abstractmethod
    def set_limits(self, limits: np.ndarray) -> None:
        """Set the cost above which each member counts as exploded, float64 of shape (members,)."""

    @abstractmethod
    def penalties(self) -> np.ndarray:
        """Compute λ1 Σ |w| + λ2/2 Σ w² of each member, float64 of shape (members,)."""

    @abstractmethod
    def flat(self, place: int) -> np.ndarray:
        """Copy the present weights that a member trains, shape (weights,)."""

    @abstractmethod
    def distances(self, places: Sequence[int]) -> np.ndarray:
        """Measure the distance ‖w - w_0‖ of these members' weights from their initial ones: float64, one for each."""
