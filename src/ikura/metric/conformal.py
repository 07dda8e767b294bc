"""Prediction intervals of values: how far off held-out rows were says how far off new rows will be."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ikura.errors import UsageError
from ikura.json_values import JsonObject

__all__ = ["HeldOutErrors", "fit_held_out_errors"]

CLASS_ROWS, MOST_CLASSES = 100, 10
"""Held-out rows of a class of alike predictions at least, and how many classes there are at most."""
MOST_ERRORS = 20_000
"""Errors that are kept; of more, so many are drawn."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOutErrors:
    """Errors y - prediction of rows that a model was not trained on, in classes of alike predictions.

    Of n errors of a class the interval of a new prediction p goes from p + e_(k) to p + e_(n + 1 - k), with the k-th
    smallest error and k = ⌊(n + 1) α / 2⌋. Where rows are exchangeable the value lies below it, and above it, with a
    probability of at most α / 2 each, whatever the model and the distribution.

    Attributes:
        edges: predictions at which the next class begins, ascending; one less than classes.
        errors: of each class, ascending.

    References:
        Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world, 2.2; Romano, Patterson and Candès
        (2019), Conformalized quantile regression, eq. 12 (ends one by one); Boström and Johansson (2020), Mondrian
        conformal regressors (classes of alike predictions).
    """

    edges: tuple[float, ...]
    errors: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(form: JsonObject) -> HeldOutErrors:
        """The errors that `form` described.

        Raises:
            ValueError: the description does not hold together.
        """
        found = HeldOutErrors(tuple(form["edges"]), tuple(map(tuple, form["errors"])))
        ascending = all(a <= b for part in (found.edges, *found.errors) for a, b in pairwise(part))
        if len(found.errors) != len(found.edges) + 1 or not ascending:
            raise ValueError("errors of held-out rows do not ascend, or are of other classes than there are")
        return found

    @property
    def form(self) -> JsonObject:
        """Its JSON form."""
        return {"edges": list(self.edges), "errors": [list(one) for one in self.errors]}

    @property
    def rows(self) -> int:
        """How many errors there are."""
        return sum(map(len, self.errors))

    def ends(self, predictions: Values, level: float) -> tuple[Values, Values]:
        """Give the interval of each prediction.

        Args:
            predictions: values, shape (n,), in the target's unit.
            level: share of new rows whose value lies within, between 0 and 1.

        Returns:
            The lower and the upper ends, shape (n,); NaN where a prediction is NaN.

        Raises:
            UsageError: the level is no such share, or there are too few held-out rows for it.

        Example:
            >>> one = HeldOutErrors((), (tuple(float(e) for e in range(-9, 10)),))
            >>> one.ends(np.array([100.0]), 0.9)
            (array([91.]), array([109.]))
        """
        if not 0 < level < 1:
            raise UsageError(f"an interval's level is a share between 0 and 1, such as 0.9, but is {level:g}")
        alpha = 1 - level
        # As a number of rows, told from the ones beside it, though 1 - 0.9 is a little more than 0.1.
        needed = math.ceil(2 / alpha - 1 - 1e-9)
        if self.rows < needed:
            raise UsageError(
                f"an interval of {level:g} needs {needed} rows that the model was not trained on, and there were "
                f"{self.rows}; write a level of at most {max(0.0, 1 - 2 / (self.rows + 1)):.2g}"
            )
        whole = np.sort(np.concatenate([np.asarray(one) for one in self.errors]))
        low, high = np.empty(len(self.errors)), np.empty(len(self.errors))
        for place, own in enumerate(self.errors):
            errors = np.asarray(own) if len(own) >= needed else whole
            k = max(1, math.floor((len(errors) + 1) * alpha / 2 + 1e-9))
            low[place], high[place] = errors[k - 1], errors[len(errors) - k]
        where = np.searchsorted(np.asarray(self.edges), predictions, side="right")
        return predictions + low[where], predictions + high[where]


def fit_held_out_errors(predictions: Values, target: Values, factor: float = 1.0, seed: int = 0) -> HeldOutErrors:
    """Keep the errors of rows that a model was not trained on.

    Args:
        predictions: of these rows, shape (n,).
        target: their values, shape (n,), in the same unit.
        factor: by which errors are made larger, because the rows took part in choosing the model.
        seed: keys the draw where there are more rows than are kept.

    Returns:
        The errors; in one class where there are fewer than 200 rows, else in up to 10 of equal size by the prediction.

    Example:
        >>> found = fit_held_out_errors(np.arange(400.0), np.arange(400.0) + 1)
        >>> found.edges, found.errors[0][:2]
        ((100.0, 200.0, 300.0), (1.0, 1.0))
    """
    n = len(target)
    if n > MOST_ERRORS:
        random = np.random.default_rng([seed % 2**63, zlib.crc32(b"held-out errors")])
        rows = np.sort(random.choice(n, MOST_ERRORS, replace=False))
        predictions, target, n = predictions[rows], target[rows], MOST_ERRORS
    errors = factor * (target - predictions)
    classes = int(np.clip(n // CLASS_ROWS, 1, MOST_CLASSES))
    ordered = np.sort(predictions)
    edges = np.unique(ordered[[n * place // classes for place in range(1, classes)]])
    edges = edges[edges > ordered[0]] if n else edges
    where = np.searchsorted(edges, predictions, side="right")
    found = [np.sort(errors[where == place]) for place in range(len(edges) + 1)]
    return HeldOutErrors(tuple(edges.tolist()), tuple(tuple(one.tolist()) for one in found))
