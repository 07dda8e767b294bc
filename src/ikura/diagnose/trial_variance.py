"""Trial variance: how much a dev score differs when the same trial is trained again with another seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikura.study.record.trial import Purpose
from ikura.trial_state import TRAINED

__all__ = ["TrialVariance", "trial_variance"]


@dataclass(frozen=True)
class TrialVariance:
    """The spread of the finalists' dev scores over seeds.

    Attributes:
        deviation: standard deviation between two trainings of one configuration, pooled over configurations.
        configurations: how many were trained again.
        runs: trainings in all.
        between: standard deviation of the configurations' means; None with one configuration.
    """

    deviation: float
    configurations: int
    runs: int
    between: float | None


def trial_variance(trials: pd.DataFrame) -> TrialVariance | None:
    """Estimate the trial variance from the finalists, which are trained with several seeds each.

    Args:
        trials: as `Study.trials`.

    Returns:
        The spread; None when no configuration was trained to its end at least twice.

    References:
        Godbole et al., Deep learning tuning playbook: trial variance and study variance.
    """
    if "parent" not in trials:
        return None
    ended = trials["state"].isin(TRAINED) & np.isfinite(pd.to_numeric(trials["dev_score"], errors="coerce"))
    rows = trials[(trials["purpose"] == Purpose.FINALIST) & ended & trials["parent"].notna()]
    groups = [group.to_numpy(dtype=float) for _, group in rows.groupby("parent")["dev_score"] if len(group) > 1]
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom:
        return None
    pooled = sum(((group - group.mean()) ** 2).sum() for group in groups) / freedom
    means = [group.mean() for group in groups]
    between = float(np.std(means, ddof=1)) if len(means) > 1 else None
    return TrialVariance(float(np.sqrt(pooled)), len(groups), sum(map(len, groups)), between)
