"""Importance of hyperparameters: how much of the difference between trials each one makes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ikura.diagnose.merit import ranked
from ikura.errors import UsageError, nearest
from ikura.exchange.distribution import distribution, quiet
from ikura.space import Choice, Parameter, Space

__all__ = ["AMONG", "METHODS", "importance"]

METHODS = ("ped-anova", "fanova")
AMONG = ("all", "good")
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
        assessing hyperparameter importance, ICML 2014. Both evaluators are Optuna's.
    """
    for name, value, known in (("method", method, METHODS), ("among", among, AMONG)):
        if value not in known:
            raise UsageError(f"{name} must be one of {', '.join(known)}, but is {value!r}{nearest(value, known)}")
    search = trials[trials["purpose"] != "finalist"]
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
    seen = _thinned(rows, MOST[method])
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
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


def _nothing(note: str) -> pd.DataFrame:
    table = pd.DataFrame({name: pd.Series(dtype=object if name == COLUMNS[0] else float) for name in COLUMNS})
    table.attrs["note"] = note
    return table


def _covering(rows: pd.DataFrame, among: str) -> pd.DataFrame:
    """The first stage, if it has enough trials that trained to their end; of them the good ones where asked."""
    ended = rows[rows["state"] != "pruned"]
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
    from optuna.importance import PedAnovaImportanceEvaluator

    region = 1.0 if among == "all" else max(REGION, 4 * FEWEST_TARGET / len(rows))
    target = max(TARGET if among == "all" else TARGET / 2, FEWEST_TARGET / len(rows))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=target, region_quantile=region)
    kinds = {name: _own_scale(space[name]) for name in names}
    columns = {name: _values(rows[name], space[name]) for name in names}
    rank = rows["rank"].to_numpy()

    study = _study(columns, kinds, rank)

    def measured(values: np.ndarray) -> dict[str, float]:
        return evaluator.evaluate(study, params=names, target=lambda trial: values[trial.number])

    random = np.random.default_rng(0)
    inside = rank <= np.quantile(rank, region, method="inverted_cdf")
    shuffled = []
    for _ in range(SHUFFLES):
        values = rank.copy()
        values[inside] = random.permutation(values[inside])
        shuffled.append(measured(values))
    chance = {name: float(np.quantile([one[name] for one in shuffled], 0.95)) for name in names}
    return measured(rank), chance


def _fanova(rows: pd.DataFrame, names: list[str], space: Space) -> Mapping[str, float]:
    """Importance by fANOVA; what is on a logarithmic scale is seen on the unit interval, which Optuna leaves to us."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.importance import FanovaImportanceEvaluator

    kinds: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    for name in names:
        one, values = space[name], _values(rows[name], None)
        missing = any(value is None for value in values)
        if isinstance(one, Choice):
            kinds[name] = CategoricalDistribution((*one.options, *((INACTIVE,) if missing else ())))
            columns[name] = [INACTIVE if value is None else one.options[one.index(value)] for value in values]
        else:
            kinds[name] = FloatDistribution(0.0, 1.0)
            columns[name] = [0.5 if value is None else one.to_unit(value) for value in values]
    scores = rows["dev_score"].to_numpy(dtype=float)
    return FanovaImportanceEvaluator(seed=0).evaluate(_study(columns, kinds, scores))


def _own_scale(parameter: Parameter) -> Any:
    """The distribution on whose scale a parameter was drawn: of the complement where that is its scale."""
    from optuna.distributions import FloatDistribution

    if parameter.scale == "log-complement":
        return FloatDistribution(1 - parameter.high, 1 - parameter.low, log=True)  # type: ignore[attr-defined]
    return distribution(parameter)


def _values(column: pd.Series, parameter: Parameter | None) -> list[Any]:
    """A column's values as the space has them, None where the hyperparameter is not active."""
    values = [None if missing else value for value, missing in zip(column, column.isna(), strict=True)]
    if isinstance(parameter, Choice):
        return [None if value is None else parameter.options[parameter.index(value)] for value in values]
    if parameter is not None and parameter.scale == "log-complement":
        low, high = 1 - parameter.high, 1 - parameter.low  # type: ignore[attr-defined]
        return [None if value is None else min(max(1 - value, low), high) for value in values]
    return values


def _study(columns: Mapping[str, list[Any]], kinds: Mapping[str, Any], values: np.ndarray) -> Any:
    """A study of Optuna in memory whose trials have these values; less is better."""
    import optuna

    study = optuna.create_study(direction="minimize")
    for i, value in enumerate(values):
        has = {name: column[i] for name, column in columns.items() if column[i] is not None}
        study.add_trial(
            optuna.trial.create_trial(value=float(value), params=has, distributions={name: kinds[name] for name in has})
        )
    return study
