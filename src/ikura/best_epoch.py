"""Which epoch's weights of a network are kept: the one rule of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["best_epochs", "improves"]


def improves(loss: ArrayLike, best: ArrayLike) -> NDArray[np.bool_]:
    """Tell whether weights with a dev loss are kept instead of the best before: it is finite and lower.

    Of epochs with equal losses the first is kept. NaN never improves.

    Args:
        loss: dev loss, of any shape.
        best: lowest dev loss before, infinite if there was none.

    Example:
        >>> improves([0.4, 0.5, np.nan], [0.5, 0.5, 0.5]).tolist()
        [True, False, False]
    """
    return np.isfinite(loss) & (np.asarray(loss) < np.asarray(best))


def best_epochs(losses: ArrayLike) -> NDArray[np.intp]:
    """Find the best epoch as it stood after each epoch.

    Args:
        losses: dev loss after each epoch, shape (epochs,); what is not finite counts as none.

    Returns:
        Places of epochs, from 0, shape (epochs,); -1 as long as there is none.

    Example:
        >>> best_epochs([np.nan, 0.7, 0.2, 0.2, 0.1]).tolist()
        [-1, 1, 2, 2, 4]
    """
    known = np.where(np.isfinite(losses), np.asarray(losses, np.float64), np.inf)
    before = np.minimum.accumulate(np.concatenate([[np.inf], known]))[:-1]
    return np.maximum.accumulate(np.where(improves(known, before), np.arange(len(known)), -1))
