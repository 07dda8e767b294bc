"""Importance of hyperparameters: how much of the difference between trials each one makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ikura.diagnose.ped_anova import axis, divergences
from ikura.diagnose.trial_ranks import ranked
from ikura.errors import UsageError, nearest
from ikura.exchange.optuna_distributions import quiet
from ikura.process_state import ignored_warnings
from ikura.space import Choice, Parameter, Space
from ikura.study.record.record import Record
from ikura.study.record.trial import Purpose
from ikura.trial_state import State

__all__ = ["AMONG", "METHODS", "importance", "importance_of"]

METHODS = ("ped-anova", "fanova")
"""How importance is measured."""
AMONG = ("all", "good")
"""Among which trials: all of them, or the good ones."""
COLUMNS = ("hyperparameter", "importance", "chance", "trials")

TARGET, REGION = 0.1, 0.25
FEWEST_TARGET = 5
FEWEST = {"all": 20, "good": 80}
MOST = {"ped-anova": 2000, "fanova": 400}
SHUFFLES = 20
INACTIVE = "(inactive)"


def importance(
    trials: pd.DataFrame, space: Space, greater_is_better: bool, method: str = "ped-anova", among: str = "all"
) -> pd.DataFrame:
    """Measure how much each hyperparameter decides about the dev score.

    PED-ANOVA compares how a hyperparameter is distributed among the best trials and among all of them. Trials are
    ranked within their stage (`ikura.diagnose.ranked`). A conditional hyperparameter is compared among the trials that
    have it, weighted by their share of the best and of all. fANOVA fits a forest to the scores and takes apart its
    variance; it wants trials that cover the space evenly, so that of a search in stages it sees the first one only.
    To it an inactive number is the middle of its range, an inactive choice an option of its own. Both see every
    hyperparameter on its own scale.

    Trials without a score (diverged, not trained) are left out.

    Args:
        trials: as `Study.trials`.
        space: what was searched.
        greater_is_better: direction of the dev score.
        method: "ped-anova" or "fanova" (slow: it looks at 400 trials at most).
        among: "all": what it takes to be among the best tenth of all trials; "good": what it takes to be among the
            best twentieth for those that are among the best quarter already.

    Returns:
        hyperparameter, importance (a share: together they make 1), chance (PED-ANOVA only: what a hyperparameter
        without any influence stays below in 19 of 20 cases), trials (that have it); the most important first. With too
        few trials it is empty. `attrs["note"]` says in a sentence what was looked at, or why there are no numbers.

    Raises:
        UsageError: method or among is unknown; the nearest is offered.

    References:
        Watanabe, Bansal and Hutter, PED-ANOVA, IJCAI 2023; Hutter, Hoos and Leyton-Brown, An efficient approach for
        assessing hyperparameter importance, ICML 2014. fANOVA is Optuna's.
    """
    for name, value, known in (("method", method, METHODS), ("among", among, AMONG)):
        if value not in known:
            raise UsageError(f"{name} must be one of {', '.join(known)}, but is {value!r}{nearest(value, known)}")
    search = trials[trials["purpose"] != Purpose.FINALIST]
    rows = ranked(trials, greater_is_better)
    names = [name for name in space.dimensions if name in rows and rows[name].notna().any()]
    without = len(search) - len(rows)
    left_out = f"; {without:,} without a score {'is' if without == 1 else 'are'} left out" if without else ""
    if len(rows) < FEWEST[among]:
        needed = f"at least {FEWEST[among]} trials with a score are needed"
        which = "matters" if among == "all" else "matters among the good ones"
        return _nothing(
            f"There are too few trials to tell what {which}: {needed}, and there are {len(rows):,}{left_out}."
        )
    if not names:
        return _nothing("No hyperparameter varied.")
    if rows["rank"].nunique() < 2:
        return _nothing(f"All {len(rows):,} trials scored the same{left_out}.")
    if method == "fanova":
        rows = _covering(rows, among)
    rows = rows.assign(**{name: _known(rows[name], space[name]) for name in names})
    seen = _thinned(rows, MOST[method])
    shares, chance = (
        _ped_anova(seen, names, space, among) if method == "ped-anova" else (_fanova(seen, names, space), {})
    )
    total = sum(shares.values()) or 1.0
    table = pd.DataFrame(
        {
            "hyperparameter": names,
            "importance": [shares.get(name, 0.0) / total for name in names],
            "chance": [chance.get(name, np.nan) / total for name in names],
            "trials": [int(rows[name].notna().sum()) for name in names],
        }
    )
    table = table.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)
    sampled = f", {len(seen):,} of them looked at" if len(seen) < len(rows) else ""
    stage = " of the first stage" if method == "fanova" and rows["stage"].nunique() < search["stage"].nunique() else ""
    table.attrs["note"] = f"From {len(rows):,} trials{stage} with a score{sampled}{left_out}."
    return table


def importance_of(record: Record, among: str = "all") -> pd.DataFrame:
    """Measure it of a study, by PED-ANOVA; as long as its store is still, only once.

    Args:
        record: of the study.
        among: as for `importance`.

    Returns:
        The table, which nobody must change.
    """

    def measured() -> pd.DataFrame:
        return importance(record.trials, record.searched, record.metric.greater_is_better, among=among)

    return record.store.once(("importance", among), measured)


def _nothing(note: str) -> pd.DataFrame:
    table = pd.DataFrame({name: pd.Series(dtype=object if name == COLUMNS[0] else float) for name in COLUMNS})
    table.attrs["note"] = note
    return table


def _known(column: pd.Series, parameter: Parameter) -> pd.Series:
    """A hyperparameter's values, without options that were never searched, which a hand can give a trial."""
    if not isinstance(parameter, Choice):
        return column
    values = column.tolist()
    # Apart by type: 1 and True are the same key, and not the same option.
    keys = list(zip(map(type, values), values, strict=True))
    searched = {key: pd.isna(key[1]) or parameter.contains(key[1]) for key in set(keys)}
    return column.where(np.fromiter(map(searched.__getitem__, keys), bool, len(keys)))


def _covering(rows: pd.DataFrame, among: str) -> pd.DataFrame:
    """The first stage, if it has enough trials that trained to their end; of them the good ones where asked."""
    ended = rows[rows["state"] != State.PRUNED]
    ended = ended if len(ended) >= FEWEST["all"] else rows
    first = ended[ended["stage"] == ended["stage"].min()]
    ended = first if len(first) >= FEWEST[among] else ended
    return ended[ended["rank"] <= REGION] if among == "good" else ended


def _thinned(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many trials, evenly from the best to the worst."""
    if len(rows) <= most:
        return rows
    order = np.argsort(rows["rank"].to_numpy(), kind="stable")
    return rows.iloc[np.sort(order[np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))])]


def _ped_anova(
    rows: pd.DataFrame, names: list[str], space: Space, among: str
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Importance by PED-ANOVA, and what it comes to when the ranks are dealt out anew."""
    rank = rows["rank"].to_numpy()
    region = rank <= _quantile(rank, 1.0 if among == "all" else max(REGION, 4 * FEWEST_TARGET / len(rows)))
    target = max(TARGET if among == "all" else TARGET / 2, FEWEST_TARGET / len(rows))
    random = np.random.default_rng(0)
    dealt = np.repeat(rank[None], 1 + SHUFFLES, 0)
    for one in dealt[1:]:
        one[region] = random.permutation(one[region])
    axes = [axis(rows[name], space[name]) for name in names]
    found = divergences(axes, region, dealt <= _quantile(rank, target))
    chance = np.quantile(found[1:], 0.95, axis=0)
    return dict(zip(names, found[0], strict=True)), dict(zip(names, chance, strict=True))


def _quantile(rank: np.ndarray, share: float) -> float:
    return float(np.quantile(rank, share, method="inverted_cdf"))


def _fanova(rows: pd.DataFrame, names: list[str], space: Space) -> Mapping[str, float]:
    """Importance by fANOVA; what is on a logarithmic scale is seen on the unit interval, which Optuna leaves to us."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.importance import FanovaImportanceEvaluator

    kinds: dict[str, CategoricalDistribution | FloatDistribution] = {}
    columns: dict[str, list[Any]] = {}
    for name in names:
        one, missing = space[name], rows[name].isna()
        values = rows[name].astype(object).mask(missing, None)
        if isinstance(one, Choice):
            kinds[name] = CategoricalDistribution((*one.options, *((INACTIVE,) if missing.any() else ())))
            columns[name] = [INACTIVE if value is None else one.options[one.index(value)] for value in values]
        else:
            kinds[name] = FloatDistribution(0.0, 1.0)
            columns[name] = [0.5 if value is None else one.to_unit(value) for value in values]
    scores = rows["dev_score"].to_numpy(dtype=float)
    with quiet(), ignored_warnings:
        return FanovaImportanceEvaluator(seed=0).evaluate(_study(columns, kinds, scores))


def _study(columns: Mapping[str, list[Any]], kinds: Mapping[str, Any], values: np.ndarray) -> Any:
    """A study of Optuna in memory whose trials have these values; less is better."""
    import optuna

    study = optuna.create_study(direction="minimize")
    for i, value in enumerate(values):
        has = {name: column[i] for name, column in columns.items()}
        study.add_trial(optuna.trial.create_trial(value=float(value), params=has, distributions=dict(kinds)))
    return study
