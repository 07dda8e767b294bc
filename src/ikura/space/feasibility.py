"""Drawing feasible configurations from a space with constraints."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from hashlib import blake2b

import numpy as np

from ikura.errors import SpaceError
from ikura.space._base import Value
from ikura.space.space import Space

__all__ = ["check_feasible", "feasible_draw", "feasible_share"]

SHARE_DRAWS = 1000
LEAST_SHARE = 0.01
MOST_DRAWS = 10_000
DRAWS_A_REACH = 32
"""Draws from a box around a point before the box is doubled."""


def feasible_share(space: Space, draws: int = SHARE_DRAWS) -> float:
    """Estimate the share of a space that its constraints leave, from uniform draws on the unit scale.

    Example:
        >>> from ikura.space import constraint, linear
        >>> abs(feasible_share(Space(constraint("dropout < 0.1"), dropout=linear(0, 0.5))) - 0.2) < 0.06
        True
    """
    names = space.dimensions
    points = np.random.default_rng(0).random((draws, len(names)))
    met = (space.feasible(space.from_unit(dict(zip(names, map(float, point), strict=True)))) for point in points)
    return sum(met) / draws


def check_feasible(space: Space) -> None:
    """Refuse a space whose constraints leave next to nothing, and constraints on texts that never occur.

    Raises:
        SpaceError: less than 1 % of 1,000 draws were feasible; the message names the constraint that leaves least.
    """
    if not space.constraints:
        return
    for one in space.constraints:
        one.check_options(space)
    share = feasible_share(space)
    if share < LEAST_SHARE:
        raise SpaceError(_narrow(space, share, SHARE_DRAWS))


def feasible_draw(space: Space, point: Mapping[str, float], seed: int = 0, reach: float = 1.0) -> dict[str, Value]:
    """Turn a point of the unit cube into a feasible configuration: its own one, or that of another draw.

    Where the point's own configuration violates a constraint, others are drawn uniformly from the box of half-width
    `reach` around the point, which is doubled after every 32 draws that failed, until it is the whole cube; with
    reach = 1 that is rejection sampling, so that uniform points give configurations uniform on what is feasible. The
    draws are keyed by the seed and the point, and do not depend on other points.

    Args:
        space: the space.
        point: name to a number in [0, 1], at least for every open name of `space.dimensions`.
        seed: key of the draws.
        reach: half-width of the first box.

    Returns:
        Name to value for the active names.

    Raises:
        SpaceError: none of 10,000 draws was feasible.

    Example:
        >>> from ikura.space import constraint, linear
        >>> space = Space(constraint("dropout < 0.1"), dropout=linear(0, 0.5))
        >>> feasible_draw(space, {"dropout": 0.1}), feasible_draw(space, {"dropout": 0.9})["dropout"] < 0.1
        ({'dropout': 0.05}, True)
    """
    found = space.from_unit(point)
    if space.feasible(found):
        return found
    names = sorted(space.dimensions)
    centre = np.array([point.get(name, 0.5) for name in names])
    stream = np.random.default_rng([seed, _key(centre)])
    for draw in range(MOST_DRAWS):
        width = min(1.0, reach * 2.0 ** min(draw // DRAWS_A_REACH, 64))
        low, high = (np.clip(centre + side, 0, 1) for side in (-width, width))
        place = low + (high - low) * stream.random(len(names))
        found = space.from_unit(dict(zip(names, map(float, place), strict=True)))
        if space.feasible(found):
            return found
    raise SpaceError(_narrow(space, 0.0, MOST_DRAWS))


def _key(centre: np.ndarray) -> int:
    packed = struct.pack(f"<{centre.size}d", *centre)
    return int.from_bytes(blake2b(packed, digest_size=16).digest(), "little")


def _narrow(space: Space, share: float, draws: int) -> str:
    tables = space.as_dict()
    shares = {one: feasible_share(Space.from_dict(tables | {"constraints": [one]})) for one in space.constraints}
    worst = min(space.constraints, key=lambda one: shares[one])
    which = f" (by itself it leaves {100 * shares[worst]:.3g} %)" if len(space.constraints) > 1 else ""
    return (
        f"{worst} next to nothing is feasible, {100 * share:.3g} % of {draws:,} draws from the space{which}; widen it"
    )
