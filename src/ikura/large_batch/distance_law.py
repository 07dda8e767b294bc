"""Which law a distance from the initial weights follows, as far as one training can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from ikura.large_batch.distance import LAWS, Fit, compare_laws, growth_alpha
from ikura.large_batch.random_walk import log_spaced_updates

__all__ = ["CLEARLY", "FEWEST", "NOT_DECIDED", "Growth", "growth_of"]

FEWEST, POINTS = 6, 40
"""Points that the laws are fitted to, at least and at most."""

CLEARLY = 2.0
"""How many times larger the next best law's error must be."""

NONE_FITS = 0.1
"""Relative error from which on a law does not predict."""

NOT_DECIDED, NO_LAW, TOO_FEW = "not decided", "none of them", "too few epochs"


@dataclass(frozen=True)
class Growth:
    """How a distance grew.

    Attributes:
        distance: ‖w - w_0‖ at the end, NaN if it is not known.
        fits: name of the law to its fit; empty where there are too few points.
        alpha: α of the growth law; None where it is not known.
    """

    distance: float
    fits: Mapping[str, Fit]
    alpha: float | None = None

    @property
    def law(self) -> str | None:
        """The law that predicts the last third clearly best; None if there is none."""
        if not self.fits:
            return None
        first, second, *_ = sorted(self.fits, key=lambda law: self.fits[law].error)
        best = self.fits[first].error
        return first if best < NONE_FITS and self.fits[second].error >= CLEARLY * best else None

    @property
    def verdict(self) -> str:
        """The law's formula, or why none is named."""
        if self.law is not None:
            return LAWS[self.law]
        if not self.fits:
            return TOO_FEW
        return NOT_DECIDED if min(fit.error for fit in self.fits.values()) < NONE_FITS else NO_LAW

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON values."""
        fits = {name: asdict(fit) | {"formula": LAWS[name]} for name, fit in self.fits.items()}
        return {"distance": self.distance, "law": self.law, "verdict": self.verdict, "fits": fits, "alpha": self.alpha}


def growth_of(updates: npt.ArrayLike, distances: npt.ArrayLike) -> Growth:
    """Fit the laws of growth to the distances after each epoch, at epochs evenly spaced in their logarithm.

    A law is named if it predicts the last third of the points with less than half of the error of the next best, and
    with less than a tenth of the distance.

    Args:
        updates: made by the end of each epoch, shape (epochs,).
        distances: ‖w - w_0‖ then; from the first one on that is not finite nothing counts.

    Returns:
        The growth.

    Example:
        >>> t = np.arange(1, 101) * 20
        >>> found = growth_of(t, 1 + 0.5 * np.log(t))
        >>> found.law, growth_of(t[:3], t[:3]).verdict
        ('log', 'too few epochs')
    """
    t, d = np.asarray(updates, np.float64), np.asarray(distances, np.float64)
    broken = np.flatnonzero(~np.isfinite(d))
    if broken.size:
        t, d = t[: broken[0]], d[: broken[0]]
    if not d.size:
        return Growth(np.nan, {})
    last = float(d[-1])
    places = np.array(log_spaced_updates(d.size, POINTS)) - 1
    places = places[t[places] > 1]
    t, d = t[places], d[places]
    if t.size < FEWEST or not (d > 0).all():
        return Growth(last, {})
    return Growth(last, compare_laws(t, d), growth_alpha(t, d))
