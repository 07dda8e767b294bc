"""Random search: every trial tries a new value of every hyperparameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from ikura.search._base import Observation, Proposal, Proposer, Stage, check_budget

__all__ = ["RandomSearch"]


class RandomSearch(Proposer):
    """Draw every configuration independently and uniformly on the unit scale of the space.

    Example:
        >>> from ikura.space import Space, log
        >>> search = RandomSearch(Space(learning_rate=log(1e-4, 1)), seed=0)
        >>> [stage] = search.stages(trials=16, epochs=100)
        >>> len(search.ask(stage, stage.trials, []))
        16

    References:
        Bergstra and Bengio, Random search for hyper-parameter optimization, JMLR 13, 2012.
    """

    name: ClassVar[str] = "random"

    @override
    def stages(self, trials: int, epochs: int) -> list[Stage]:
        check_budget(trials, epochs)
        return [Stage(0, "random", trials, epochs)]

    @override
    def ask(self, stage: Stage, count: int, history: Sequence[Observation]) -> list[Proposal]:
        return self.proposals(self.whole(stage, count), count)
