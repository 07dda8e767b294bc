"""A process that dies at a chosen moment, without the process."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import pytest

from ikura.study.record.ledger import Ledger
from ikura.study.record.store import Store


class KilledError(Exception):
    """Stands for a kill: nothing is written any more from here on."""


class Life:
    """Lets a number of durable steps happen, and none after them.

    A step is anything that a later process finds: a change of the store, or a file that got its name.

    Args:
        patch: where the steps are watched.
        steps: how many may happen; None for all.
    """

    WRITES: ClassVar[dict[type, tuple[str, ...]]] = {
        Store: ("set_facts", "add_trials", "record", "set_states"),
        Ledger: ("add_round", "add_segments", "add_losses", "forget_losses"),
    }

    def __init__(self, patch: pytest.MonkeyPatch, steps: int | None = None) -> None:
        self.left, self.done = steps, 0
        for owner, names in self.WRITES.items():
            for name in names:
                patch.setattr(owner, name, self._limited(getattr(owner, name)))
        patch.setattr(os, "replace", self._limited(os.replace))

    def _limited(self, write: Any) -> Any:
        def limited(*arguments: Any, **named: Any) -> Any:
            if self.left == 0:
                raise KilledError
            if self.left is not None:
                self.left -= 1
            self.done += 1
            return write(*arguments, **named)

        return limited
