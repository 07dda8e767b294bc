"""The winner of a run, as scaling needs it: its settings, its normalisation, the gradients it begins with."""

from __future__ import annotations

from shlex import quote

import numpy as np
import torch
from torch import nn

from ikura.errors import RunError, listed
from ikura.files import shown
from ikura.large_batch.ghost_norm import normalises
from ikura.large_batch.scaling_columns import Winner
from ikura.nn import GhostNorm
from ikura.nn.noise import key
from ikura.page.formatting import number
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.search import schedule
from ikura.study.record.networks import OWN, PRETRAINED, known_names
from ikura.study.record.record import Record
from ikura.study.steered import course_of

__all__ = ["changed_on_the_way", "first_norm", "normalisation_of", "winner_of"]

BATCHES, SHARE = 16, 0.9


def winner_of(record: Record, setup: TrainingSetup) -> Winner:
    """Read the winner of a finished run.

    Raises:
        RunError: the run has not chosen a network.
    """
    best = record.best
    if best is None:
        name = shown(record.run)
        raise RunError(f"{name}: the run has not chosen a network yet; go on with it: ikura resume {quote(name)}")
    setting = record.setting
    member = Member(0, best.hyperparameters, key(setting.seed, "large batch", 0))
    pretrained = setting.network == PRETRAINED
    more = {"without": "the network began pretrained, with statistics of its own"} if pretrained else {}
    return Winner(
        best.hyperparameters,
        len(setup.train),
        record.epochs,
        schedule(setting.schedule).patience(record.epochs),
        "" if pretrained else normalisation_of(setup.module(member)),
        first_norm(setup, member),
        drops=setting.network != OWN and "dropout" in known_names(setting.network),
        **more,
    )


def changed_on_the_way(record: Record) -> str:
    """Say what a hand or a schedule changed on the way to the winner, without which columns train; "" for nothing."""
    best = record.best
    steps = [] if best is None else course_of(record.store, best.number).steps
    changes = [
        f"{name} {number(value)} after epoch {epoch}" for epoch, values in steps for name, value in values.items()
    ]
    if best is None or not changes:
        return ""
    return (
        f"trial {best.number} came to its weights with changes ({listed(changes, 6)}); every column trains from the "
        "start to the end with the values that the trial itself began with"
    )


def normalisation_of(module: nn.Module) -> str:
    """Say what a network's statistics are taken over: "batch", "ghost", or "" for nothing of the mini-batch.

    Example:
        >>> normalisation_of(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))), normalisation_of(nn.Linear(2, 3))
        ('batch', '')
    """
    parts = list(module.modules())
    if any(isinstance(part, GhostNorm) for part in parts):
        return "ghost"
    return "batch" if any(map(normalises, parts)) else ""


def first_norm(setup: TrainingSetup, member: Member) -> float:
    """Measure the gradients that a training begins with: the 90th percentile of their norms, at the initial weights.

    The norm is that of all weights together; up to sixteen mini-batches of the first epoch are looked at. Penalties are
    left out.
    """
    module = setup.module(member).to(getattr(torch, setup.dtype))
    return float(np.quantile(setup.gradient_norms(member, module, 0, BATCHES), SHARE))
