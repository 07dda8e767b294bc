"""How much worse the model becomes where a column says nothing."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ikura.explain.dev_rows import DevRows
from ikura.metric import Metric
from ikura.metric.paired_gain import paired_gain

__all__ = ["ColumnImportance", "permutation_importance"]


@dataclass(frozen=True)
class ColumnImportance:
    """What a column is worth to the model.

    Attributes:
        column: its name.
        loss: by how much the metric becomes worse where the column's values are dealt out anew among the rows; below 0
            where it becomes better.
        low, high: its 95 % interval over dev rows; NaN where the metric is not defined on them.
    """

    column: str
    loss: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval lies above 0: beyond chance, the model looks at the column."""
        return bool(self.low > 0)


def permutation_importance(
    rows: DevRows,
    metric: Metric,
    repeats: int,
    seed: int,
    say: Callable[[int, int], None] = lambda done, of: None,
) -> list[ColumnImportance]:
    """Measure the importance of each column, the most important first.

    Of a column: L = s(X, y) - mean over r of s(X with the column permuted, y), for a metric s of which more is better,
    and the other way round else. Rows keep everything but that column. The interval is the percentile interval of a
    bootstrap of the rows in pairs: each resample draws the same rows for the model with and without the column.
    A column that says what another one says too is worth little by itself.

    Args:
        rows: dev rows and the model.
        metric: what is measured.
        repeats: permutations of each column.
        seed: keys permutations and resamples.
        say: told how many columns are done.

    Source: Breiman (2001), Random forests, Machine Learning 45, section 10; Fisher, Rudin and Dominici (2019), All
    models are wrong, but many are useful, JMLR 20.
    """
    base, found = rows.predicted(rows.frame), []
    for place, column in enumerate(rows.columns):
        permuted = []
        for repeat in range(repeats):
            random = np.random.default_rng([seed % 2**63, zlib.crc32(column.name.encode()), repeat])
            order = random.permutation(len(rows.frame))
            values = rows.frame[column.name].iloc[order].reset_index(drop=True)
            permuted.append(rows.predicted(rows.frame.assign(**{column.name: values})))
        loss, ends = paired_gain(metric, base, permuted, rows.target, seed)
        found.append(ColumnImportance(column.name, loss, *ends))
        say(place + 1, len(rows.columns))
    return sorted(found, key=lambda one: (np.isnan(one.loss), -one.loss))
