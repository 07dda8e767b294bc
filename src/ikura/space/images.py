"""Which hyperparameters of the small convolutional network to search with how many trials."""

from __future__ import annotations

from ikura.errors import UsageError
from ikura.space._base import Parameter
from ikura.space.discrete import fixed
from ikura.space.hyperparameter_table import TABLE
from ikura.space.hyperparameters import DEFAULTS
from ikura.space.tiers import DefaultSpace, assembled, tiers_of

__all__ = ["image_space"]

IMAGE_TIERS = tiers_of({one.name: one.images for one in TABLE})
"""The tiers, first priority first."""

_RANGES = {one.name: one.images.range for one in TABLE if one.images is not None}

_FIXED: dict[str, Parameter] = {
    "learning_rate_decay": fixed(0.1),
    "batch_size": fixed(64),
    "dropout": fixed(0.25),
}
"""Values where a hyperparameter is not searched; the others have those of the network and of training."""

_TRAINING = ("learning_rate", "momentum", "beta1", "beta2", "epsilon", "batch_size", "learning_rate_decay", "l2",
             "optimizer")  # fmt: skip


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
    wanted = [name for one in IMAGE_TIERS[: tier.number] for name in one.names]
    parameters = {name: _RANGES[name](rows, 0) for name in wanted}
    for name in _TRAINING:
        parameters.setdefault(name, _FIXED.get(name, fixed(DEFAULTS[name])))
    parameters.setdefault("dropout", _FIXED["dropout"])
    return assembled(parameters, tier, trials, IMAGE_TIERS)
