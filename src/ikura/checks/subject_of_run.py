"""A run as a subject: its data, and the network and setting of its best trial."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from ikura.checks.make_subject import table_of
from ikura.checks.subject import Subject
from ikura.data.open_source import open_source
from ikura.errors import RunError
from ikura.files import shown
from ikura.lazy_torch import nn
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.space._base import Configuration
from ikura.study.factory_check import check_network
from ikura.study.record.facts import BEST, ENSEMBLE
from ikura.study.record.open_run import open_run
from ikura.study.record.setting import Setting
from ikura.study.training_setup import examples_of, setup_again

__all__ = ["is_run", "subject_of_run"]


def is_run(path: Path) -> bool:
    """Whether a path is a run folder."""
    return (path / "config.toml").is_file()


def subject_of_run(run: Path, network: Any = None, hyperparameters: Mapping[str, Any] | None = None) -> Subject:
    """Make a subject of a run; the run is read and not written to.

    Args:
        run: the run folder.
        network: the factory, if the run trained the caller's own networks.
        hyperparameters: what is to be otherwise than in the best trial.

    Raises:
        RunError: the folder holds no run, or its data are gone.
        UsageError: the run trains networks of the caller's own, and their factory was not given.
    """
    setting = Setting.load(run)
    dataset, setup = setup_again(setting, run, network)
    trial, found = _trial(run, setting, setup)
    given = {**found, **(hyperparameters or {})}
    data, options = setting.data_again(run)
    table = table_of(open_source(data, options), options, dataset)
    test = examples_of(dataset.test, setting.dtype, setup.network)

    def make(seed: int) -> nn.Module:
        return setup.module(Member(0, given, setting.seed + seed))

    return Subject(
        f"{shown(run)}, {trial}",
        setting.task,
        setup.train,
        setup.dev,
        test if len(test.y) else None,
        len(dataset.task.classes or []),
        network=make,
        fresh=(lambda: (make(0), make(0))) if setting.custom else None,
        given=given,
        table=table,
        seed=setting.seed,
        integers=setting.custom and setup.train.whole_numbers,
    )


def _trial(run: Path, setting: Setting, setup: TrainingSetup) -> tuple[str, Configuration]:
    """What to call it, and the hyperparameters, of the best trial, or of the first where there is no best one yet.

    A factory that is not the run's is refused: what is found of another network says nothing of the run. The store is
    read from a copy: opening an SQLite database can write to its folder.
    """
    _, store = open_run(run, copied=True)
    with closing(store):
        check_network(store, setting, setup)
        best, trials, ensemble = store.fact(BEST), store.trials(), store.fact(ENSEMBLE)
    if best is None and not trials:
        raise RunError(f"{run}: the run has no trials yet; check its data instead")
    if best:
        one = ", one network and not the ensemble" if ensemble is not None and ensemble.used else ""
        return f"trial {best.number}{one}", dict(best.hyperparameters)
    return f"trial {trials[0].number}", dict(trials[0].hyperparameters)
