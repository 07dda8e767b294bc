"""What members learn in place of the targets, and their outputs as values again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ikura.nn.target_transform import TargetTransform

__all__ = ["learned_by", "undone"]


def learned_by(targets: Sequence[TargetTransform | None], y: np.ndarray) -> list[np.ndarray]:
    """Transform the targets of an epoch for each member; members of one transform share an array.

    Args:
        targets: of each member; None for the targets themselves.
        y: shape (rows,).

    Returns:
        An array of shape (rows,) for each member, in the precision of y.
    """
    found: dict[TargetTransform | None, np.ndarray] = {None: y}
    for target in targets:
        if target is not None and target not in found:
            found[target] = target.apply(y).astype(y.dtype)
    return [found[target] for target in targets]


def undone(targets: Sequence[TargetTransform | None], outputs: Any) -> Any:
    """Put values in the place of the outputs of members that learned something else: shape (members, rows, 1)."""
    for k, target in enumerate(targets):
        if target is not None:
            outputs[k] = target.undo(outputs[k])
    return outputs
