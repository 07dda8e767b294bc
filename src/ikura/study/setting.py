"""The setting of a study: everything that was decided before it began, enough to repeat it."""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

from ikura import __version__
from ikura.data import BUNDLED, Dataset, prepare
from ikura.errors import RunError, UsageError, nearest
from ikura.population.snapshot import write_atomically

__all__ = ["Setting", "remember_data"]


@dataclass(frozen=True)
class Setting:
    """Everything resolved that a run depends on.

    Attributes:
        data: where the data come from: {"kind": "file", "path", "sha256"}, {"kind": "bundled", "name"}, or a copy in
            the run folder, {"kind": "frame" | "arrays", "path"}.
        target, task, group, time, kinds: as for `ikura.data.prepare`.
        space: the search space as `Space.as_dict()`; its sentence in `space_note`.
        trials, epochs, time_limit, search, schedule, finalists, replicates, metric, seed: the search.
        jobs, device, dtype: where and in which precision it trains.
        custom: whether the network came from the caller's factory.
    """

    data: dict[str, Any]
    target: str | None
    task: str
    trials: int
    epochs: int
    search: str
    schedule: str
    finalists: int
    replicates: int
    metric: str
    seed: int
    jobs: int
    device: str
    dtype: str
    custom: bool
    space: dict[str, Any]
    space_note: str
    time_limit: float | None = None
    group: str | None = None
    time: str | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    version: str = __version__

    def save(self, run: Path) -> None:
        """Write config.toml; settings that are None are left out."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        write_atomically(run / "config.toml", tomli_w.dumps(values).encode())

    @classmethod
    def load(cls, run: Path) -> Setting:
        """Read config.toml.

        Raises:
            RunError: the folder is not a run, or its file is not whole.
        """
        path = run / "config.toml"
        if not run.is_dir() or not path.is_file():
            near = nearest(run.name, [p.name for p in run.parent.iterdir()]) if run.parent.is_dir() else ""
            raise RunError(f"{run}: not a run folder of ikura (it has no config.toml){near}")
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            return cls(**{"target": None} | values)
        except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
            raise RunError(f"{path}: not a setting of ikura: {error}") from error

    def open_data(self, run: Path) -> Any:
        """Find the data again, as `ikura.data.prepare` takes them.

        Raises:
            RunError: they are gone or have changed.
        """
        kind = self.data["kind"]
        if kind == "bundled":
            return self.data["name"]
        if kind == "file":
            path = Path(self.data["path"])
            if not path.is_file():
                raise RunError(f"{path}: the data of {run} are no longer there")
            if _sha256(path) != self.data["sha256"]:
                raise RunError(f"{path}: the data have changed since {run} began; bring the old file back to go on")
            return path
        if kind == "frame":
            return pd.read_parquet(run / self.data["path"])
        with np.load(run / self.data["path"], allow_pickle=False) as arrays:
            return arrays["x"], arrays["y"]

    def prepare(self, run: Path) -> Dataset:
        """Read and split the data again, just as at the beginning."""
        return prepare(
            self.open_data(run),
            self.target,
            task=self.task,
            group=self.group,
            time=self.time,
            kinds=self.kinds or None,
            seed=self.seed,
        )


def remember_data(data: Any, run: Path) -> dict[str, Any]:
    """Describe the data so that a later process finds the same; data in memory are copied to the run folder.

    Raises:
        UsageError: the data are of no kind that ikura reads.
    """
    if isinstance(data, str | os.PathLike):
        path = Path(data)
        if not path.exists() and str(data) in BUNDLED:
            return {"kind": "bundled", "name": str(data)}
        return {"kind": "file", "path": str(path.absolute()), "sha256": _sha256(path)}
    if isinstance(data, pd.DataFrame):
        data.to_parquet(run / "data.parquet", index=False)
        return {"kind": "frame", "path": "data.parquet"}
    if isinstance(data, tuple) and len(data) == 2:
        x, y = data
        if isinstance(x, pd.DataFrame):
            name = getattr(y, "name", None) or "target"
            x.assign(**{str(name): np.asarray(y)}).to_parquet(run / "data.parquet", index=False)
            return {"kind": "frame", "path": "data.parquet", "target": str(name)}
        np.savez(run / "data.npz", x=np.asarray(x), y=np.asarray(y))
        return {"kind": "arrays", "path": "data.npz"}
    raise UsageError(f"data are a path, a bundled name, a DataFrame or (x, y), not {type(data).__name__}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
