"""Resume: a run that was stopped or killed, to the result it would have had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ikura.api.notebook import usual_progress
from ikura.api.run import go_on
from ikura.api.study import Study
from ikura.engine.workplace import EngineOptions, workplace_for
from ikura.errors import UsageError
from ikura.files import named
from ikura.lazy_torch import nn
from ikura.population.member import Hyperparameters
from ikura.study.legs import add_home
from ikura.study.record.address import Address
from ikura.study.record.decision import Ask
from ikura.study.record.facts import DONE, VERSIONS
from ikura.study.record.open_run import apply_changes, open_address, open_run
from ikura.study.record.own_functions import give_again
from ikura.study.record.progress import Logged, Progress
from ikura.study.record.store import Store
from ikura.study.record.versions import difference
from ikura.study.run_folder import alone, sweep_run
from ikura.study.store_folder import (
    check_data,
    new_folder_for,
    raw_setting,
    setting_here,
    study_place,
    with_data,
    write_folder,
)
from ikura.study.training_setup import make_setup, network_again

__all__ = ["resume"]


def resume(
    run: str | Path | None = None,
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    progress: Progress | None = None,
    ask: Ask | None = None,
    *,
    engine: str = "auto",
    address: str | None = None,
    workers: int | None = None,
    store: str | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    data: str | Path | None = None,
    loss: Any = None,
    metric: Any = None,
    metrics: Sequence[Any] | None = None,
    callbacks: Sequence[Any] | None = None,
    training_step: Any = None,
    optimizer: Any = None,
) -> Study:
    """Go on with a run that was stopped or killed, to the result it would have had.

    Args:
        run: the run folder.
        network: the factory, if the networks are the caller's own.
        progress: who is told how it goes.
        ask: as for `tune`; needed if the run was begun with one.
        engine, address, workers: where the rest of it trains, as for `tune`, whatever it began with.
        store, name: in place of a run folder, the URL of a PostgreSQL database and the study's name there
            (docs/stores.md). Its run folder is taken where it stands on this machine; otherwise one is made, and
            networks whose snapshots and weights are elsewhere are trained again.
        out: with these, the run folder; by default where the study was trained, or runs/NAME.
        data: where the data's file or folder lies now, the same as at the beginning; by default where it lay.
        loss, metric, metrics, callbacks, training_step, optimizer: functions of your own that the run was begun with,
            in a process in which they were not given or registered yet.

    Returns:
        The finished study; at once if it had been finished.

    Raises:
        RunError: the folder holds no run, or the database no such study; or its data are gone, not here, or have
            changed.
        UsageError: the run asks before each step, and nobody is there to ask; neither a folder nor store and name were
            given.
    """
    options = EngineOptions(engine, address, workers).checked_with(None)
    progress = Logged(usual_progress(progress))
    place = _place(run, store, name, out)
    own = (loss, metric, metrics, callbacks, training_step, optimizer)
    if any(one is not None for one in own):
        give_again(raw_setting(place) if isinstance(place, Address) else place, *own)
    setting, known = open_address(place) if isinstance(place, Address) else open_run(place)
    study = Study(place, network, (setting, known))
    with closing(known):
        done, home = known.fact(DONE), study.home
    if done:
        progress.say(f"{study.called} is finished already; nothing is trained again")
        return study
    asks = setting.autopilot is not None and setting.autopilot.ask
    if asks and ask is None:
        raise UsageError(f"{study.called} asks before each step: resume it in a terminal, or give ask=… in Python")
    if isinstance(place, Address):
        setting = setting_here(setting, place, data)
        check_data(setting, place, home)
        folder = new_folder_for(place, setting, out)
    else:
        setting, folder = with_data(setting, data), place
    with alone(folder), closing(Store(setting.place(folder)).hold()) as held:
        if not isinstance(place, Address):
            sweep_run(folder)
            progress.opened(folder)
        dataset = setting.prepare(folder)
        setup = make_setup(setting, dataset, network_again(setting, folder, network))
        with workplace_for(options, setup, setting.jobs, folder, progress.say) as workplace:
            if isinstance(place, Address):
                write_folder(folder, setting)
                progress.opened(folder)
            elif data is not None:
                setting.save(folder)
            if setting.store is not None:
                add_home(held, folder)
            for line in (*apply_changes(held, setting), difference(held.fact(VERSIONS) or {})):
                if line:
                    progress.say(line)
            return go_on(folder, setting, held, dataset, setup, progress, ask if asks else None, workplace)


def _place(run: str | Path | None, store: str | None, name: str | None, out: str | Path | None) -> Path | Address:
    """The run folder of what is to be resumed; where there is none here, the address of the study."""
    if store is not None:
        if run is not None or name is None:
            raise UsageError("a study on a server is known by store and name, without a run folder")
        found = study_place(store, name, out)
        return found if isinstance(found, Address) else found.absolute()
    if run is None or name is not None or out is not None:
        raise UsageError("give a run folder, or store=URL and name=NAME of a study on a server")
    return named(run, "the run folder").absolute()
