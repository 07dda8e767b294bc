"""What a hyperparameter can be at all, whatever is searched."""

from __future__ import annotations

from math import inf

from ikura.space.hyperparameters import layer_of

__all__ = ["ARCHITECTURE", "BELOW_ONE", "BOUNDS", "LARGE", "WHOLE", "limits", "widening_bounds"]

LARGE = 1e6
"""A strength beyond which weights overflow, or steps are lost in rounding, whatever the update rule.

A learning rate is told by its trials, which diverge; only what single precision cannot hold is no rate.
"""

MANY = 10**9
"""A count beyond which there is nothing to count."""

BOUNDS: dict[str, tuple[float, float]] = {
    "learning_rate": (0, 1e38),
    "momentum": (0, 1),
    "beta1": (0, 1),
    "beta2": (0, 1),
    "epsilon": (0, LARGE),
    "batch_size": (1, MANY),
    "learning_rate_decay": (0, LARGE),
    "l2": (0, LARGE),
    "l1": (0, LARGE),
    "weight_decay": (0, LARGE),
    "max_norm": (0, inf),
    "label_smoothing": (0, 1),
    "clip_norm": (0, inf),
    "clip_value": (0, inf),
    "clip_steps": (0, MANY),
    "gradient_noise": (0, LARGE),
    "dropconnect": (0, 1),
    "label_noise": (0, 1),
    "warm_up": (0, LARGE),
    "step_epochs": (1, MANY),
    "step_factor": (0, 1),
    "final_share": (0, 1),
    "initial_share": (0, 1),
    "peak_at": (0, 1),
    "plateau_patience": (0, MANY),
    "distance_growth": (1.01, LARGE),
    "pretrained_rate": (0, LARGE),
}
ARCHITECTURE: dict[str, tuple[float, float]] = {
    "layers": (0, 64),
    "units": (1, 1_000_000),
    "dropout": (0, 1),
    "dropout_input": (0, 1),
    "initial_scale": (0, LARGE),
    "ghost_size": (2, MANY),
    "normalisation_momentum": (0, 1),
    "blocks": (1, 16),
    "channels": (1, 65_536),
    "kernel_size": (1, 99),
}
BELOW_ONE = ("momentum", "beta1", "beta2", "label_smoothing", "dropconnect", "dropout", "dropout_input")
WHOLE = (
    "plateau_patience", "batch_size", "clip_steps", "layers", "units", "ghost_size", "blocks", "channels",
    "kernel_size",
)  # fmt: skip
_NEVER_WIDENED = ("blocks", "kernel_size", "ghost_size")
"""Whether a greater value is possible depends on the images or on the size of the mini-batch."""


def limits(name: str) -> tuple[float, float, bool] | None:
    """Say how far a search may widen the range of a hyperparameter.

    Args:
        name: the hyperparameter; `units_2` has the limits of `units`.

    Returns:
        The least and the greatest value, and whether the greatest itself is out of reach; None for a hyperparameter
        that is not ikura's, or whose possible values depend on the data.

    Example:
        >>> limits("learning_rate"), limits("dropout_1"), limits("my_own")
        ((0, 1e+38, False), (0, 1, True), None)
    """
    kind = layer_of(name)[0]
    known = BOUNDS | ARCHITECTURE
    return None if kind not in known or kind in _NEVER_WIDENED else (*known[kind], kind in BELOW_ONE)


def widening_bounds(name: str, high: float) -> tuple[float, float] | None:
    """Say between which values a range may be widened.

    Args:
        name: the hyperparameter.
        high: where its range ends; towards a value that is out of reach it may move half of the way.

    Returns:
        The least and the greatest value; None where `limits` knows none.

    Example:
        >>> widening_bounds("dropout", 0.5), widening_bounds("final_share", 0.5)
        ((0, 0.75), (0, 1))
    """
    known = limits(name)
    if known is None:
        return None
    least, greatest, out_of_reach = known
    return least, high + (greatest - high) / 2 if out_of_reach else greatest
