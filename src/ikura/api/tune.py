"""Tune: from data to a chosen, tested, saved network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ikura.api.final_test import finish
from ikura.api.study import Study
from ikura.data import Dataset, prepare
from ikura.data.options import DataOptions
from ikura.data.whole import Arrays
from ikura.diagnose.before import before
from ikura.engine import at_once, engine_for
from ikura.errors import UsageError
from ikura.exchange.prior import Prior
from ikura.files import named, shown
from ikura.metric import metric as metric_of
from ikura.population.cache import check_compiler
from ikura.population.member import Hyperparameters, Member
from ikura.population.setup import TrainingSetup
from ikura.population.tile_size import COMPILED_TILE, measure_tile_size
from ikura.population.warmup import warm_up
from ikura.process_state import cores, one_thread_each
from ikura.search import schedule as schedule_of
from ikura.space import Space
from ikura.space.argument_names import picked, refuses_unknown
from ikura.study.arguments import (
    alone,
    automatic,
    begin_folder,
    check_arguments,
    check_names,
    chosen_metric,
    chosen_space,
    end_opening,
    findings,
    new_folder,
    run_folder,
    sweep_run,
)
from ikura.study.arrays import arrays_for, with_whole_numbers
from ikura.study.cost import check_bound
from ikura.study.executor import Executor
from ikura.study.factory_check import check_network, keep_network
from ikura.study.freezing import choose_freezing
from ikura.study.image_samples import pictures
from ikura.study.measurable import check_measurable
from ikura.study.measured_costs import measure
from ikura.study.positive import positive_of, wanted_positive
from ikura.study.record.data_record import Origin
from ikura.study.record.device import chosen_device
from ikura.study.record.enter import enter, form, set_anew
from ikura.study.record.networks import OWN, budget, check_channels, chosen_network, resolved
from ikura.study.record.objectives import Aims
from ikura.study.record.pretrained import Pretrained
from ikura.study.record.prior import observed
from ikura.study.record.progress import Logged, Progress
from ikura.study.record.record import Record
from ikura.study.record.search_plans import Ask, plans
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.versions import difference, versions
from ikura.study.search import search as run_search
from ikura.study.shortlist import Shortlist
from ikura.study.training_setup import make_setup, network_again
from ikura.study.unused_hyperparameters import unread
from ikura.study.workable import workable

__all__ = ["resume", "tune"]

REPLICATES = 3
DEFAULT_TRIALS = 128
NO_FINALISTS = (
    "no finalists are trained, because hyperparameters changed on the way to the best network; that network is kept"
)


@refuses_unknown
def tune(
    data: Any,
    target: str | None = None,
    *,
    task: str = "auto",
    network: str | Callable[[Hyperparameters], nn.Module] | None = None,
    space: Space | Mapping[str, Any] | None = None,
    trials: int | None = None,
    epochs: int | None = None,
    time_limit: float | None = None,
    search: str = "coarse-to-fine",
    schedule: str = "early-stopping",
    finalists: int | None = None,
    metric: str | None = None,
    objectives: Sequence[str] | None = None,
    prefer: str | None = None,
    within: float | None = None,
    max_parameters: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    out: str | Path | None = None,
    group: str | None = None,
    time: str | None = None,
    kinds: Mapping[str, str] | None = None,
    image_size: int | None = None,
    broken: str = "refuse",
    channels: str | None = None,
    dev: Any = None,
    test: Any = None,
    positive: Any = None,
    standardise: bool | None = None,
    missing: Sequence[str] | None = None,
    decimal: str | None = None,
    dates: str | None = None,
    prior: Prior | Study | None = None,
    auto: bool = False,
    ask: Ask | None = None,
    bayes_error: float | None = None,
    human_error: float | None = None,
    checks: bool = True,
    progress: Progress | None = None,
) -> Study:
    """Search hyperparameters with populations of networks, choose the best on the dev set, test it once, and save it.

    Args:
        data: path of a table (CSV, TSV, Parquet), folder of images by class (or of MNIST's or CIFAR's files), .npz
            file, name of a bundled data set, pandas frame, or (x, y) arrays of shapes (rows, ...) and (rows,); an x of
            bytes and of shape (rows, 1 or 3, height, width) is images.
        target: the column to predict; not needed when one is called target, label, class or y.
        task: "auto", "binary", "multiclass" or "regression".
        network: name of a network: mlp (fully connected), cnn (small convolutional) or one of `ikura.nn.zoo.NETWORKS`;
            or the factory of a network from its hyperparameters. By default cnn for images, (x, y) with x of shape
            (rows, channels, height, width), and mlp for everything else. A factory reads what the space names
            (`hp.units` if it names units) and always `hp.inputs`, `hp.outputs` and `hp.shape` (of one example). The
            module maps (rows, inputs) to (rows, outputs): one logit for binary classes, one a class, or one value.
        space: what to search; by default chosen by the number of trials.
        trials: configurations to try; by default 128, with `auto` and a time limit as many as the time holds.
        epochs: passes over the training set of a trial at most; by default 100, and 15 for the network cnn.
        time_limit: seconds; three quarters of them go to the search, the rest to the finalists. A trial in work when
            its time is over keeps its best weights so far.
        search: "coarse-to-fine", "random", "halton", "sobol", "grid", "tpe", "gp" or "cma-es".
        schedule: "early-stopping", "none" (every trial trains all its epochs), "successive-halving", "hyperband",
            "asha", "racing" (who is worse than the leader beyond chance ends), or "pbt" (population-based training:
            there the best trial's own network is kept, without finalists, because its hyperparameters changed on the
            way).
        finalists: configurations that are trained again in full, with three other seeds each; 0 for none; by default 4,
            and 1 for the network cnn.
        metric: what trials are compared by; accuracy for classes and r2 for regression by default.
        objectives: what else a network should have little of: "parameters", "inference_seconds" (of 64 examples),
            "training_seconds". `study.pareto` holds the trials that nothing is better than in all of them and the dev
            score; finalists come from there.
        prefer: one of these objectives: of the configurations whose dev score is nearly that of the best, choose the
            one with the least of it. By default the best dev score is chosen.
        within: how much worse a dev score "nearly" allows; by default one standard error of the best.
        max_parameters: weights beyond which a configuration is infeasible; it is recorded and never trained.
        seed: the same seed gives the same study: to the bit for the built-in network; networks of your own are stacked
            in tiles of a size that is measured, and rounding depends on it.
        jobs: tiles that train at once; by default one for each core.
        device: "auto", "cpu" or "cuda"; auto is a GPU for networks of your own if there is one, the CPU otherwise.
        dtype: "float32" or "float64".
        out: the run folder; by default a new one under runs/.
        group: column whose groups stay together in one part of the split.
        time: column by which the oldest rows train and the newest test.
        kinds: column -> numeric, category, boolean, datetime or ignore, where its kind is to be another.
        image_size: side of the square in pixels that the images of a folder are scaled and cut to; needed where their
            sizes differ.
        broken: "refuse" image files that cannot be read, or "skip" and count them.
        channels: "first" or "last": where arrays of four dimensions have their channels. Bytes, as images, show it by
            their shape, unless that fits both.
        dev, test: a dev and a test set of their own, each in any form in which data are given; what is not given is
            taken from the data. The types of the data decide how they are read.
        positive: of two classes the one that f1 is about; by default the rarer one.
        standardise: for (x, y) and a network of your own, which gets x whole: by default floats are standardised by the
            training rows, and whole numbers, such as the ids of tokens, stay as they are where the network takes them;
            True standardises both, False neither.
        missing: words that stand for a missing value, also in the target; by default NA, n/a, None, ? and the like, and
            none in a target of words. An empty field always does.
        decimal: "." or ",", the decimal mark where two readings are possible, as in a column of 1,234 and 5,678.
        dates: "dayfirst" or "monthfirst", where both are possible, as in a column of 02/03/2024.
        prior: finished trials that the search learns from before its first stage: what `ikura.from_optuna` returns, or
            an earlier study; its scores must be of the same metric.
        auto: after the first search say what is wrong, bias or variance, change the space or the epochs as the recipe
            prescribes and search again, until neither is worth more effort or trials or time are spent
            (docs/autopilot.md).
        ask: with `auto`, called with each decision before it is carried out; returns "accept", "skip" or "stop".
        bayes_error, human_error: with `auto`, the least error that can be achieved, or a person's, in the unit in which
            `study.diagnosis` gives errors.
        checks: whether to make the quick checks of data and network before training (docs/checks.md); `study.checks`
            has their results.
        progress: who is told how it goes; the same is logged by the logger "ikura", what may be wrong as warnings.

    Returns:
        The finished study.

    Raises:
        UsageError: the data, the space or an argument cannot be used; the message says what would be right.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> study = tune("iris", trials=4, epochs=5, finalists=0, out=folder + "/iris")
        >>> len(study.trials), study.best.number in range(4)
        (4, True)
    """
    given, began = locals(), _clock()
    progress = Logged(progress)
    check_arguments(trials=trials, epochs=epochs, finalists=(finalists, 0), seed=(seed, 0), jobs=jobs)
    if time_limit is not None and not time_limit > 0:
        raise UsageError(f"time_limit must be above 0 seconds, but is {time_limit}")
    check_names(search, schedule, dtype)
    flight = automatic(auto, ask, trials, time_limit, bayes_error, human_error)
    trials = DEFAULT_TRIALS if trials is None else trials
    aims = Aims.of(objectives or [], prefer, within, max_parameters)
    place = None if out is None else run_folder(data, out).absolute()
    options = picked(DataOptions, given)
    origin = Origin.of(data, target, ignored=options.ignored)
    named = origin.target if isinstance(data, tuple) else target
    parts = {
        part: Origin.of(one, named, part, options.ignored)
        for part, one in (("dev", dev), ("test", test))
        if one is not None
    }
    arrays = arrays_for(network, standardise)
    taken = {part: one.data for part, one in parts.items()}
    options = replace(options, target=origin.target, positive=wanted_positive(positive, metric), **taken)

    def opened_as(arrays: Arrays | None) -> Dataset:
        fitted = network.encoder if isinstance(network, Pretrained) else None
        return prepare(origin.data, options, seed=seed, fitted=fitted, arrays=arrays)

    dataset = opened_as(arrays)
    chosen = chosen_metric(metric, dataset.task.name)
    check_measurable(dataset, metric_of(chosen, dataset.task.name), dtype)
    if isinstance(network, Pretrained) and network.freeze == "auto":
        freezing = choose_freezing(
            network, dataset, folded=not (group or time), seed=seed, dtype=dtype, say=progress.say
        )
        network = replace(network, freeze=freezing.chosen)
        dataset.summary["notes"] = [*dataset.summary.get("notes", []), str(freezing)]
    name = chosen_network(network, dataset)
    check_channels(name, dataset, channels)
    notes = [*origin.notes, *(note for part in parts.values() for note in part.notes)]
    dataset.summary["notes"] = [*notes, *dataset.summary["notes"]]
    device = chosen_device(device, name != "mlp")
    epochs, finalists = budget(name, epochs, finalists)
    if finalists and schedule_of(schedule).copies:
        progress.say(f"schedule {schedule}: {NO_FINALISTS}")
        finalists = 0
    freeze = network.freeze if isinstance(network, Pretrained) else None
    opened, note = chosen_space(space, name, flight.get("first", trials), dataset, freeze, epochs)
    factory = network if name == OWN and not isinstance(network, str | Pretrained) else None
    if factory is not None:
        middle = opened.from_unit(dict.fromkeys(opened.dimensions, 0.5))
        dataset, arrays = with_whole_numbers(opened_as, dataset, arrays, factory, middle)
    known = observed(prior, opened, metric_of(chosen, dataset.task.name))
    read, *noted, space_note = findings(dataset, note)
    progress.say(read)
    for line in noted:
        progress.warn(line)
    for line in (space_note, *known.notes):
        progress.say(line)
    for line in unread(factory, opened, dataset, seed) if factory is not None else ():
        progress.warn(line)
    checked = _checked(dataset, factory, opened, seed, progress) if checks else None
    setting = Setting(
        data=origin.record,
        target=origin.target if origin.record["kind"] == "arrays" else dataset.task.target,
        task=dataset.task.name,
        trials=trials,
        epochs=epochs,
        search=search,
        schedule=schedule,
        finalists=finalists,
        replicates=REPLICATES,
        metric=chosen,
        seed=seed,
        jobs=jobs or cores(),
        device=device,
        dtype=dtype,
        network=name,
        pretrained=network.record if isinstance(network, Pretrained) else {},
        space=opened.as_dict(),
        space_note=note,
        time_limit=None if time_limit is None else float(time_limit),
        group=group,
        time=time,
        kinds=dict(kinds or {}),
        image_size=image_size,
        broken=broken if dataset.summary["images"] else None,
        channels=channels,
        positive=positive_of(dataset.task, positive, chosen),
        dev=parts["dev"].record if dev is not None else {},
        test=parts["test"].record if test is not None else {},
        arrays=None if arrays is None else arrays.value,
        missing=None if missing is None else [str(word) for word in missing],
        decimal=decimal,
        dates=dates,
        objectives=list(aims.objectives),
        prefer=aims.prefer,
        within=aims.within,
        max_parameters=aims.max_parameters,
        auto=flight,
    )
    if aims.max_parameters is not None:
        check_bound(make_setup(setting, dataset, resolved(name, network)), opened, aims.max_parameters)
    if name in ("mlp", "cnn"):
        check_compiler()
    run = new_folder(data) if place is None else place
    with alone(run, made=place is None):
        run_folder(data, run)
        begin_folder(run)
        for one in (origin, *parts.values()):
            one.keep(run)
        if isinstance(network, Pretrained):
            network.keep(run)
        store = Store(run / "study.db", create=True)
        facts: dict[str, Any] = {"summary": dataset.summary, "setting": form(setting), "versions": versions()}
        if checked is not None:
            facts["checks"] = checked
        if shown := pictures(dataset, opened, seed):
            facts["pictures"] = shown
        if known.records:
            facts["prior"] = known.records
        if earlier := before(prior):
            facts["before"] = earlier
        store.set_facts(facts | {"seconds": {"read": _clock() - began}})
        setting.save(run)
        end_opening(run)
        progress.opened(run)
        return _run(run, setting, store, dataset, resolved(name, network), progress, ask)


def resume(
    run: str | Path,
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    progress: Progress | None = None,
    ask: Ask | None = None,
) -> Study:
    """Go on with a run that was stopped or killed, to the result it would have had.

    Args:
        run: the run folder.
        network: the factory, if the networks are the caller's own.
        progress: who is told how it goes.
        ask: as for `tune`; needed if the run was begun with one.

    Returns:
        The finished study; at once if it had been finished.

    Raises:
        RunError: the folder holds no run, or its data are gone or have changed.
        UsageError: the run asks before each step, and nobody is there to ask.
    """
    run, progress = named(run, "the run folder").absolute(), Logged(progress)
    setting, known = enter(run)
    with closing(known):
        done = known.fact("done")
    if done:
        progress.say(f"{shown(run)} is finished already; nothing is trained again")
        return Study(run, network, (setting, known))
    if setting.auto.get("ask") and ask is None:
        raise UsageError(f"{shown(run)} asks before each step: resume it in a terminal, or give ask=… in Python")
    with alone(run), closing(Store(run / "study.db")) as store:
        sweep_run(run)
        progress.opened(run)
        dataset = setting.prepare(run)
        for line in (*set_anew(store, setting), difference(store.fact("versions", {}))):
            if line:
                progress.say(line)
        again = resolved(setting.network, network_again(setting, run, network))
        return _run(run, setting, store, dataset, again, progress, ask if setting.auto.get("ask") else None)


_clock = time.perf_counter


def _run(
    run: Path,
    setting: Setting,
    store: Store,
    dataset: Dataset,
    network: Callable[[Hyperparameters], nn.Module] | None,
    progress: Progress,
    ask: Ask | None,
) -> Study:
    from ikura.diagnose.prescription import keep_spaces

    with closing(store):
        setup = make_setup(setting, dataset, network)
        space = Space.from_dict(setting.space)
        with one_thread_each():
            if setup.compiled:
                with store.timed("compile"):
                    warm_up(setting.dtype, progress.say, setup.convolutional)
            if store.fact("tile_size") is None:
                keep_network(store, setting, setup)
            check_network(store, setting, setup)
            tile_size = store.fact("tile_size")
            if tile_size is None:
                with store.timed("prepare"):
                    tile_size = _tile_size(setup, space, setting, progress.say)
                store.set_fact("tile_size", tile_size)
            jobs = at_once(setting.jobs, progress.say)
            with engine_for(setup, jobs, progress.say) as engine:
                sign = 1.0 if metric_of(setting.metric, setting.task).greater_is_better else -1.0
                executor = Executor(
                    run, store, setup, engine, progress, sign, setting.seed, tile_size, jobs, setting.aims
                )
                going_on = True
                while going_on:
                    for one in plans(setting, store):
                        limited = replace(executor, deadline=_deadline(setting, store, one.until))
                        made = one.proposer(setting.search, setting.seed)
                        run_search(limited, made, schedule_of(setting.schedule), one, Shortlist(limited))
                    going_on = bool(setting.auto) and _decided(executor, setting, ask, network)
                limited = replace(executor, deadline=_deadline(setting, store, 1.0))
                measure(limited)
                finish(limited, setting, dataset)
        study = Study(run, network, (setting, store))
        with store.timed("report"):
            if store.fact("errors") is not None:
                keep_spaces(study, study.prescriptions)
            study.report()
        store.set_fact("done", True)
    return study


def _checked(dataset: Dataset, factory: Any, space: Space, seed: int, progress: Logged) -> dict[str, Any]:
    """Make the quick checks, say what they find, and return their results as JSON values.

    Raises:
        UsageError: one failed that no study can go on with.
    """
    from ikura.checks.quick import quick_checks, told

    found = workable(space, lambda hyperparameters: quick_checks(dataset, factory, hyperparameters, seed))
    for line in told(found):
        progress.warn(line)
    return found.to_json()


def _decided(executor: Executor, setting: Setting, ask: Ask | None, network: Any) -> bool:
    """Let the autopilot decide; whether there is another search."""
    from ikura.diagnose.autopilot import decide

    return decide(Record(executor.run, network, (setting, executor.store)), executor, setting, ask)


def _tile_size(setup: TrainingSetup, space: Space, setting: Setting, say: Callable[[str], None]) -> int:
    if setup.compiled:
        return max(4, min(COMPILED_TILE, setting.trials // 12))
    return workable(space, lambda one: measure_tile_size(setup, [Member(0, one, setting.seed)] * setting.trials, say))


def _deadline(setting: Setting, store: Store, share: float) -> float | None:
    """When a share of the time limit will have been used, counting what earlier stages and processes used."""
    if setting.time_limit is None:
        return None
    return time.time() + share * setting.time_limit - sum(store.fact("seconds", {}).values())
