"""Training any list of configurations on one data set as one population, without a study around it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ikura.best_epoch import best_epochs
from ikura.data import Dataset
from ikura.engine import engine_for
from ikura.errors import UsageError
from ikura.metric import default_metric
from ikura.nn.loss import outputs_of
from ikura.nn.noise import permutation
from ikura.population.examples import Examples
from ikura.population.factory import Factory
from ikura.population.job import Job
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.packing import pack
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.population.warmup import warm_up
from ikura.process_state import one_thread_each
from ikura.trial_state import State

__all__ = ["Trained", "best_so_far", "make_setup", "probability", "train"]


@dataclass(frozen=True)
class Trained:
    """What became of one configuration.

    Attributes:
        configuration: its hyperparameters.
        state: complete or diverged.
        curve: training loss, dev loss, dev score after each epoch, shape (epochs, 3).
        network: the network after its last epoch, in evaluation mode.
    """

    configuration: Mapping[str, Any]
    state: State
    curve: np.ndarray
    network: nn.Module

    @property
    def dev_loss(self) -> float:
        """The lowest dev loss on the way; infinite if there is none."""
        known = [self.curve[place, 1] for place in best_epochs(self.curve[:, 1])[-1:] if place >= 0]
        return float(known[0]) if known else float("inf")

    def matrices(self) -> list[np.ndarray]:
        """The weight matrices, first layer first."""
        return [p.detach().double().numpy() for p in self.network.parameters() if p.dim() == 2]


def train(
    dataset: Dataset, configurations: Sequence[Mapping[str, Any]], epochs: int, seed: int, dtype: str = "float32"
) -> list[Trained]:
    """Train built-in networks as one population, on all cores.

    Members share initial draws, order of examples and noise, so that they are compared in pairs.

    Args:
        dataset: what they train on; the test set is not touched.
        configurations: hyperparameters; names left out have their defaults.
        epochs: passes over the training set, which every member makes in full.
        seed: key of weights, order and noise.
        dtype: "float32" or "float64".

    Returns:
        One result for each configuration, in their order.
    """
    setup = make_setup(dataset, dtype)
    members = [Member(number, dict(one), seed) for number, one in enumerate(configurations)]
    warm_up(dtype, lambda line: None)
    found: dict[int, Outcome] = {}
    with one_thread_each(), engine_for(setup, os.cpu_count() or 1) as engine:
        tiles = pack(setup, members, max(2, len(members) // 8))
        jobs = [Job(number, tuple(tile), epochs, keep_states=True) for number, tile in enumerate(tiles)]
        for outcomes in engine.run(jobs, lambda told: None):
            found |= {outcome.number: outcome for outcome in outcomes}
    return [
        Trained(member.hyperparameters, found[n].state, found[n].curve, _network(setup, member, found[n]))
        for n, member in enumerate(members)
    ]


def make_setup(
    dataset: Dataset,
    dtype: str = "float32",
    rows: int | None = None,
    dev: int | None = None,
    network: Factory | None = None,
    device: str = "cpu",
) -> TrainingSetup:
    """Make a training setup of the training and dev examples of a data set; the test set stays outside.

    Args:
        dataset: the data.
        dtype: "float32" or "float64".
        rows: training examples, a random choice of them, the same each time; None for all.
        dev: dev examples at most; None for all.
        network: factory of the networks; None for the built-in fully connected ones.
        device: a torch device.

    Raises:
        UsageError: there are not so many training examples.
    """
    task, train = dataset.task.name, Examples.of(dataset.train, dtype)
    if rows is not None and rows > len(train):
        raise UsageError(f"train_size must be at most {len(train)}, the training examples there are, but is {rows}")
    if rows is not None and rows < len(train):
        train = train.rows(np.sort(permutation(0, 0, len(train))[:rows]))
    held = Examples.of(dataset.dev, dtype).head(dev or len(dataset.dev))
    if network is None:
        train, held = train.flat().dense(), held.flat().dense()
    return TrainingSetup(
        train=train,
        dev=held,
        scorer=Scorer(task, default_metric(task), dataset.target_mean, dataset.target_std),
        outputs=outputs_of(task, len(dataset.task.classes or [])),
        cardinalities=tuple(dataset.encoder.cardinalities),
        network=network,
        dtype=dtype,
        device=device,
    )


def _network(setup: TrainingSetup, member: Member, outcome: Outcome) -> nn.Module:
    state = outcome.going_on or {}
    return setup.trained(member, state["tile.weights"], {})


def best_so_far(trained: Sequence[Trained]) -> np.ndarray:
    """The lowest dev loss of the first n configurations for n = 1, 2, …: shape (configurations,)."""
    return np.minimum.accumulate([one.dev_loss for one in trained])


@torch.no_grad()
def probability(network: nn.Module, x: np.ndarray) -> np.ndarray:
    """Probability of the second class, shape (rows,)."""
    outputs = network(torch.from_numpy(np.asarray(x, np.float32)).to(next(network.parameters()).dtype))
    found: np.ndarray = outputs[:, 0].sigmoid().double().numpy()
    return found
