"""What is asked of a study's trials: a page of the table, a sample for the charts; filtered, sorted, thinned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ikura.errors import UsageError, nearest
from ikura.json_values import Json, JsonObject
from ikura.web.trial_columns import TrialColumns

__all__ = ["Filter", "page", "rows_of", "sample"]

MOST_ROWS = 200
MOST_POINTS = 3000
BEST_SHARE = 0.3
"""Share of a thinned sample that the best trials get; the others are taken evenly."""


@dataclass(frozen=True)
class Filter:
    """Which trials are meant: for each named column a range, or the words that it may hold.

    Attributes:
        ranges: column to its lowest and highest value, both included.
        words: column to the words.
    """

    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, form: Json) -> Filter:
        """Take a filter as it comes from outside: column to [low, high], or to {"in": [words]}.

        Raises:
            UsageError: it is not of that form.

        Example:
            >>> Filter.of({"dev_score": [0.5, 1], "state": {"in": ["complete"]}}).ranges
            {'dev_score': (0.5, 1.0)}
        """
        if not isinstance(form, dict):
            raise UsageError("a filter must be an object of columns")
        ranges: dict[str, tuple[float, float]] = {}
        words: dict[str, tuple[str, ...]] = {}
        for name, one in form.items():
            if isinstance(one, dict) and isinstance(one.get("in"), list):
                words[name] = tuple(str(word) for word in one["in"])
            elif isinstance(one, list) and len(one) == 2 and all(_is_end(end) for end in one):
                low, high = one
                ranges[name] = (-math.inf if low is None else float(low), math.inf if high is None else float(high))
            else:
                raise UsageError('a filter must be [low, high] or {"in": [words]} for each column')
        return cls(ranges, words)

    def kept(self, trials: TrialColumns) -> np.ndarray:
        """Which trials it lets through, bool of shape (trials,).

        Raises:
            UsageError: a column is not there, or holds no words.
        """
        found = np.ones(len(trials), bool)
        for name, (low, high) in self.ranges.items():
            values = trials[_known(trials, name)].values
            found &= (values >= low) & (values <= high)
        for name, words in self.words.items():
            column = trials[_known(trials, name)]
            codes = [code for code, option in enumerate(column.options) if option in words]
            found &= np.isin(column.values, codes)
        return found


def page(
    trials: TrialColumns, sort: str, descending: bool, kept: Filter, offset: int, size: int
) -> tuple[np.ndarray, int]:
    """Find the trials of one page of the table.

    Args:
        trials: of a study.
        sort: the column by which they are sorted; trials without a value come last.
        descending: whether the greatest comes first.
        kept: which trials are meant.
        offset: trials before the page.
        size: trials on the page, at most 200.

    Returns:
        Their places, and how many trials are meant in all.

    Raises:
        UsageError: a column is not there.
    """
    column = trials[_known(trials, sort)]
    places = np.flatnonzero(kept.kept(trials))
    keys = column.values[places]
    if column.options:
        rank = np.argsort(np.argsort(np.array(column.options, object), kind="stable"), kind="stable")
        keys = np.where(np.isnan(keys), np.nan, rank[np.nan_to_num(keys).astype(int)])
    order = np.argsort(-keys if descending else keys, kind="stable")
    first = max(0, offset)
    return places[order[first : first + min(max(1, size), MOST_ROWS)]], len(places)


def sample(trials: TrialColumns, sign: float, most: int = MOST_POINTS) -> np.ndarray:
    """Pick trials for the charts: all with a dev score, or the best of them and every so many-th of the others.

    Args:
        trials: of a study.
        sign: 1 if a greater dev score is better, -1 otherwise.
        most: how many at most.

    Returns:
        Their places, in order.
    """
    scores = sign * trials["dev_score"].values
    scored = np.flatnonzero(np.isfinite(scores))
    if len(scored) <= most:
        return scored
    best = int(BEST_SHARE * most)
    order = scored[np.argsort(-scores[scored], kind="stable")]
    others = np.sort(order[best:])
    evenly = np.unique(np.linspace(0, len(others) - 1, most - best).astype(int))
    return np.sort(np.concatenate([order[:best], others[evenly]]))


def rows_of(trials: TrialColumns, places: np.ndarray, digits: int = 6) -> JsonObject:
    """The values of some trials by column, fit for JSON."""
    return {name: column.shown(places, digits) for name, column in trials.columns.items()}


def _known(trials: TrialColumns, name: str) -> str:
    if name not in trials.columns:
        raise UsageError(f"no column {name[:80]!r} in the table of trials{nearest(name[:80], list(trials.columns))}")
    return name


def _is_end(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value))
