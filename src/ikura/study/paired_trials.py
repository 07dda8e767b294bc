"""Two trials compared epoch by epoch, in pairs: they had the same mini-batches, noise and dev examples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ikura.engine import engine_for
from ikura.population.training import TrainingRun
from ikura.process_state import one_thread_each
from ikura.study.factory_check import check_network
from ikura.study.record.trial import Trial
from ikura.study.replay import check_trained, trained_again
from ikura.study.training_setup import setup_again

if TYPE_CHECKING:
    from ikura.study.record.record import Record

__all__ = ["paired"]

LEVEL = 0.95


def paired(record: Record, one: Trial, other: Trial) -> pd.DataFrame:
    """Train two trials again and compare them, as `Study.compare`.

    Raises:
        UsageError: one has not been trained, or the network's factory was not given.
    """
    for trial in (one, other):
        check_trained(record.store, trial)
    _, setup = setup_again(record.setting, record.run, record.network)
    check_network(record.store, record.setting, setup)
    losses: list[list[np.ndarray]] = []
    scores = []
    for trial in (one, other):
        each: list[np.ndarray] = []

        def watch(training: TrainingRun, place: int, each: list[np.ndarray] = each) -> None:
            each.append(training.dev_losses()[place])

        with one_thread_each(setup.needs_torch), engine_for(setup, 1) as engine:
            outcome = trained_again(record.setting, record.store, setup, engine, trial, watch=watch)
        losses.append(each)
        scores.append(outcome.curve[:, 2])
    rows = []
    for place, (first, second) in enumerate(zip(*losses, strict=False)):
        value, half = _difference(second - first)
        score = float(scores[1][place] - scores[0][place])
        rows.append((place + 1, score, value, value - half, value + half))
    return pd.DataFrame(rows, columns=["epoch", "dev_score", "dev_loss", "low", "high"])


def _difference(each: np.ndarray) -> tuple[float, float]:
    """Mean of the differences over examples, and half of its 95 % interval by Student's t."""
    n = len(each)
    spread = float(each.std(ddof=1)) if n > 1 else math.nan
    half = 0.0 if spread == 0 else float(stdtrit(n - 1, (1 + LEVEL) / 2)) * spread / math.sqrt(n)
    return float(each.mean()), half
