"""Learning-rate schedules that are functions of time alone, as shares of the learning rate α.

Each takes the number of updates made before (shapes that change within an epoch take an array of them), the updates of
one epoch, the epochs of the whole training and a member's hyperparameters. An epoch of n updates begins at update
n · epoch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ikura.errors import UsageError

__all__ = [
    "batch_size_at",
    "constant",
    "cosine",
    "coslog",
    "exponential",
    "flat_cos",
    "growth_of",
    "inverse_time",
    "one_cycle",
    "pieces",
    "pieces_of",
    "stairs",
]


def constant(at: int, steps: int, epochs: int, values: Mapping[str, Any]) -> float:
    """Constant: 1."""
    return 1.0


def inverse_time(at: int, steps: int, epochs: int, values: Mapping[str, Any]) -> float:
    """Inverse time: 1 / (1 + learning_rate_decay · epoch), with whole epochs."""
    factor: float = 1 / (1 + values["learning_rate_decay"] * (at // steps))
    return factor


def exponential(at: np.ndarray, steps: int, epochs: int, values: Mapping[str, Any]) -> np.ndarray:
    """Exponential: e^(-learning_rate_decay · t), t in epochs and parts of them."""
    factors: np.ndarray = np.exp(-values["learning_rate_decay"] * (at / steps))
    return factors


def stairs(at: int, steps: int, epochs: int, values: Mapping[str, Any]) -> float:
    """Steps: step_factor^⌊epoch / step_epochs⌋."""
    return float(values["step_factor"] ** ((at // steps) // values["step_epochs"]))


def pieces(at: int, steps: int, epochs: int, values: Mapping[str, Any]) -> float:
    """Pieces: the share of the last piece that has begun; 1 before the first one."""
    share, epoch = 1.0, at // steps
    for begin, own in pieces_of(values["pieces"]):
        if epoch < begin:
            break
        share = own
    return share


def pieces_of(text: str) -> tuple[tuple[int, float], ...]:
    """Read the pieces of a schedule: "81:0.1 122:0.01" has a tenth of the rate from epoch 81 on, then a hundredth.

    Returns:
        (first epoch, share) of each piece.

    Raises:
        UsageError: it is no such text, the epochs do not rise, or a share is not in [0, 1].

    Example:
        >>> pieces_of("81:0.1 122:0.01")
        ((81, 0.1), (122, 0.01))
    """
    rule = "pieces must be epoch:share pairs such as '81:0.1 122:0.01', epochs rising and shares from 0 to 1"
    return _pairs(text, rule, 0.0, 1.0)


@lru_cache(maxsize=1024)
def _pairs(text: str, rule: str, low: float, high: float) -> tuple[tuple[int, float], ...]:
    """Read (epoch, number) pairs, epochs rising and numbers within the bounds."""
    if not isinstance(text, str) or not all(re.fullmatch(r"\d+:[\d.]+(e-?\d+)?", one) for one in text.split()):
        raise UsageError(f"{rule}, but is {text!r}")
    try:
        found = tuple((int(begin), float(number)) for begin, number in (one.split(":") for one in text.split()))
    except ValueError:
        raise UsageError(f"{rule}, but is {text!r}") from None
    begins = [begin for begin, _ in found]
    if begins != sorted(set(begins)) or not all(low <= number <= high for _, number in found):
        raise UsageError(f"{rule}, but is {text!r}")
    return found


def growth_of(text: str) -> tuple[tuple[int, float], ...]:
    """Read how a mini-batch grows: "30:5 60:25" has five times the batch size from epoch 30 on, then 25 times.

    Returns:
        (first epoch, factor) of each piece.

    Raises:
        UsageError: it is no such text, the epochs do not rise, or a factor is below 1.
    """
    rule = "batch_growth must be epoch:factor pairs such as '30:5 60:25', epochs rising and factors of at least 1"
    return _pairs(text, rule, 1.0, 1e9)


def batch_size_at(values: Mapping[str, Any], epoch: int) -> int:
    """Size of a member's mini-batches in one epoch.

    Growing the batch in place of lowering the learning rate keeps the ratio of both, which sets how much noise there is
    in the updates, and makes fewer of them.

    Args:
        values: hyperparameters.
        epoch: 0, 1, …

    Example:
        >>> [batch_size_at({"batch_size": 32, "batch_growth": "2:4"}, epoch) for epoch in (1, 2)]
        [32, 128]

    References:
        Smith, Kindermans, Ying and Le 2018, Don't decay the learning rate, increase the batch size, arXiv:1711.00489.
    """
    factor = 1.0
    for begin, own in growth_of(values["batch_growth"]):
        factor = own if epoch >= begin else factor
    size: int = values["batch_size"]
    return round(size * factor)


def cosine(at: np.ndarray, steps: int, epochs: int, values: Mapping[str, Any]) -> np.ndarray:
    """Half a cosine from 1 down to f = final_share: f + (1 - f) (1 + cos(π t / T)) / 2 (Loshchilov and Hutter 2017)."""
    return _swing(1.0, values["final_share"], np.minimum(at / (steps * epochs), 1))


def one_cycle(at: np.ndarray, steps: int, epochs: int, values: Mapping[str, Any]) -> np.ndarray:
    """One cycle: from initial_share up to 1 at the share peak_at of the training, and down to final_share.

    Both ways are half a cosine; the last update has the final share, as in `torch.optim.lr_scheduler.OneCycleLR`
    (Smith and Topin 2018).
    """
    end = steps * epochs - 1
    peak = max(values["peak_at"] * steps * epochs - 1, 0)
    at = np.minimum(at, end)
    up = _swing(values["initial_share"], 1.0, at / peak if peak > 0 else np.ones(len(at)))
    down = _swing(1.0, values["final_share"], (at - peak) / (end - peak) if end > peak else np.zeros(len(at)))
    return np.where(at <= peak, up, down)


COSLOG_CYCLES = 4


def coslog(at: np.ndarray, steps: int, epochs: int, values: Mapping[str, Any]) -> np.ndarray:
    """Four waves from f = final_share up to 1 and down: f + (1 - f) (1 - cos(2π log₂(1 + 15 t / T))) / 2.

    Each is twice as long as the one before. The first update of a network has the rate f · α (Holzmüller, Grinsztajn
    and Steinwart, arXiv 2407.04491, 2024).
    """
    waves = np.log2(1 + (2**COSLOG_CYCLES - 1) * np.minimum(at / (steps * epochs), 1))
    return _swing(values["final_share"], 1.0, 2 * waves)


def flat_cos(at: np.ndarray, steps: int, epochs: int, values: Mapping[str, Any]) -> np.ndarray:
    """1 for half of the training, then half a cosine down to final_share (arXiv 2407.04491)."""
    return _swing(1.0, values["final_share"], np.clip(2 * at / (steps * epochs) - 1, 0, 1))


def _swing(begin: float, end: float, done: np.ndarray) -> np.ndarray:
    return end + (begin - end) * (1 + np.cos(np.pi * done)) / 2
