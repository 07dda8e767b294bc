"""Schedules that follow the training: what a plateau of the dev loss, or the distance travelled, leaves of the rate.

The state is three numbers: the share of the learning rate that is left, a mark, and a count. It is changed after
each epoch; state in, state out. It begins with the first epoch of its schedule, which is a later one where a hand gave
the member another schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, inf, isinf, log
from typing import TYPE_CHECKING, Any

import numpy as np

from ikura.population.schedule._base import shape

if TYPE_CHECKING:
    from ikura.population._tile import Tile
    from ikura.population.member import Member

__all__ = ["BEGIN", "FeedbackRates", "State", "distance", "plateau"]

State = tuple[float, float, float]
BEGIN: State = (1.0, inf, 0.0)
KINDS = ("", "plateau", "distance")
"""What a schedule may follow besides time, see `Shape.follows`."""

THRESHOLD = 1e-4
"""A dev loss counts as better only if it is lower by this share of the best one before."""


def plateau(state: State, loss: float, epoch: int, values: Mapping[str, Any]) -> State:
    """Multiply the rate by step_factor when the dev loss has not improved for more than plateau_patience epochs.

    The mark is the best loss, the count the epochs without improvement, as in
    `torch.optim.lr_scheduler.ReduceLROnPlateau`; the share does not fall below final_share.
    """
    share, best, waited = state
    if loss < best * (1 - THRESHOLD):
        return share, loss, 0.0
    if waited + 1 > values["plateau_patience"]:
        return max(share * values["step_factor"], values["final_share"]), best, 0.0
    return share, best, waited + 1


def distance(state: State, travelled: float, epoch: int, values: Mapping[str, Any]) -> State:
    """Multiply the rate by step_factor each time the distance from the initial weights has grown by distance_growth.

    With d_e = ‖w - w_0‖ after epoch e = 1, 2, … and d_1 the first one (the first after the warm-up), the share is
    step_factor^k, k = ⌊log(d / d_1) / log(distance_growth)⌋ for the greatest distance d so far; it does not fall below
    final_share. The mark is d_1, the count k.

    While the rate is constant the distance grows like a random walk in a random potential, with the logarithm of time,
    so each drop comes many times later than the one before: training goes on at a rate for as long as it still leads
    away from the start, not until the dev loss stops falling.

    References:
        Hoffer, Hubara, Soudry: Train longer, generalize better, NIPS 2017.
    """
    share, first, drops = state
    if isinf(first):
        return (share, travelled, drops) if epoch >= ceil(values["warm_up"]) and travelled > 0 else state
    reached = floor(log(travelled / first) / log(values["distance_growth"])) if travelled > first else 0
    if reached <= drops:
        return state
    return max(values["step_factor"] ** reached, values["final_share"]), first, float(reached)


class FeedbackRates:
    """What is left of the learning rates of a tile's members.

    Args:
        members: the tile's members.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.states = np.tile(np.array(BEGIN), (len(members), 1))
        """State of each member, float64 of shape (members, 3)."""
        feedback = [shape(member.values.schedule_shape).follows for member in members]
        self._by_loss = [k for k, follows in enumerate(feedback) if follows == "plateau"]
        self._by_distance = [k for k, follows in enumerate(feedback) if follows == "distance"]
        self._own = np.array([KINDS.index(follows) for follows in feedback])
        self.followed = self._own.copy()
        """What the state of each member is about, a place in `KINDS`, int64 of shape (members,)."""

    @property
    def shares(self) -> np.ndarray:
        """Share of each member's learning rate that is left, float64 of shape (members,)."""
        return self.states[:, 0]

    def before_epoch(self) -> None:
        """Let the state of members begin anew whose schedule follows something else than in the epoch before."""
        other = self.followed != self._own
        self.states[other], self.followed[other] = BEGIN, self._own[other]

    def after_epoch(self, tile: Tile, losses: np.ndarray, epoch: int) -> None:
        """Take notice of an epoch 0, 1, … of the active members and its dev losses, shape (members,)."""
        for k in self._by_loss:
            if tile.active[k]:
                self.states[k] = plateau(self._state(k), float(losses[k]), epoch, self.members[k].values)
        walking = [k for k in self._by_distance if tile.active[k]]
        if walking:
            for k, travelled in zip(walking, tile.distances(walking), strict=True):
                self.states[k] = distance(self._state(k), float(travelled), epoch, self.members[k].values)

    def _state(self, place: int) -> State:
        share, mark, count = self.states[place].tolist()
        return share, mark, count
