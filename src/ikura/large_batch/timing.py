"""Seconds: what an epoch takes on this device, and when a score is reached."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import inf, isfinite

import numpy as np
import torch

from ikura.best_epoch import best_epochs
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.process_state import one_thread_each

__all__ = ["epochs_to", "seconds_per_epoch", "short_duration"]

ROUNDS = 5
MOST_SECONDS = 20.0
"""After which an epoch is timed no more often than once."""


def seconds_per_epoch(setup: TrainingSetup, members: Mapping[str, Member]) -> dict[str, float]:
    """Time one training epoch of single networks on the training setup's device, on the CPU with one thread.

    The networks take turns, so that a machine that is busy for a while slows all of them; the fastest of up to five
    turns counts.

    Args:
        setup: examples, task, network.
        members: name to network.

    Returns:
        Name to seconds, dev examples not counted.
    """
    tiles = {name: setup.tile([member]) for name, member in members.items()}
    taken: dict[str, list[float]] = {name: [] for name in tiles}
    began, device = time.perf_counter(), torch.device(setup.device)
    with one_thread_each():
        for turn in range(ROUNDS + 1):
            for name, tile in tiles.items():
                examples = setup.train.ordered(members[name].seed, turn)
                start = time.perf_counter()
                tile.train_epoch(examples, turn)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                taken[name].append(time.perf_counter() - start)
            if turn and time.perf_counter() - began > MOST_SECONDS:
                break
    return {name: min(seconds[1:]) for name, seconds in taken.items()}


def epochs_to(target: float, curves: Sequence[np.ndarray], sign: float) -> float:
    """Epochs until the mean dev score of several networks is as good as a target.

    After each epoch a network counts with the weights that are kept so far, those of the lowest dev loss; one that has
    stopped counts with what it ended with.

    Args:
        target: the dev score to reach.
        curves: of the networks, train loss, dev loss, dev score after each epoch, shape (epochs, 3).
        sign: 1 if a greater score is better, -1 otherwise.

    Returns:
        The epoch, from 1; infinite if they never get there, or one of them has no dev loss.

    Example:
        >>> curve = np.array([[0, 0.9, 0.7], [0, 0.5, 0.8], [0, 0.4, 0.9]])
        >>> epochs_to(0.8, [curve, curve], 1.0), epochs_to(0.95, [curve], 1.0)
        (2, inf)
    """
    kept = [_kept(curve) for curve in curves]
    longest = max(map(len, kept))
    if not all(map(len, kept)):
        return inf
    mean = np.mean(np.stack([np.pad(one, (0, longest - len(one)), "edge") for one in kept]), 0)
    # What a mean of the same numbers may be apart by.
    there = np.flatnonzero(sign * mean >= sign * target - 1e-12)
    return int(there[0]) + 1 if there.size else inf


def _kept(curve: np.ndarray) -> np.ndarray:
    """Dev score of the weights kept after each epoch."""
    places = best_epochs(curve[:, 1])
    return np.where(places < 0, np.nan, curve[places, 2])


def short_duration(seconds: float) -> str:
    """Write seconds of training, for terminal and page alike; a dash for NaN.

    Example:
        >>> [short_duration(one) for one in (0.000867, 0.25, 2.534, 75.04, float("inf"))]
        ['0.867 ms', '250 ms', '2.53 s', '75 s', 'never']
    """
    if not isfinite(seconds):
        return "never" if seconds == inf else "–"
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 99.95 else f"{seconds:,.0f} s"
