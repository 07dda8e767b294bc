"""Walking away from the initial weights: distances at chosen numbers of updates, and how fast they grow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ikura.errors import UsageError
from ikura.population.member import Member
from ikura.population.schedule import shape
from ikura.population.setup import TrainingSetup

__all__ = ["diffusion_rate", "log_spaced_updates", "walk"]

Array = npt.NDArray[np.float64]


def log_spaced_updates(updates: int, points: int = 40) -> list[int]:
    """Choose numbers of updates evenly spaced in their logarithm.

    Example:
        >>> log_spaced_updates(100, 5)
        [1, 3, 10, 32, 100]
    """
    return sorted(set(np.geomspace(1, updates, points).round().astype(int).tolist()))


def walk(setup: TrainingSetup, members: Sequence[Member], looks: Sequence[int]) -> Array:
    """Train members of one mini-batch size at a constant learning rate, and measure their distances on the way.

    Args:
        setup: examples, task, network.
        members: of one seed and one batch size.
        looks: numbers of updates, rising.

    Returns:
        ‖w_t - w_0‖ of each member, layer by layer: shape (members, looks, parameters); NaN after a member diverged.

    Raises:
        UsageError: the members differ in seed or batch size, or a learning rate follows a schedule.
    """
    sizes = {(member.seed, int(member.values.batch_size)) for member in members}
    if len(sizes) != 1:
        raise UsageError("members that walk together must have one seed and one batch size")
    for member in members:
        values = member.values
        constant = shape(values.schedule_shape).name == "constant" or (
            values.schedule_shape == "inverse_time" and not values.learning_rate_decay
        )
        if not constant or values.warm_up or values.batch_growth:
            raise UsageError(
                "a walk has a constant learning rate and batch: schedule_shape='constant', no warm_up, no batch_growth"
            )
    ((seed, size),) = sizes
    training = setup.training(members, keep_distances=True)
    training.begin()
    tracker, tile = training.tracker, training.tile
    assert tracker is not None
    rows = len(setup.train) // size * size
    if not rows:
        raise UsageError(f"a mini-batch of {size} is more than the {len(setup.train)} training examples")
    found, done, epoch, chunk = [], 0, -1, 0
    examples, begin = setup.train, rows
    for look in looks:
        while done < look:
            if begin == rows:
                epoch, begin = epoch + 1, 0
                examples = setup.train.ordered(seed, epoch)
            end = min(begin + (look - done) * size, rows)
            # Each piece of an epoch counts as an epoch of its own, so that its noise is fresh.
            tile.train_epoch(examples.rows(np.arange(begin, end)), chunk)
            done, begin, chunk = done + (end - begin) // size, end, chunk + 1
        distances = np.stack([tracker.distances(place) for place in range(len(members))])
        distances[~tile.active] = np.nan
        found.append(distances)
    return np.stack(found, 1)


def diffusion_rate(updates: npt.ArrayLike, distances: npt.ArrayLike) -> float:
    """Measure the rate of an ultra-slow diffusion: the slope b of ‖w_t - w_0‖ = a + b log t, by least squares.

    Args:
        updates: t, shape (points,).
        distances: shape (points,).

    Example:
        >>> round(diffusion_rate([1, 10, 100], [0.0, 2.302585, 4.60517]), 4)
        1.0
    """
    slope, _ = np.polyfit(np.log(np.asarray(updates, np.float64)), np.asarray(distances, np.float64), 1)
    return float(slope)
