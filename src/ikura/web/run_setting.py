"""What a run's config.toml says that the page shows; nothing that would need PyTorch is imported for it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ikura.errors import RunError
from ikura.files import shown
from ikura.json_values import JsonObject
from ikura.study.record.address import Address
from ikura.web.database_reader import facts, reading
from ikura.web.located import CONFIG, Run

__all__ = ["RunSetting", "read_setting"]

LESS_IS_BETTER = ("log_loss", "brier", "rmse", "mae", "quantile")
"""Metrics that come with ikura of which less is better, without what stands behind a colon."""
MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class RunSetting:
    """What a study was begun with.

    Attributes:
        metric: what trials are compared by.
        trials, epochs: of the search.
        space: the range of each hyperparameter, as config.toml has it.
        objectives: what else counts.
        about: words on data and search.
        greater_is_better: direction of the metric; None in runs of before it was written down.
    """

    metric: str
    trials: int
    epochs: int
    space: dict[str, JsonObject] = field(default_factory=dict)
    objectives: tuple[str, ...] = ()
    about: dict[str, str] = field(default_factory=dict)
    greater_is_better: bool | None = None

    @property
    def sign(self) -> float:
        """1 if a greater dev score is better, -1 otherwise."""
        greater = (
            self.metric.partition(":")[0] not in LESS_IS_BETTER
            if self.greater_is_better is None
            else self.greater_is_better
        )
        return 1.0 if greater else -1.0


def read_setting(run: Run) -> RunSetting:
    """Read the config.toml of a run; of a study on a server, whose folder may be elsewhere, what is recorded of it.

    Raises:
        RunError: it is not there, or not one of ikura.
    """
    place = str(run) if isinstance(run, Address) else shown(run / CONFIG)
    try:
        values = _recorded(run) if isinstance(run, Address) else _written(run / CONFIG)
        space = {name: one for name, one in dict(values["space"]).items() if isinstance(one, dict)}
        return RunSetting(
            str(values["metric"]),
            int(values["trials"]),
            int(values["epochs"]),
            space,
            tuple(str(one) for one in values.get("objectives", ())),
            {name: _words(values.get(name)) for name in ("data", "task", "search", "schedule", "network", "target")},
            _truth(values.get("greater_is_better")),
        )
    except OSError as error:
        raise RunError(f"{place}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{place}: not a setting of ikura ({error})") from error


def _written(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_BYTES:
        raise RunError(f"{shown(path)}: not a setting of ikura: it is too large")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _recorded(address: Address) -> dict[str, Any]:
    with reading(address) as connection:
        found = facts(connection, "setting").get("setting")
    if not isinstance(found, dict):
        raise RunError(f"{address}: the study was never begun")
    return found


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return Path(str(value.get("path") or value.get("name") or value.get("kind") or "")).name
    return "" if value is None else str(value)
