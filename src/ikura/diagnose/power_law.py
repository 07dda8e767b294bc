"""A power law through the errors of training sets of several sizes, and what it says of larger ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["fit"]

EXPONENTS = np.geomspace(0.1, 2.0, 40)
"""Exponents that are tried. Between 0.07 and 2 is where those of learners have been found."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = a + b n^(-c), for one or many curves.

    Attributes:
        a: the error that no number of examples takes away, shape (curves,).
        b, c: factor and exponent of what they do, shape (curves,).
    """

    a: Numbers
    b: Numbers
    c: Numbers

    def __call__(self, n: float) -> Numbers:
        """The error of so many examples, shape (curves,)."""
        return self.a + self.b * float(n) ** -self.c


def fit(sizes: npt.ArrayLike, errors: npt.ArrayLike, weights: npt.ArrayLike, least: float = 0.0) -> PowerLaw:
    """Fit error(n) = a + b n^(-c) by weighted least squares, with a ≥ least, b ≥ 0 and c of `EXPONENTS`.

    For one exponent the rest is linear and has a closed form; the exponent with the least squares is taken.

    Args:
        sizes: numbers of examples, shape (sizes,).
        errors: shape (curves, sizes) or (sizes,).
        weights: of the squares, shape (sizes,).
        least: an error that no training set can undercut.

    Returns:
        The fits. A curve with a NaN gives NaN.

    Source: Hestness et al. (2017), Deep learning scaling is predictable, empirically, arXiv:1712.00409.

    Example:
        >>> n = np.array([100.0, 200.0, 400.0, 800.0])
        >>> round(float(fit(n, 0.05 + 2 * n**-0.5, np.ones(4))(1600)[0]), 3)
        0.1
    """
    n, w = np.asarray(sizes, np.float64), np.asarray(weights, np.float64)
    y = np.atleast_2d(np.asarray(errors, np.float64)) - least
    w = w / w.sum()
    x = (n / n.max())[None, :] ** -EXPONENTS[:, None]
    mean_x, mean_y = x @ w, y @ w
    spread = (x**2) @ w - mean_x**2
    slope = ((y * w) @ x.T - mean_y[:, None] * mean_x) / spread
    # Where the free solution has b < 0, b is 0; where it has a < 0, a is 0.
    slope = np.maximum(slope, 0.0)
    level = mean_y[:, None] - slope * mean_x
    through = np.maximum(((y * w) @ x.T) / ((x**2) @ w), 0.0)
    slope, level = np.where(level < 0, through, slope), np.maximum(level, 0.0)
    residual = y[:, None, :] - level[..., None] - slope[..., None] * x
    squares = (residual**2) @ w
    best = np.where(np.isnan(squares), np.inf, squares).argmin(1)
    rows = np.arange(len(y))
    c = EXPONENTS[best]
    return PowerLaw(level[rows, best] + least, slope[rows, best] * n.max() ** c, c)
