"""Configurations of which no network can be made, and how to find one of which it can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from ikura.nn.zoo import NETWORKS
from ikura.population.factory import NetworkError
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.space import Space, feasible_draw
from ikura.study.record.pretrained import Pretrained

__all__ = ["unbuildable", "with_buildable"]

TRIED = 8

Found = TypeVar("Found")


def unbuildable(setup: TrainingSetup, members: Sequence[Member]) -> dict[int, NetworkError]:
    """Find the members whose network, one of the caller's, cannot be made or does not run: number to why.

    Raises:
        UsageError: a network is wrong whatever its hyperparameters.
    """
    network = setup.network
    if network is None or isinstance(network, Pretrained) or network in [NETWORKS[one] for one in NETWORKS.built_in]:
        return {}
    found: dict[int, NetworkError] = {}
    for member in members:
        try:
            setup.traits(member)
        except NetworkError as error:
            found[member.number] = error
    return found


def with_buildable(space: Space, attempt: Callable[[Mapping[str, Any]], Found]) -> Found:
    """Try something with the middle of a space, and where no network can be made of that, with other configurations.

    Args:
        space: what is searched.
        attempt: called with hyperparameters.

    Raises:
        NetworkError: no network could be made of any; the first reason.
    """
    points = np.random.default_rng(0).random((TRIED, len(space.dimensions)))
    first: NetworkError | None = None
    for point in [None, *points.tolist()]:
        if point is None:
            drawn = space.from_unit(dict.fromkeys(space.dimensions, 0.5))
        else:
            drawn = feasible_draw(space, dict(zip(space.dimensions, point, strict=True)))
        try:
            return attempt(drawn)
        except NetworkError as error:
            first = first or error
    assert first is not None
    raise first
