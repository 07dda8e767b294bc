"""How good the trials of a study are, comparable across its stages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikura.study.record.trial import Purpose
from ikura.trial_state import State

__all__ = ["ranked"]


def ranked(trials: pd.DataFrame, greater_is_better: bool) -> pd.DataFrame:
    """Rank the trials of the search that have a dev score, each within its stage.

    Stages differ in epochs and in where they sample, so that scores of two stages say little about hyperparameters; a
    trial's rank among its own stage does. Within a stage those that trained to the end come first, then pruned ones
    by the epochs they were given; then the dev score counts, then the dev loss.

    Args:
        trials: as `Study.trials`; finalists and trials without a finite dev score are left out.
        greater_is_better: direction of the dev score.

    Returns:
        The rows with a column "rank": the share of the stage's trials that are at least as good, in (0, 1].

    Example:
        >>> trials = pd.DataFrame({"number": [0, 1, 2], "state": ["complete", "complete", "diverged"],
        ...     "purpose": "search", "stage": 0, "dev_score": [0.5, 0.9, np.nan], "dev_loss": 0.1, "epochs": 3})
        >>> ranked(trials, True)[["number", "rank"]].values.tolist()
        [[0.0, 1.0], [1.0, 0.5]]
    """
    scores = pd.to_numeric(trials["dev_score"], errors="coerce").astype(float)
    kept = (trials["purpose"] != Purpose.FINALIST) & (trials["state"] != State.DIVERGED) & np.isfinite(scores)
    rows = trials[kept].copy()
    pruned = (rows["state"] == State.PRUNED).to_numpy()
    keys = np.column_stack(
        [
            pruned,
            np.where(pruned, -rows["epochs"].to_numpy(dtype=float), 0.0),
            (-1.0 if greater_is_better else 1.0) * scores[kept].to_numpy(),
            np.nan_to_num(pd.to_numeric(rows["dev_loss"], errors="coerce").to_numpy(dtype=float), nan=np.inf),
        ]
    )
    rank = np.ones(len(rows))
    stages = rows["stage"].to_numpy()
    for stage in np.unique(stages):
        places = np.flatnonzero(stages == stage)
        order = places[np.lexsort(keys[places].T[::-1])]
        last = np.append((keys[order[1:]] != keys[order[:-1]]).any(axis=1), True)
        ends = np.flatnonzero(last) + 1
        rank[order] = np.repeat(ends, np.diff(ends, prepend=0)) / len(order)
    return rows.assign(rank=rank)
