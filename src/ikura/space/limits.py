"""What a hyperparameter can be at all, whatever is searched."""

from __future__ import annotations

from ikura.space.hyperparameter_row import Part
from ikura.space.hyperparameter_table import TABLE
from ikura.space.hyperparameters import layer_of

__all__ = ["ARCHITECTURE", "BELOW_ONE", "BOUNDS", "WHOLE", "limits", "widening_bounds"]

BOUNDS: dict[str, tuple[float, float]] = {
    one.name: one.bounds for one in TABLE if one.bounds is not None and one.part is Part.TRAINING
}
"""Of training: least and greatest value by name."""

ARCHITECTURE: dict[str, tuple[float, float]] = {
    one.name: one.bounds for one in TABLE if one.bounds is not None and one.part is not Part.TRAINING
}
"""Of the built-in networks."""

BELOW_ONE = tuple(one.name for one in TABLE if one.below)
WHOLE = tuple(one.name for one in TABLE if one.whole)
_NEVER_WIDENED = tuple(one.name for one in TABLE if not one.widened)
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
