"""Studies of Optuna: written from a study of ikura, read as a space with trials to learn from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ikura.errors import SpaceError, UsageError, listed, nearest
from ikura.exchange.optuna_distributions import parameter_of, quiet
from ikura.exchange.prior import Prior
from ikura.space import Choice, Fixed, Integer, Parameter, Space, choice, integer, linear, log
from ikura.trial_state import State

if TYPE_CHECKING:
    import optuna

__all__ = ["error_line", "from_optuna"]


def from_optuna(study_or_storage: Any, name: str | None = None) -> Prior:
    """Read a study of Optuna as a search space and trials to learn from.

    Ranges that change from trial to trial are taken together. A parameter that some trials lack becomes conditional
    where the values of another one tell when it is there. With several objectives the first is taken.

    Args:
        study_or_storage: a study, a storage, or a storage's URL.
        name: the study's name; not needed when the storage has just one.

    Returns:
        The space and the trials, for `ikura.tune(..., space=prior.space, prior=prior)`.

    Raises:
        UsageError: there is no such study; the names that exist are offered.
        SpaceError: a parameter cannot be written as one of ikura's.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(direction="maximize")
        >>> study.optimize(lambda trial: -trial.suggest_float("learning_rate", 1e-4, 1, log=True), n_trials=3)
        >>> prior = from_optuna(study)
        >>> prior.space["learning_rate"], len(prior.trials)
        (Log(low=0.0001, high=1.0), 3)
    """
    import optuna

    study = study_or_storage if isinstance(study_or_storage, optuna.Study) else _opened(study_or_storage, name)
    trials = study.get_trials(deepcopy=False)
    space = _space(trials)
    states = {"COMPLETE": State.COMPLETE, "PRUNED": State.PRUNED, "FAIL": State.DIVERGED, "RUNNING": State.RUNNING}
    records = []
    for trial in trials:
        score = trial.values[0] if trial.values else math.nan
        if trial.state.name == "PRUNED" and not trial.values and trial.intermediate_values:
            score = trial.intermediate_values[max(trial.intermediate_values)]
        about = {"number": trial.number, "state": states.get(trial.state.name, State.WAITING)}
        records.append({**about, **{key: trial.params.get(key) for key in space}, "score": score})
    frame = pd.DataFrame(records, columns=["number", "state", *space, "score"])
    return Prior(space, frame, study.directions[0].name == "MAXIMIZE")


def _opened(storage: Any, name: str | None) -> optuna.Study:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(storage, str) and "://" not in storage:
        raise UsageError(f"{storage!r} is no storage of Optuna; an SQLite file is written sqlite:///{storage}")
    if isinstance(storage, str) and storage.startswith("sqlite:///") and not _exists(storage):
        raise UsageError(f"there is no file {storage.removeprefix('sqlite:///')}")
    try:
        with quiet():
            names = optuna.get_all_study_names(storage)
            chosen = names[0] if name is None and len(names) == 1 else name
            if chosen in names:
                return optuna.load_study(study_name=chosen, storage=storage)
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError, ImportError, TypeError) as error:
        raise UsageError(f"cannot open the storage {storage!r}: {error_line(error)}") from None
    known = f"it has {listed(names)}" if names else "it has none"
    if name is None:
        raise UsageError(f"name one of the storage's studies: {known}; ikura.from_optuna(url, name) takes any of them")
    raise UsageError(f"the storage has no study {name!r}{nearest(name, names)}: {known}")


def _exists(url: str) -> bool:
    from pathlib import Path

    return Path(url.removeprefix("sqlite:///").split("?")[0]).is_file()


def error_line(error: BaseException) -> str:
    """What an error of a storage says first."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0] if str(error).strip() else repr(error)


def _space(trials: list[Any]) -> Space:
    ranges: dict[str, Parameter] = {}
    for trial in trials:
        for name, one in trial.distributions.items():
            try:
                found = parameter_of(one)
                ranges[name] = found if name not in ranges else _together(ranges[name], found)
            except SpaceError as error:
                raise SpaceError(f"[{name}] {error}") from None
    tables = {name: one.as_dict() for name, one in ranges.items()}
    always = [name for name in ranges if all(name in trial.params for trial in trials if trial.params)]
    for name in ranges:
        if name not in always and (requires := _condition(name, always, ranges, trials)):
            tables[name]["when"] = requires
    return Space.from_dict(tables)


def _together(one: Parameter, other: Parameter) -> Parameter:
    """A parameter that has the values of both."""
    if one == other:
        return one
    if isinstance(one, Choice) and isinstance(other, Choice):
        return choice(*one.options, *(option for option in other.options if not one.contains(option)))
    ends, others = _ends(one), _ends(other)
    if not ends or not others or _whole(one) != _whole(other):
        raise SpaceError(f"its trials disagree about what it is: {one} and {other}")
    low, high = min(*ends, *others), max(*ends, *others)
    scales = [part.scale for part in (one, other) if part.varies]
    both_log = bool(scales) and all("log" in scale for scale in scales)
    if _whole(one):
        return integer(int(low), int(high), log=both_log)
    return log(low, high) if both_log else linear(low, high)


def _whole(one: Parameter) -> bool:
    return isinstance(one, Integer) or (isinstance(one, Fixed) and isinstance(one.value, int))


def _ends(one: Parameter) -> tuple[float, ...]:
    """Lowest and highest number of a parameter, the same for a single one; empty for what is no number."""
    if one.numeric:
        return one.low, one.high  # type: ignore[attr-defined]
    single = one.value if isinstance(one, Fixed) else None
    return (single, single) if isinstance(single, int | float) and not isinstance(single, bool) else ()


def _condition(
    name: str, always: list[str], ranges: Mapping[str, Parameter], trials: list[Any]
) -> Mapping[str, list[Any]]:
    """The values of another parameter at which this one is there, if they tell."""
    for parent in always:
        if not isinstance(ranges[parent], Choice | Integer):
            continue
        there = {trial.params[parent] for trial in trials if name in trial.params}
        absent = {trial.params[parent] for trial in trials if trial.params and name not in trial.params}
        if there and not there & absent:
            return {parent: sorted(there, key=str)}
    return {}
