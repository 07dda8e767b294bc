"""Schedules of the learning rate, written plainly for an ordinary loop in which their shape may change on the way."""

from __future__ import annotations

from math import cos, exp, floor, inf, log, log2, pi
from typing import Any

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau


def half_cosine(begin: float, end: float, done: float) -> float:
    """From one number to another along half a cosine."""
    return end + (begin - end) * (1 + cos(pi * done)) / 2


def by_time(v: Any, epoch: int, step: int, steps: int, epochs: int) -> float:
    """The share of the learning rate at an update, as far as time alone decides on it.

    Args:
        v: hyperparameters.
        epoch, step: from 0.
        steps: updates in an epoch.
        epochs: epochs of the whole training.
    """
    low, t = v.final_share, epoch + step / steps
    match v.schedule_shape:
        case "inverse_time":
            return max(1 / (1 + v.learning_rate_decay * epoch), low)
        case "exponential":
            return max(exp(-v.learning_rate_decay * t), low)
        case "step":
            return max(v.step_factor ** (epoch // v.step_epochs), low)
        case "pieces":
            begun = [
                float(share) for first, share in (one.split(":") for one in v.pieces.split()) if int(first) <= epoch
            ]
            return max([1.0, *begun][-1], low)
        case "cosine":
            return half_cosine(1, low, t / epochs)
        case "flat_cos":
            return half_cosine(1, low, max(2 * t / epochs - 1, 0))
        case "coslog":
            return half_cosine(low, 1, 2 * log2(1 + 15 * t / epochs))
        case "one_cycle":
            at, end = epoch * steps + step, epochs * steps - 1
            peak = v.peak_at * epochs * steps - 1
            return (
                half_cosine(v.initial_share, 1, at / peak)
                if at <= peak
                else half_cosine(1, low, (at - peak) / (end - peak))
            )
    return 1.0


class Following:
    """What a plateau of the dev loss, or the way from the initial weights, leaves of the learning rate.

    It begins where the shape of the schedule does.
    """

    def __init__(self) -> None:
        self.shape, self.share = "", 1.0

    def before_epoch(self, v: Any) -> float:
        """The share that is left for an epoch."""
        if v.schedule_shape != self.shape:
            self.shape, self.share, self.first, self.most = v.schedule_shape, 1.0, inf, 0.0
            self.rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
            self.plateau = ReduceLROnPlateau(
                self.rule, factor=v.step_factor, patience=v.plateau_patience, min_lr=v.final_share, eps=0
            )
        return self.share

    def after_epoch(self, v: Any, loss: float, way: float) -> None:
        """Take notice of the dev loss after an epoch, and of the distance from the initial weights."""
        if self.shape == "plateau":
            self.plateau.step(loss)
            self.share = float(self.rule.param_groups[0]["lr"])
        elif self.shape == "distance":
            self.first, self.most = way if self.first == inf else self.first, max(self.most, way)
            drops = floor(log(self.most / self.first) / log(v.distance_growth)) if self.most > self.first else 0
            self.share = max(v.step_factor**drops, v.final_share)
