"""Setting the floor: from a setting and its data to a workshop with an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ikura.data import Dataset, Part
from ikura.data.memory import memory_limit
from ikura.errors import UsageError
from ikura.metric import metric
from ikura.nn.augmentation import AUGMENTATIONS
from ikura.nn.loss import outputs_of
from ikura.nn.transfer import features
from ikura.population.examples import Examples
from ikura.population.factory import Factory
from ikura.population.member import Hyperparameters
from ikura.population.training import Judge
from ikura.population.workshop import Workshop
from ikura.study.device import chosen_device
from ikura.study.networks import PRETRAINED, resolved
from ikura.study.pretrained import Pretrained
from ikura.study.setting import Setting

BLOCK = 1024
"""Examples that run through a frozen body together."""

__all__ = ["examples_of", "network_again", "workshop_of"]


def workshop_of(setting: Setting, dataset: Dataset, network: Callable[[Hyperparameters], nn.Module] | None) -> Workshop:
    """Make a workshop of a data set's training and dev examples; the test set stays outside.

    Raises:
        UsageError: the study trains the caller's own networks, and their factory was not given; or its device is not
            here.
    """
    network = resolved(setting.network, network)
    train, dev = (examples_of(part, setting.dtype, network) for part in (dataset.train, dataset.dev))
    workshop = Workshop(
        train=train,
        dev=dev,
        judge=Judge(setting.task, metric(setting.metric, setting.task), dataset.target_mean, dataset.target_std),
        outputs=outputs_of(setting.task, len(dataset.task.classes or [])),
        cardinalities=tuple(dataset.encoder.cardinalities),
        network=network,
        dtype=setting.dtype,
        device=chosen_device(setting.device, setting.custom),
        augmented=(any(name in setting.space for name in AUGMENTATIONS) or bool(setting.auto and network))
        and train.standard is not None,
    )
    if not workshop.compiled or workshop.convolutional:
        return workshop
    numbers = prod(train.shape) * (len(train) + len(dev))
    if train.standard is not None and numbers * np.dtype(setting.dtype).itemsize > memory_limit():
        raise UsageError(
            f"{len(train)} images of {prod(train.shape)} pixels are more than the fully connected network can hold in "
            "memory; choose a smaller image size, or a network that takes images"
        )
    return replace(workshop, train=train.dense(), dev=dev.dense())


def examples_of(part: Part, dtype: str, network: Factory | None) -> Examples:
    """Convert a part of a data set to what the networks of a study train on."""
    examples = Examples.of(part, dtype)
    if isinstance(network, Pretrained) and network.freezes:
        blocks = (slice(i, i + BLOCK) for i in range(0, max(len(examples), 1), BLOCK))
        x = torch.cat([features(network.body, torch.from_numpy(examples.inputs(rows))) for rows in blocks])
        return Examples(np.ascontiguousarray(x.numpy(), dtype), examples.codes, examples.y)
    return examples if network else examples.flat()


def network_again(setting: Setting, run: Path, network: Any) -> Any:
    """Find the network of a run that is opened again: the caller's factory, or the pretrained one kept in the run."""
    if isinstance(network, Pretrained):
        return replace(network, freeze=setting.pretrained["freeze"])
    return Pretrained.of(setting.pretrained, run) if setting.network == PRETRAINED else network
