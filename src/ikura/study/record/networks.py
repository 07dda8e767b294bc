"""Which network a study trains: the built-in one, one of the zoo by name, or the caller's own."""

from __future__ import annotations

from typing import Any

from ikura.data import Dataset
from ikura.data.images.channel_layout import looks_last
from ikura.errors import DataError, UsageError, listed, nearest
from ikura.lazy_torch import Module
from ikura.nn.zoo import NETWORKS, READS
from ikura.population.factory import Factory
from ikura.space import CONVOLUTIONAL, HYPERPARAMETERS
from ikura.space.hyperparameters import OF_NETWORK
from ikura.study.record.pretrained import Pretrained

__all__ = [
    "OWN",
    "PRETRAINED",
    "budget",
    "check_channels",
    "check_name",
    "chosen_network",
    "known_names",
    "resolved",
]

OWN, PRETRAINED = "own", "pretrained"
"""What a setting calls a network of the caller's, and one that began as a model of ikura's."""


def budget(name: str, epochs: int | None, finalists: int | None) -> tuple[int, int]:
    """Epochs of a trial at most, and number of finalists, where the caller leaves them open.

    An epoch of images takes seconds where one of a table takes milliseconds: less of both.
    """
    usual = (15, 1) if name == "cnn" else (100, 4)
    return usual[0] if epochs is None else epochs, usual[1] if finalists is None else finalists


def check_name(name: str) -> None:
    """Refuse an unknown name, with the nearest one."""
    if name != "mlp" and name not in NETWORKS:
        known = ["mlp", *NETWORKS]
        raise UsageError(f"unknown network {name!r}{nearest(name, known)}: use {', '.join(known)}")


def chosen_network(network: str | Factory | None, dataset: Dataset) -> str:
    """Name the network: what the caller named, "own" for a factory; by default cnn for images and mlp for tables.

    Raises:
        UsageError: the name is unknown, or it is neither a name nor a factory.
    """
    if network is None:
        return "cnn" if len(dataset.train.example_shape) == 3 else "mlp"
    if isinstance(network, str):
        check_name(network)
        return network
    if isinstance(network, Pretrained):
        return OWN if network.form is None else PRETRAINED
    if isinstance(network, Module):
        kind = type(network).__name__
        raise UsageError(
            f"network is a module of class {kind}, which all trials would train together; give a function that makes "
            "one: network=lambda hp: MyNet(hp.inputs, hp.outputs); or start from it: network=ikura.pretrained(module)"
        )
    if not callable(network):
        raise UsageError(f"network is a name or a function from hyperparameters to a module, not {network!r}")
    return OWN


def check_channels(name: str, dataset: Dataset, channels: str | None) -> None:
    """Refuse arrays of numbers whose channels may be last, for a network of ikura's that takes them for images.

    Raises:
        DataError: saying how to tell which they are.
    """
    shape = dataset.train.example_shape
    if name in (OWN, PRETRAINED, "mlp") or channels is not None or dataset.summary.images or not looks_last(shape):
        return
    raise DataError(
        f"{name} takes images of shape (n, channels, height, width), and the channels of (n, {listed(shape)}) may be "
        "last; say channels='last' or channels='first' (--channels)"
    )


def resolved(name: str, network: Any) -> Factory | None:
    """Find the factory of a setting's network; None for the built-in fully connected one.

    Args:
        name: as `chosen_network` returns it.
        network: the caller's factory, where the network is their own.

    Raises:
        UsageError: it is their own, and the factory was not given.
    """
    if name == OWN and (network is None or isinstance(network, str)):
        raise UsageError("this study trains networks of your own; give their factory as network=…")
    if name in (OWN, PRETRAINED):
        factory: Factory | None = network
        return factory
    return None if name == "mlp" else NETWORKS[name]


def known_names(name: str) -> dict[str, str]:
    """Hyperparameters that a study of this network can search, with their descriptions."""
    if name == "mlp":
        return {one: text for one, text in HYPERPARAMETERS.items() if one != "pretrained_rate"}
    everything = HYPERPARAMETERS | CONVOLUTIONAL
    others = OF_NETWORK if name == PRETRAINED else (*OF_NETWORK, "pretrained_rate")
    training = {one: text for one, text in HYPERPARAMETERS.items() if one not in others}
    return training | {one: everything[one] for one in READS.get(name, ()) if one in everything}
