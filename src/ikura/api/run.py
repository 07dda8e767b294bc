"""A study's run: begun with a plan or taken up again, to its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ikura.api.final_test import finish
from ikura.api.study import Study
from ikura.api.study_plan import StudyPlan
from ikura.data import Dataset
from ikura.diagnose.earlier_studies import earlier_studies
from ikura.engine import Engine
from ikura.engine.workplace import EngineName, Workplace
from ikura.errors import IkuraError, RunError, StorageError, UsageError
from ikura.exchange.prior import Prior
from ikura.metric import metric as metric_of
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.tile_size import COMPILED_TILE, measure_tile_size
from ikura.population.warmup import warm_up, warm_up_update
from ikura.process_state import one_thread_each
from ikura.search import schedule as schedule_of
from ikura.space import Space
from ikura.study.buildable import with_buildable
from ikura.study.executor import Executor
from ikura.study.factory_check import check_network, keep_network
from ikura.study.image_samples import image_samples
from ikura.study.legs import add_disagreement, add_leg
from ikura.study.measured_costs import measure
from ikura.study.record.address import Address, name_from
from ikura.study.record.decision import Ask
from ikura.study.record.facts import (
    CHECKS,
    DONE,
    EARLIER_STUDIES,
    ERRORS,
    HOMES,
    IMAGE_SAMPLES,
    PRIOR,
    SECONDS,
    SETTING,
    SUMMARY,
    TILE_SIZE,
    VERSIONS,
    WAYS,
    Fact,
)
from ikura.study.record.home import home_here
from ikura.study.record.interventions import Interventions
from ikura.study.record.open_run import setting_as_json
from ikura.study.record.pretrained import Pretrained
from ikura.study.record.progress import Progress
from ikura.study.record.record import Record
from ikura.study.record.search_plans import plans
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.versions import versions
from ikura.study.run_folder import begin_folder, clear_run, end_opening
from ikura.study.search_loop import search as run_search
from ikura.study.shortlist import Shortlist
from ikura.study.steered import Deadline
from ikura.study.ways_of_running import counted, foretell

__all__ = ["begin_run", "go_on", "write_plan"]


def begin_run(
    run: Path,
    plan: StudyPlan,
    prior: Prior | Study | None,
    progress: Progress,
    ask: Ask | None,
    began: float,
    workplace: Workplace,
) -> Study:
    """Write down what was planned, and carry it out; what is refused before there is a trial leaves nothing behind.

    Args:
        run: the run folder, held by this process.
        plan: what to do.
        prior: what the study follows.
        progress: who is told how it goes.
        ask: who is asked before each further search.
        began: when reading began, by `time.perf_counter`.
        workplace: where tiles train.
    """
    if plan.setting.store is not None and plan.setting.name is None:
        plan = replace(plan, setting=replace(plan.setting, name=name_from(run.name)))
    store = write_plan(run, plan, prior, progress, began)
    try:
        return go_on(run, plan.setting, store, plan.dataset, plan.setup, progress, ask, workplace)
    except (RunError, StorageError):
        raise
    except UsageError:
        _forget(run, plan.setting)
        raise


def _forget(run: Path, setting: Setting) -> None:
    """Remove a study that was refused before it had a trial; one that cannot be looked at stays."""
    with suppress(IkuraError):
        with closing(Store(setting.place(run))) as store:
            begun = store.count()
        if not begun:
            clear_run(run)


def write_plan(run: Path, plan: StudyPlan, prior: Prior | Study | None, progress: Progress, began: float) -> Store:
    """Write down what was planned: from then on the folder is a run; the arguments are those of `begin_run`."""
    place = plan.setting.place(run)
    # A server that refuses leaves nothing in the folder.
    on_server = Store(place, create=True).hold() if isinstance(place, Address) else None
    begin_folder(run)
    plan.given.keep(run)
    if isinstance(plan.network, Pretrained):
        plan.network.keep(run)
    store = Store(place, create=True).hold() if on_server is None else on_server
    facts: dict[Fact[Any], Any] = {
        SUMMARY: plan.dataset.summary.as_dict(),
        SETTING: setting_as_json(plan.setting),
        VERSIONS: versions(),
        CHECKS: None if plan.checks is None else plan.checks.to_json(),
        IMAGE_SAMPLES: image_samples(plan.dataset, plan.space, plan.setting.seed),
        PRIOR: plan.known.records,
        EARLIER_STUDIES: earlier_studies(prior),
        HOMES: [] if plan.setting.store is None else [home_here(run)],
    }
    always = (SUMMARY, SETTING, VERSIONS)
    facts = {fact: value for fact, value in facts.items() if value or fact in always}
    store.set_facts(facts | {SECONDS: {"read": time.perf_counter() - began}})
    plan.setting.save(run)
    end_opening(run)
    progress.opened(run)
    return store


def go_on(
    run: Path,
    setting: Setting,
    store: Store,
    dataset: Dataset,
    setup: TrainingSetup,
    progress: Progress,
    ask: Ask | None,
    workplace: Workplace,
) -> Study:
    """Train what is not on record yet, choose, test, and report."""
    from ikura.diagnose.prescription import keep_spaces

    with closing(store):
        space = Space.from_dict(setting.space)
        with one_thread_each(setup.needs_torch):
            if setup.compiled:
                with store.timed("compile"):
                    warm_up(setting.dtype, progress.say, setup.convolutional)
            elif setup.device == "cpu":
                with store.timed("compile"):
                    warm_up_update(setting.dtype, progress.say)
            if store.fact(TILE_SIZE) is None:
                keep_network(store, setting, setup)
            check_network(store, setting, setup)
            with store.timed("prepare"):
                inside = foretell(setup, space, setting.trials, setting.seed, setting.custom, progress.say)
                setup = replace(setup, mostly_programs=inside)
            tile_size = store.fact(TILE_SIZE)
            if tile_size is None:
                with store.timed("prepare"):
                    tile_size = _tile_size(setup, space, setting, progress.say)
                store.set_fact(TILE_SIZE, tile_size)
            with _engine(workplace, setup, store) as engine:
                sign = 1.0 if metric_of(setting.metric, setting.task).greater_is_better else -1.0
                executor = Executor(
                    run, store, setup, workplace, engine, progress, sign, setting.seed, tile_size, setting.wanted
                )
                going_on = True
                while going_on:
                    for one in plans(setting, store):
                        end = _deadline(setting, store, one.until, since=time.time())
                        limited = replace(executor, time=end, searching=True)
                        made = one.proposer(setting.search, setting.seed)
                        run_search(limited, made, schedule_of(setting.schedule), one, Shortlist(limited))
                    goes_on = setting.autopilot is not None and not Interventions(store).ended()
                    going_on = goes_on and _decided(executor, setting, ask)
                limited = replace(executor, time=_deadline(setting, store, 1.0))
                Interventions(store).close_search()
                measure(limited)
                finish(limited, setting, dataset)
        if setting.custom:
            trained = [trial.member for trial in store.trials() if trial.epochs]
            store.set_fact(WAYS, counted(setup, trained))
        study = Study(run, setup.network, (setting, store))
        with store.still():
            if store.fact(ERRORS) is not None:
                with store.timed("diagnosis"):
                    keep_spaces(study, study.prescriptions)
            progress.result(study)
            with store.timed("report"):
                study.report()
        store.set_fact(DONE, True)
    return study


@contextmanager
def _engine(workplace: Workplace, setup: TrainingSetup, store: Store) -> Iterator[Engine]:
    """An engine for the tiles of a study; where it trains is put on record."""
    workplace.note = partial(add_disagreement, store)
    with ExitStack() as held:
        with store.timed("begin workers") if workplace.name == EngineName.RAY else nullcontext():
            engine = held.enter_context(workplace.engine(setup))
        if workplace.seconds:
            seconds = store.fact(SECONDS) or {}
            store.set_fact(SECONDS, seconds | {"begin workers": seconds["begin workers"] + workplace.seconds})
        add_leg(store, workplace)
        yield engine


def _decided(executor: Executor, setting: Setting, ask: Ask | None) -> bool:
    """Let the autopilot decide; whether there is another search."""
    from ikura.diagnose.autopilot import decide

    return decide(Record(executor.run, executor.setup.network, (setting, executor.store)), executor, setting, ask)


def _tile_size(setup: TrainingSetup, space: Space, setting: Setting, say: Callable[[str], None]) -> int:
    if setup.threaded:
        return max(4, min(COMPILED_TILE, setting.trials // 12))
    return with_buildable(
        space,
        lambda one: measure_tile_size(setup, [Member(0, one, setting.seed)] * setting.trials, say, setting.jobs),
    )


def _deadline(setting: Setting, store: Store, share: float, since: float | None = None) -> Deadline:
    """When a share of the time limit will have been used, counting what earlier stages and processes used."""
    used = sum((store.fact(SECONDS) or {}).values())
    return Deadline(time.time() - used, share, setting.time_limit, since)
