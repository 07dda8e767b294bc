"""When a metric cannot be measured: targets that leave it without meaning, whatever is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.metric._base import Metric, Needs

__all__ = ["undefined"]


def undefined(metric: Metric, target: npt.NDArray[Any], classes: Sequence[Any] | None = None) -> str | None:
    """Say why targets leave a metric undefined, or the same for all predictions.

    Args:
        metric: what is to be measured.
        target: the truth, numbers or class numbers, shape (n,).
        classes: names of the classes; None for numbers.

    Returns:
        The reason, to put behind "because"; None if the metric can be measured.

    Example:
        >>> from ikura.metric import METRICS
        >>> undefined(METRICS["r2"], np.zeros(12)), undefined(METRICS["rmse"], np.zeros(12))
        ('all 12 rows have the same target, 0', None)
        >>> undefined(METRICS["f1"], np.zeros(9), ["paid", "late"])
        "none of the 9 rows is of the positive class 'late'"
    """
    if metric.needs is Needs.ROWS:
        return None
    present = np.unique(target)
    if metric.needs is Needs.POSITIVE and classes is not None and len(classes) == 2 and 1 not in present:
        return f"none of the {len(target)} rows is of the positive class {classes[1]!r}"
    if present.size < 2 and (metric.needs is Needs.DIFFERENT or classes is not None):
        shown = repr(classes[int(present[0])]) if classes is not None else f"{float(present[0]):.15g}"
        what = "are of the same class" if classes is not None else "have the same target"
        return f"all {len(target)} rows {what}, {shown}" if len(target) > 1 else "there is a single row"
    return None
