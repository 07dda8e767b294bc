"""Resume: a run that was stopped or killed, to the result it would have had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ikura.api.notebook import usual_progress
from ikura.api.run import go_on
from ikura.api.study import Study
from ikura.engine.workplace import EngineOptions
from ikura.errors import UsageError
from ikura.files import named, shown
from ikura.lazy_torch import nn
from ikura.population.member import Hyperparameters
from ikura.study.record.decision import Ask
from ikura.study.record.facts import DONE, VERSIONS
from ikura.study.record.open_run import apply_changes, open_run
from ikura.study.record.own_functions import give_again
from ikura.study.record.progress import Logged, Progress
from ikura.study.record.store import Store
from ikura.study.record.versions import difference
from ikura.study.run_folder import alone, sweep_run
from ikura.study.training_setup import make_setup, network_again

__all__ = ["resume"]


def resume(
    run: str | Path,
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    progress: Progress | None = None,
    ask: Ask | None = None,
    *,
    engine: str = "auto",
    address: str | None = None,
    workers: int | None = None,
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
        loss, metric, metrics, callbacks, training_step, optimizer: functions of your own that the run was begun with,
            in a process in which they were not given or registered yet.

    Returns:
        The finished study; at once if it had been finished.

    Raises:
        RunError: the folder holds no run, or its data are gone or have changed.
        UsageError: the run asks before each step, and nobody is there to ask.
    """
    options = EngineOptions(engine, address, workers).checked_with(None)
    run, progress = named(run, "the run folder").absolute(), Logged(usual_progress(progress))
    give_again(run, loss, metric, metrics, callbacks, training_step, optimizer)
    setting, known = open_run(run)
    with closing(known):
        done = known.fact(DONE)
    if done:
        progress.say(f"{shown(run)} is finished already; nothing is trained again")
        return Study(run, network, (setting, known))
    asks = setting.autopilot is not None and setting.autopilot.ask
    if asks and ask is None:
        raise UsageError(f"{shown(run)} asks before each step: resume it in a terminal, or give ask=… in Python")
    with alone(run), closing(Store(setting.place(run)).hold()) as store:
        sweep_run(run)
        progress.opened(run)
        dataset = setting.prepare(run)
        for line in (*apply_changes(store, setting), difference(store.fact(VERSIONS) or {})):
            if line:
                progress.say(line)
        setup = make_setup(setting, dataset, network_again(setting, run, network))
        return go_on(run, setting, store, dataset, setup, progress, ask if asks else None, options)
