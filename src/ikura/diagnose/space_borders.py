"""Where the best results lie against the border of the space, so that the space may be too narrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln

from ikura.diagnose.trial_ranks import ranked
from ikura.nn.augmentation import AUGMENTATIONS
from ikura.space import Integer, LogComplement, Parameter, Space
from ikura.space.limits import widening_bounds

__all__ = ["Border", "borders"]

OUTER = 0.1
GOOD_SHARE = 0.1
FEWEST_GOOD = 5
LEVEL = 0.01


@dataclass(frozen=True)
class Border:
    """A border of the space against which the good trials press.

    Attributes:
        hyperparameter: its name.
        side: "lower" or "upper".
        value: the border.
        beyond: a value further out to try.
        good: good trials in the outer tenth of the range on its own scale.
        of: good trials in all.
    """

    hyperparameter: str
    side: str
    value: float
    beyond: float
    good: int
    of: int

    @property
    def sentence(self) -> str:
        """What was seen, and what to do."""
        way = "above" if self.side == "upper" else "below"
        return (
            f"The best lies at the {self.side} edge of {self.hyperparameter} ({self.value:g}): {self.good:,} of the "
            f"best {self.of:,} trials lie in the outer tenth of its range. Search {way} it too, say to {self.beyond:g}."
        )


def borders(
    trials: pd.DataFrame, space: Space, greater_is_better: bool, best: Mapping[str, Any] | None = None
) -> list[Border]:
    """Find the borders of the space that hold the search back.

    A border is named when the best trial lies in the outer tenth of the hyperparameter's range, on its own scale, and
    so do more of the good trials (the best tenth, at least 5) than would by chance, at a level of 0.01 over all borders
    (hypergeometric test, Bonferroni). A range that ends where the hyperparameter itself ends, such as a share at 0, is
    not a border.

    Args:
        trials: as `Study.trials`.
        space: what was searched.
        greater_is_better: direction of the dev score.
        best: hyperparameters of the chosen trial; None for the first in rank.

    Returns:
        The borders, the most certain first.
    """
    rows = ranked(trials, greater_is_better).sort_values("rank", kind="stable")
    names = [name for name in space.dimensions if space[name].numeric and name in rows]
    found = []
    for name in names:
        one = space[name]
        values = pd.to_numeric(rows[name], errors="coerce").dropna().to_numpy(dtype=float)
        if len(values) < 2 * FEWEST_GOOD:
            continue
        good = max(FEWEST_GOOD, int(np.ceil(GOOD_SHARE * len(values))))
        value = (best or {}).get(name)
        chosen = float(value) if isinstance(value, int | float) else values[0]
        for side, u in (("lower", OUTER), ("upper", 1 - OUTER)):
            beyond, sign = _beyond(one, side, name), 1 if side == "upper" else -1
            limit = float(one.from_unit(u))
            outer = sign * values >= sign * limit
            inside = int(outer[:good].sum())
            p_value = chance(inside, len(values), int(outer.sum()), good)
            if sign * chosen >= sign * limit and beyond is not None and p_value < LEVEL / (2 * len(names)):
                border = one.low if side == "lower" else one.high  # type: ignore[attr-defined]
                found.append((p_value, Border(name, side, border, beyond, inside, good)))
    return [border for _, border in sorted(found, key=lambda pair: pair[0])]


def chance(inside: int, trials: int, outer: int, good: int) -> float:
    """Chance that at least so many of the good ones lie in the outer range (hypergeometric distribution)."""
    many = np.arange(inside, min(outer, good) + 1)
    logarithms = _log_choose(outer, many) + _log_choose(trials - outer, good - many) - _log_choose(trials, good)
    return float(np.exp(logarithms).sum())


def _log_choose(n: int, k: Any) -> Any:
    with np.errstate(invalid="ignore"):
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _beyond(parameter: Parameter, side: str, name: str) -> float | None:
    """A value beyond a border: a third of the range further, on the scale, as far as the hyperparameter goes.

    Towards a value that it must stay below, half of the way at most. None where there is nothing beyond.
    """
    low, high = float(parameter.low), float(parameter.high)  # type: ignore[attr-defined]
    if isinstance(parameter, LogComplement):
        factor = ((1 - low) / (1 - high)) ** (1 / 3)
        rest = (1 - low) * factor if side == "lower" else (1 - high) / factor
        return float(f"{1 - rest:.6g}") if rest <= 1 else None
    if "log" in parameter.scale:
        factor = (high / low) ** (1 / 3)
        value = low / factor if side == "lower" else high * factor
    else:
        value = low - (high - low) / 3 if side == "lower" else high + (high - low) / 3
        if side == "lower" and low >= 0:
            value = max(value, 0.0)
    if isinstance(parameter, Integer):
        value = (
            max(np.floor(value), 1.0 if low >= 1 else 0.0 if low >= 0 else value) if side == "lower" else np.ceil(value)
        )
    else:
        value = float(f"{value:.2g}")
    known = (0, AUGMENTATIONS[name].high) if name in AUGMENTATIONS else widening_bounds(name, high)
    if known is not None:
        value = min(max(value, known[0]), float(f"{known[1]:.6g}"))
    return None if value in (low, high) else float(value)
