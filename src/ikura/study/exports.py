"""Handing a study over: to Optuna, and as tables on disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikura.errors import UsageError
from ikura.exchange.optuna import error_line
from ikura.exchange.optuna_distributions import distribution, quiet
from ikura.exchange.table_files import check_table, write_table
from ikura.space import Space
from ikura.study.record.trial import Trial
from ikura.trial_state import TRAINED, State

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from ikura.study.record.record import Record

__all__ = ["export_optuna", "export_tables", "to_optuna"]

KEPT = ("parent", "stage", "dev_loss", "train_score", "train_loss", "epochs", "best_epoch", "seconds")
"""What Optuna has no place for."""


def export_optuna(record: Record, storage: Any, name: str | None) -> optuna.Study:
    """Write a study as one of Optuna's, as `Study.to_optuna`."""
    name = name or record.title
    better = record.metric.greater_is_better
    return to_optuna(record.records(), record.curves(), record.searched, better, name, storage)


def to_optuna(
    trials: Iterable[Trial],
    curves: pd.DataFrame,
    space: Space,
    greater_is_better: bool,
    name: str,
    storage: Any = None,
) -> optuna.Study:
    """Write trials as a study of Optuna; `Study.to_optuna` is the way to call it.

    Args:
        trials: of the study.
        curves: as `Study.curves`.
        space: what was searched.
        greater_is_better: direction of the dev score.
        name: the study's name.
        storage: a storage of Optuna or its URL; None for memory.

    Returns:
        The study.

    Raises:
        UsageError: the storage has a study of this name, or cannot be opened.
    """
    import optuna
    from optuna.trial import TrialState

    states = {State.PRUNED: TrialState.PRUNED, **dict.fromkeys(TRAINED, TrialState.COMPLETE)}
    kinds = {parameter: distribution(space[parameter]) for parameter in space}
    scores = curves.dropna(subset=["dev_score"])
    steps = {
        number: dict(zip(group["epoch"].tolist(), group["dev_score"].tolist(), strict=True))
        for number, group in scores.groupby("number")
    }
    with quiet():
        study = _created(name, storage, greater_is_better)
        now = datetime.now()
        for trial in trials:
            score = trial.dev_score
            state = states.get(trial.state, TrialState.FAIL)
            if score is None or not math.isfinite(score):
                state = TrialState.FAIL
            study.add_trial(
                optuna.trial.FrozenTrial(
                    number=-1,
                    trial_id=-1,
                    state=state,
                    value=None if state == TrialState.FAIL else score,
                    datetime_start=now,
                    datetime_complete=now + timedelta(seconds=trial.seconds),
                    params=dict(trial.hyperparameters),
                    distributions={parameter: kinds[parameter] for parameter in trial.hyperparameters},
                    user_attrs=_kept(trial),
                    system_attrs={},
                    intermediate_values=steps.get(trial.number, {}),
                )
            )
    return study


def _created(name: str, storage: Any, greater_is_better: bool) -> optuna.Study:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    direction = optuna.study.StudyDirection.MAXIMIZE if greater_is_better else optuna.study.StudyDirection.MINIMIZE
    try:
        return optuna.create_study(storage=storage, study_name=name, direction=direction)
    except optuna.exceptions.DuplicatedStudyError:
        raise UsageError(f"the storage has a study {name!r} already; choose another name") from None
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError, ImportError) as error:
        raise UsageError(f"cannot open the storage {storage!r}: {error_line(error)}") from None


def _kept(trial: Trial) -> dict[str, object]:
    values = {"purpose": trial.purpose.value} | {name: getattr(trial, name) for name in KEPT}
    return {"state": trial.state.value} | {name: value for name, value in values.items() if value is not None}


def export_tables(record: Record, trials: str | Path | None, curves: str | Path | None) -> list[Path]:
    """Write tables of a study, as `Study.export`; every place is checked before the first is written."""
    wanted: list[tuple[str | Path | None, Callable[[], pd.DataFrame]]] = [
        (trials, lambda: record.trials),
        (curves, record.curves),
    ]
    paths = [(check_table(path), make) for path, make in wanted if path is not None]
    if not paths:
        raise UsageError("name a file to export to: trials=..., curves=..., or both")
    if len({path.resolve() for path, _ in paths}) < len(paths):
        raise UsageError(f"trials and curves are both to go to {paths[0][0]}; name a file for each")
    return [write_table(make(), path) for path, make in paths]
