"""How many epochs of a batch of trials are trained, from what its tiles tell."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["EpochCount"]


@dataclass
class EpochCount:
    """Counts the epochs of trials, those included that they had before their tiles began.

    A tile tells all epochs of its members, those from before it too, when it begins. One that has not begun, or begins
    anew because a machine was lost, therefore counts what its members had.

    Attributes:
        done: epochs as they stand.
        most: the most that they stood at, which is what is shown.

    Example:
        >>> count = EpochCount(6)
        >>> for epochs in (4, 2, -6, 4, 3):
        ...     count.tell(0, epochs, since=4)
        >>> count.done, count.most
        (9, 9)
    """

    done: int
    most: int = 0
    _told: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.most = self.done

    def tell(self, tile: int, epochs: int, since: int) -> None:
        """Take what a tile tells.

        Args:
            tile: its number.
            epochs: of its members, more than it told before.
            since: epochs that its members had before it.
        """
        before = self._told.get(tile, 0)
        self._told[tile] = before + epochs
        self._add(max(before + epochs, since) - max(before, since))

    def take_back(self, epochs: int) -> None:
        """Take back what a tile told of members that stand still and have these epochs before them."""
        self._add(-epochs)

    def _add(self, epochs: int) -> None:
        self.done += epochs
        self.most = max(self.most, self.done)
