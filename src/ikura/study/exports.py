"""Handing a study over: to Optuna, and as tables on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikura.errors import UsageError
from ikura.exchange.optuna import to_optuna
from ikura.exchange.table_files import check_table, write_table

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from ikura.study.record.record import Record

__all__ = ["export_optuna", "export_tables"]


def export_optuna(record: Record, storage: Any, name: str | None) -> optuna.Study:
    """Write a study as one of Optuna's, as `Study.to_optuna`."""
    name = name or record.run.resolve().name
    better = record.metric.greater_is_better
    rows = [asdict(one) | {"state": one.state.value, "purpose": one.purpose.value} for one in record.records()]
    return to_optuna(rows, record.curves(), record.searched, better, name, storage)


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
