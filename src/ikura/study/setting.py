"""The setting of a study: everything that was decided before it began, enough to repeat it."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import tomli_w

from ikura import __version__
from ikura.data import Dataset, prepare
from ikura.errors import RunError, UsageError, nearest
from ikura.metric import metric
from ikura.population.snapshot import write_atomically
from ikura.search import proposer, schedule
from ikura.space import Space
from ikura.study.aims import Aims
from ikura.study.networks import OWN, PRETRAINED, check_name
from ikura.study.origin import KINDS, reopen
from ikura.study.pretrained import Pretrained, fitted

__all__ = ["Setting"]

END = "# the end"
"""The last line of config.toml: a file cut off between two lines may still be TOML."""


@dataclass(frozen=True)
class Setting:
    """Everything resolved that a run depends on.

    Attributes:
        data: where the data come from, the record of an `Origin`.
        target, task, group, time, kinds, image_size, broken: as for `ikura.data.prepare`; broken is None where the
            data are no folder of images.
        space: the search space as `Space.as_dict()`; its sentence in `space_note`.
        trials, epochs, time_limit, search, schedule, finalists, replicates, metric, seed: the search.
        jobs, device, dtype: where and in which precision it trains.
        network: name of the network; "own" if it came from the caller's factory, "pretrained" if it began as a model.
        pretrained: the record of a `Pretrained`; empty for other networks.
        objectives, prefer, within, max_parameters: as for `ikura.study.aims.Aims`.
        auto: how an autopilot goes on from the first search: first (its trials), until (the share of the time limit at
            which it ends), ask, and what was said about the best achievable error; empty without one.
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
    network: str
    space: dict[str, Any]
    space_note: str
    pretrained: dict[str, Any] = field(default_factory=dict)
    time_limit: float | None = None
    group: str | None = None
    time: str | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    image_size: int | None = None
    broken: str | None = None
    objectives: list[str] = field(default_factory=list)
    prefer: str | None = None
    within: float | None = None
    max_parameters: int | None = None
    auto: dict[str, Any] = field(default_factory=dict)
    version: str = __version__

    @property
    def custom(self) -> bool:
        """Whether the network came from the caller's factory."""
        return self.network == OWN

    @property
    def aims(self) -> Aims:
        """What is wanted besides a good dev score."""
        return Aims.of(self.objectives, self.prefer, self.within, self.max_parameters)

    def save(self, run: Path) -> None:
        """Write config.toml; settings that are None are left out."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        write_atomically(run / "config.toml", f"{tomli_w.dumps(values)}\n{END}\n".encode())

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
            text = path.read_text(encoding="utf-8")
            values = tomllib.loads(text)
            if END not in text:
                raise UsageError("its end is missing")
            setting = cls(**{"target": None} | values)
            setting._check()
        except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError, UsageError) as error:
            raise RunError(f"{path}: not a setting of ikura: {error}") from error
        return setting

    def _check(self) -> None:
        """Refuse values of a wrong type, and names that do not exist."""
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name)
            kinds = tuple(get_origin(one) or one for one in get_args(kind)) if isinstance(kind, UnionType) else None
            wanted = kinds or get_origin(kind) or kind
            if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
                raise TypeError(f"{name} cannot be {value!r}")
        if self.data.get("kind") not in KINDS:
            raise TypeError(f"data cannot be of kind {self.data.get('kind')!r}")
        if self.network == PRETRAINED:
            Pretrained.of(self.pretrained)
        elif not self.custom:
            check_name(self.network)
        metric(self.metric, self.task)
        schedule(self.schedule)
        _ = self.aims
        proposer(self.search, Space.from_dict(self.space), self.seed)

    def prepare(self, run: Path) -> Dataset:
        """Read and split the data again, just as at the beginning."""
        return prepare(
            reopen(self.data, run),
            self.target,
            task=self.task,
            group=self.group,
            time=self.time,
            kinds=self.kinds or None,
            seed=self.seed,
            image_size=self.image_size,
            broken=self.broken or "refuse",
            fitted=fitted(self.pretrained),
        )
