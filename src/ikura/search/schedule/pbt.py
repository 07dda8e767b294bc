"""Population-based training: the worst take over the weights of the best and go on with other hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
from typing_extensions import override

from ikura.errors import UsageError
from ikura.search.schedule._base import Copy, Round, Schedule, StageContext, Standing
from ikura.space import Parameter, Space
from ikura.space._base import Configuration
from ikura.trial_state import State

__all__ = ["PopulationBasedTraining", "explore"]


class PopulationBasedTraining(Schedule):
    """Ten times in a training, replace the worst quarter of the population by copies of the best quarter.

    All trials begin at once. A copy takes over its parent's weights, moments and curve (exploit) and changes those
    hyperparameters that do not decide what the network is (explore). It is a new trial, so every trial has one set of
    hyperparameters and the lineage is on record. Places of diverged trials are taken by copies too.

    Trials are compared by their last dev score, because it is the last weights that are copied. What a trial achieves
    is then not its hyperparameters' alone: the kept network is the best trial's own.

    Args:
        steps: how often the population is compared in a training, at least 1.
        share: which share of it is replaced, and which share is copied; above 0, at most .5.

    Raises:
        UsageError: steps or share is out of range.

    References:
        Jaderberg et al., Population based training of neural networks, arXiv 1711.09846, 2017.
    """

    name: ClassVar[str] = "pbt"
    copies: ClassVar[bool] = True

    def __init__(self, steps: int = 10, share: float = 0.25) -> None:
        if steps < 1:
            raise UsageError(f"steps must be at least 1, but got {steps}")
        if not 0 < share <= 0.5:
            raise UsageError(f"share must be above 0 and at most 0.5, but got {share}")
        self.steps, self.share = steps, share

    @override
    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        interval = max(1, round(context.epochs / self.steps))
        if not standings:
            return Round(fresh=(min(interval, context.epochs),) * context.trials)
        running = [one for one in standings if one.state == State.RUNNING]
        if not running:
            return None
        here = running[0].epochs
        until = min(here + interval, context.epochs)
        ranked = sorted(running, key=lambda one: (-_last(one), one.number))
        finite = sum(isfinite(_last(one)) for one in ranked)
        best = ranked[: min(max(1, int(len(ranked) * self.share)), max(finite, 1))]
        missing = context.trials - len(running)
        worse = max(len(ranked) - finite, min(int(context.trials * self.share) - missing, len(ranked) - len(best)), 0)
        ended = ranked[len(ranked) - worse :]
        copies = []
        for index in range(missing + worse if finite else 0):
            random = np.random.default_rng([context.seed, crc32(b"pbt"), here, index])
            parent = best[int(random.integers(len(best)))]
            changed = explore(parent.hyperparameters, context.space, context.changeable, random)
            copies.append(Copy(parent.number, changed, until))
        place = {one.number: position for position, one in enumerate(ranked, 1)}
        drop = {
            one.number: f"{place[one.number]} of {len(ranked)} after {here} epochs, replaced by a copy" for one in ended
        }
        train = {one.number: until for one in ranked if one.number not in drop}
        return Round(train, drop, copies=tuple(copies)) if train else None


def _last(one: Standing) -> float:
    """Dev score after the last epoch, -∞ if it is not finite."""
    score = float(one.scores[-1]) if len(one.scores) else -np.inf
    return score if isfinite(score) else -np.inf


def explore(
    hyperparameters: Mapping[str, Any], space: Space, changeable: Sequence[str], random: np.random.Generator
) -> Configuration:
    """Change hyperparameters a little: × 1.2 or × 0.8, or drawn anew from the space with probability .25.

    On a log-complement scale it is 1 - x that is multiplied; results are kept within the range. Choices have no
    neighbours and are only drawn anew.

    Args:
        hyperparameters: what the parent trains with.
        space: what is searched.
        changeable: names that may be changed; others, and what the space does not vary, stay.
        random: where draws come from; each changeable name of the space takes three, whatever becomes of them.

    Returns:
        Name to value.
    """
    found = dict(hyperparameters)
    for name in space.dimensions:
        if name not in changeable:
            continue
        anew, where, up = random.random(3)
        if name in found:
            one = space[name]
            found[name] = one.from_unit(float(where)) if anew < 0.25 else perturbed(one, found[name], up < 0.5)
    return found


def perturbed(one: Parameter, value: Any, up: bool) -> Any:
    """Multiply a value by 1.2 or 0.8, on its scale and within its range."""
    if not one.numeric:
        return value
    low, high = (float(one.from_unit(u)) for u in (0.0, 1.0))
    factor = 1.2 if up else 0.8
    if one.scale == "log-complement":
        return float(np.clip(1 - (1 - value) * factor, low, high))
    moved = float(np.clip(value * factor, low, high))
    return round(moved) if one.scale.startswith("integer") else moved
