"""Which hyperparameters of the small convolutional network to search with how many trials."""

from __future__ import annotations

from ikura.errors import UsageError
from ikura.space._base import Parameter
from ikura.space.continuous import linear, log, log_complement
from ikura.space.discrete import choice, fixed, integer
from ikura.space.hyperparameters import DEFAULTS
from ikura.space.tiers import DefaultSpace, Tier, assembled

__all__ = ["IMAGE_TIERS", "image_space"]

IMAGE_TIERS: tuple[Tier, ...] = (
    Tier(1, 1, ("learning_rate",)),
    Tier(2, 16, ("dropout", "batch_size", "learning_rate_decay")),
    Tier(
        3,
        48,
        ("channels", "units", "blocks", "momentum", "l2", "optimizer", "normalisation", "kernel_size", "activation"),
    ),
    Tier(4, 512, ("initialisation", "beta1", "beta2")),
)
"""The tiers, first priority first."""

_FIXED: dict[str, Parameter] = {
    "learning_rate_decay": fixed(0.1),
    "batch_size": fixed(64),
    "dropout": fixed(0.25),
}
"""Values where a hyperparameter is not searched; the others have those of the network and of training."""

_TRAINING = ("learning_rate", "momentum", "beta1", "beta2", "epsilon", "batch_size", "learning_rate_decay", "l2",
             "optimizer")  # fmt: skip


def _ranges(rows: int) -> dict[str, Parameter]:
    return {
        "learning_rate": log(1e-4, 3e-2),
        "dropout": linear(0, 0.5),
        "batch_size": choice(16, 32, 64) if rows < 10_000 else choice(32, 64, 128),
        "learning_rate_decay": log(1e-2, 1),
        "channels": choice(8, 16, 32),
        "units": integer(32, 256, log=True),
        "blocks": integer(1, 3),
        "momentum": log_complement(0.8, 0.99),
        "l2": log(1e-6, 1e-2),
        "optimizer": choice("adam", "momentum", "rmsprop"),
        "normalisation": choice("none", "batch"),
        "kernel_size": choice(3, 5),
        "activation": choice("relu", "leaky_relu", "elu"),
        "initialisation": choice("he", "xavier"),
        "beta1": log_complement(0.8, 0.99),
        "beta2": log_complement(0.9, 0.9999),
    }


def image_space(trials: int, rows: int) -> DefaultSpace:
    """Choose what to search for images: a small budget searches the first tier, a larger one the next.

    Args:
        trials: number of trials, at least 1.
        rows: images, those of the training, dev and test sets together.

    Returns:
        The space with its tier, the opened names, and a sentence.

    Raises:
        UsageError: trials or rows is below 1.

    Example:
        >>> image_space(trials=16, rows=70_000).opened
        ['learning_rate', 'dropout', 'batch_size', 'learning_rate_decay']
    """
    for name, number in (("trials", trials), ("rows", rows)):
        if number < 1:
            raise UsageError(f"{name} must be at least 1, but got {number}")
    tier = [one for one in IMAGE_TIERS if trials >= one.trials][-1]
    wanted = {name for one in IMAGE_TIERS[: tier.number] for name in one.names}
    parameters = {name: one for name, one in _ranges(rows).items() if name in wanted}
    for name in _TRAINING:
        parameters.setdefault(name, _FIXED.get(name, fixed(DEFAULTS[name])))
    parameters.setdefault("dropout", _FIXED["dropout"])
    return assembled(parameters, tier, trials, IMAGE_TIERS)
