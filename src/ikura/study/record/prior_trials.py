"""What a study knows before it begins: observations from elsewhere, kept in its store."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ikura.errors import UsageError, listed
from ikura.exchange.prior import KnownTrial, Prior
from ikura.metric import Metric
from ikura.search import EARLIER, Observation
from ikura.space import Space
from ikura.space.terms import term_of
from ikura.study.record.facts import PRIOR
from ikura.study.record.record import Record
from ikura.study.record.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PriorTrials", "prior_observations", "prior_of", "trials_of_prior"]


@dataclass(frozen=True)
class PriorTrials:
    """Records for the store, and sentences for the user."""

    records: list[KnownTrial] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def trials_of_prior(prior: Prior | Record | None, space: Space, metric: Metric) -> PriorTrials:
    """Take from a prior what a search of a space can learn from.

    Raises:
        UsageError: it is no prior, its direction is another, or none of its trials fits the space.
    """
    if prior is None:
        return PriorTrials()
    if isinstance(prior, Record):
        if prior.metric.name != metric.name:
            raise UsageError(
                f"the prior's metric is {prior.metric.name}, the study's {metric.name}; they must be the same"
            )
        prior = prior_of(prior)
    if not isinstance(prior, Prior):
        raise UsageError(f"prior is a Study or what ikura.from_optuna returns, but got {type(prior).__name__}")
    records, left_out = prior.observations(space, metric.greater_is_better)
    hints = _hints(prior.space, space)
    if not records and hints:
        raise UsageError(
            f"none of the prior's {left_out} trials lies in the search space: rename its hyperparameters "
            f"{listed(hints)}, as prior.space and the columns of prior.trials have them"
        )
    if not records:
        raise UsageError(
            f"none of the prior's {left_out} trials lies in the search space "
            f"(it has {', '.join(prior.space) or 'no hyperparameters'}); give space=prior.space, or as many trials "
            "as that study had, on which the default space depends"
        )
    note = f"{len(records)} trials known beforehand"
    notes = [f"{note}; {left_out} unfinished or outside the space left out" if left_out else note]
    return PriorTrials(records, [*notes, *(f"what the prior's {hint} was is not looked at" for hint in hints)])


def _hints(names: Iterable[str], space: Space) -> list[str]:
    """Say what a prior's hyperparameters are called here, where the space has none of that name."""
    terms = {name: term for name in names if name not in space and (term := term_of(name)) is not None}
    return [f"{name} (here {term.here!r})" for name, term in terms.items() if term.here in space]


def prior_of(record: Record, trials: pd.DataFrame | None = None) -> Prior:
    """What another study can learn from this one: the trials of its search.

    Args:
        record: of this study.
        trials: `record.trials`, where they have been read.
    """
    trials = record.trials if trials is None else trials
    search = trials[trials["purpose"] == "search"].assign(score=lambda rows: rows["dev_score"])
    return Prior(record.space, search, record.metric.greater_is_better)


def prior_observations(store: Store) -> list[Observation]:
    """Read what was known beforehand, numbered from -1 downwards, as observations of a stage before the first."""
    known = store.fact(PRIOR) or []
    return [
        Observation(-1 - i, EARLIER, one["configuration"], math.nan if one["score"] is None else one["score"], math.nan)
        for i, one in enumerate(known)
    ]
