"""The plan of a study: what is read, searched and trained is decided; nothing is written yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikura.api.study import Study
from ikura.built_in import OPTIMIZERS
from ikura.data import Dataset
from ikura.data.network_inputs import NetworkInputs
from ikura.data.options import DataOptions
from ikura.errors import UsageError
from ikura.exchange.prior import Prior
from ikura.lazy_torch import Module
from ikura.metric import default_metric, metric
from ikura.nn.loss import Loss
from ikura.page.chart_script import ChartScript, chart_script_of
from ikura.plugins import plugin_network, plugins_among
from ikura.population.cache import check_compiler
from ikura.population.member import Hyperparameters
from ikura.population.setup import TrainingSetup
from ikura.search import schedule
from ikura.space import Space
from ikura.space.argument_names import picked
from ikura.study.array_preparation import arrays_for, with_whole_numbers
from ikura.study.buildable import with_buildable
from ikura.study.chosen_space import chosen_space
from ikura.study.ensembles import check_averaged, check_folds
from ikura.study.freezing import choose_freezing
from ikura.study.given_data import GivenData
from ikura.study.loss_choice import check_labels_fit, check_loss_fits, task_of_loss
from ikura.study.metric_applicability import check_measurable, check_own_metrics
from ikura.study.network_cost import check_bound
from ikura.study.optimizer_check import check_optimizer
from ikura.study.positive_class import positive_of
from ikura.study.record.device import chosen_device
from ikura.study.record.networks import OWN, budget, check_channels, chosen_network, resolved
from ikura.study.record.own_functions import (
    callbacks_called,
    loss_called,
    loss_of,
    metric_called,
    optimizer_called,
    takes_given,
    training_step_called,
)
from ikura.study.record.pretrained import Pretrained
from ikura.study.record.prior_trials import PriorTrials, trials_of_prior
from ikura.study.record.progress import Logged
from ikura.study.record.setting import Setting
from ikura.study.record.tune_options import SearchOptions, TrainingOptions
from ikura.study.training_setup import make_setup
from ikura.study.unused_hyperparameters import unread

if TYPE_CHECKING:
    from ikura.checks import Checks

__all__ = ["Network", "StudyPlan", "make_plan", "planned"]

Network = str | Callable[[Hyperparameters], Module] | None
"""What `ikura.tune` takes as a network: its name, or its factory."""

NO_FINALISTS = (
    "no finalists are trained, because hyperparameters change on the way to the best network; that network is kept"
)


@dataclass(frozen=True)
class StudyPlan:
    """A study that has not begun.

    Args:
        given: the data as the caller gave them.
        setting: everything that was decided.
        dataset: the data as they were read.
        space: what is searched.
        network: the caller's own, or pretrained; a name otherwise.
        setup: what tiles are trained with.
        known: what is known beforehand.
        checks: results of the quick checks; None where they were not made.
    """

    given: GivenData
    setting: Setting
    dataset: Dataset
    space: Space
    network: Network
    setup: TrainingSetup
    known: PriorTrials
    checks: Checks | None


def planned(given: Mapping[str, Any], progress: Logged) -> StudyPlan:
    """Make the plan of a call.

    Args:
        given: the arguments of `ikura.tune` by name, its data as `data`.
        progress: who is told what was found.

    Raises:
        UsageError: the data, the space or an argument cannot be used.
    """
    metrics, stop_on = given["metrics"], given["stop_on"]
    called = dict(given)
    called |= {"loss": loss_called(given["loss"]), "metric": metric_called(given["metric"])}
    called |= {"callbacks": callbacks_called(given["callbacks"]), "optimizer": optimizer_called(given["optimizer"])}
    called["training_step"] = training_step_called(given["training_step"])
    called["stop_on"] = None if stop_on == "dev_loss" else metric_called(stop_on)
    called["metrics"] = None if metrics is None else tuple(str(metric_called(one)) for one in metrics)
    return make_plan(
        GivenData.of(given["data"], picked(DataOptions, called), called["metric"]),
        SearchOptions.of(called),
        picked(TrainingOptions, called),
        **{name: given[name] for name in ("network", "space", "standardise", "prior", "checks")},
        report_script=chart_script_of(given["report_script"]),
        progress=progress,
    )


def make_plan(
    given: GivenData,
    search: SearchOptions,
    training: TrainingOptions,
    *,
    network: Network,
    space: Space | Mapping[str, Any] | None,
    standardise: bool | None,
    prior: Prior | Study | None,
    checks: bool,
    report_script: ChartScript = ChartScript.INLINE,
    progress: Logged,
) -> StudyPlan:
    """Read the data, choose network, space and metric, and say what was found.

    Raises:
        UsageError: the data, the space or an argument cannot be used.
    """
    used = [("search", search.search), ("schedule", search.schedule), ("metric", search.metric), ("network", network)]
    used += [("loss", (training.loss or "").partition(":")[0]), *(("metric", name) for name in search.metrics or ())]
    used += [("metric", search.stop_on)]
    used += [("callback", name) for name in training.callbacks or ()]
    used += [("training_step", training.training_step), ("optimizer", training.optimizer)]
    used += [("format", Path(one["path"]).suffix[1:]) for one in given.records.values() if one["kind"] == "file"]
    plugins, network = plugins_among(used), plugin_network(network)
    seed, arrays, loss = search.seed, arrays_for(network, standardise), loss_of(training.loss)
    given = replace(given, options=replace(given.options, task=task_of_loss(given.options.task, loss)))
    as_given = takes_given(training.loss)
    dataset = given.read(network, arrays, seed, as_given)
    if isinstance(network, Pretrained) and isinstance(dataset.train.x, NetworkInputs):
        raise UsageError(
            "a pretrained network takes one array in memory, and x holds several inputs, sequences, or lies in a file; "
            "give a factory that loads the weights: network=lambda hp: …"
        )
    task = dataset.task.name
    check_loss_fits(loss, dataset)
    usual = metric(loss.name, task) if task == "own" and loss is not None else default_metric(task)
    compared_by = usual if search.metric is None else metric(search.metric, task)
    for other in search.metrics or ():
        metric(other, task)
    search = replace(search, metric=compared_by.name)
    if search.stop_on is not None and search.stop_on not in (search.metric, *(search.metrics or ())):
        # What epochs are kept by is recorded.
        search = replace(search, metrics=(*(search.metrics or ()), metric(search.stop_on, task).name))
    check_measurable(dataset, compared_by, training.dtype)
    if isinstance(network, Pretrained) and network.freeze == "auto":
        folded = not (given.options.group or given.options.time)
        freezing = choose_freezing(network, dataset, folded=folded, seed=seed, dtype=training.dtype, say=progress.say)
        network = replace(network, freeze=freezing.chosen)
        dataset = dataset.with_notes([*dataset.summary.notes, str(freezing)])
    name = chosen_network(network, dataset)
    check_channels(name, dataset, given.options.channels)
    dataset = dataset.with_notes([*given.notes, *dataset.summary.notes])
    training = replace(training, device=chosen_device(training.device, name != "mlp"))
    epochs, finalists = budget(name, search.epochs, search.finalists)
    if finalists and schedule(search.schedule).copies:
        finalists = _none_of_finalists(search, progress)
    search = replace(search, epochs=epochs, finalists=finalists)
    freeze = network.freeze if isinstance(network, Pretrained) else None
    optimizer = None if training.optimizer is None else OPTIMIZERS[training.optimizer]
    opened, note = chosen_space(space, name, search.first_trials, dataset, freeze, epochs, optimizer is not None)
    check_labels_fit(loss, dataset, opened)
    if isinstance(search.ensemble, int) or search.folds is not None:
        check_averaged(name, bool(dataset.summary.images), task, loss)
    if search.folds is not None:
        check_folds(search.folds, given.options.time, finalists)
    factory = network if name == OWN and not isinstance(network, str | Pretrained) else None
    if factory is not None:
        middle = opened.from_unit(dict.fromkeys(opened.dimensions, 0.5))
        dataset, arrays = with_whole_numbers(
            lambda again: given.read(network, again, seed, as_given), dataset, arrays, factory, middle
        )
    known = trials_of_prior(prior, opened, compared_by)
    _tell(dataset, [note, *known.notes], progress)
    for line in unread(factory, opened, dataset, seed, optimizer) if factory is not None else ():
        progress.warn(line)
    found = _checked(dataset, factory, opened, seed, progress, loss) if checks else None
    setting = Setting.made(
        replace(
            given.options,
            target=given.options.target
            if given.data_record.record["kind"] == "arrays"
            else dataset.task.targets or dataset.task.target,
            task=task,
            positive=positive_of(dataset.task, given.options.positive, compared_by.name),
        ),
        search,
        training,
        **given.records,
        **given.weight_record,
        broken=given.options.broken if dataset.summary.images else None,
        network=name,
        pretrained=network.record if isinstance(network, Pretrained) else {},
        space=opened.as_dict(),
        space_note=note,
        arrays=None if arrays is None else arrays.value,
        programs=name == OWN and chosen_device(training.device, custom=True) == "cpu",
        plugins=plugins or None,
        greater_is_better=compared_by.greater_is_better,
        report_script=report_script.value,
    )
    setup = make_setup(setting, dataset, resolved(name, network))
    check_bound(setup, opened, search.objectives.max_parameters)
    check_own_metrics(setup, opened, seed)
    if optimizer is not None:
        check_optimizer(setup, opened, seed, search.schedule, progress)
    if name in ("mlp", "cnn"):
        check_compiler()
    return StudyPlan(given, setting, dataset, opened, network, setup, known, found)


def _none_of_finalists(search: SearchOptions, progress: Logged) -> int:
    """Say that a schedule has no finalists, as a warning where some were asked for.

    Raises:
        UsageError: folds are to be trained with their configurations.
    """
    if search.folds is not None:
        raise UsageError(
            f"folds are trained with the finalists' configurations, and schedule {search.schedule} has no finalists; "
            "leave folds=… (--folds) out, or take another schedule"
        )
    if search.finalists is None:
        progress.say(f"schedule {search.schedule}: {NO_FINALISTS}")
    else:
        asked = f"finalists={search.finalists} (--finalists) has no effect with schedule {search.schedule}"
        progress.warn(f"{asked}: {NO_FINALISTS}")
    return 0


def _tell(dataset: Dataset, lines: list[str], progress: Logged) -> None:
    """Say what was understood of the data, what may be wrong with them, and some lines."""
    read, *noted = dataset.summary.sentences()
    progress.say(read)
    for line in noted:
        progress.warn(line)
    for line in lines:
        progress.say(line)


def _checked(dataset: Dataset, factory: Any, space: Space, seed: int, progress: Logged, loss: Loss | None) -> Checks:
    """Make the quick checks, say what they find, and return their results.

    Raises:
        UsageError: one failed that no study can go on with.
    """
    from ikura.checks.quick import quick_checks, warnings_of

    found = with_buildable(space, lambda hyperparameters: quick_checks(dataset, factory, hyperparameters, seed, loss))
    for line in warnings_of(found):
        progress.warn(line)
    return found
