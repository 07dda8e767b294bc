"""Setting the floor: from a setting and its data to a workshop with an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from ikura.data import Dataset, Part
from ikura.data.images.room import memory_limit
from ikura.engine import Engine, engine_for
from ikura.errors import UsageError
from ikura.metric import metric
from ikura.nn.augmentation import AUGMENTATIONS
from ikura.nn.loss import outputs_of
from ikura.nn.transfer import features
from ikura.population.examples import Examples
from ikura.population.factory import Factory
from ikura.population.job import Job, Outcome, Told
from ikura.population.member import Hyperparameters
from ikura.population.training import Course, Judge
from ikura.population.workshop import Workshop
from ikura.search import schedule
from ikura.study.ledger import Ledger
from ikura.study.networks import PRETRAINED, resolved
from ikura.study.pretrained import Pretrained
from ikura.study.searches import found_in, plans
from ikura.study.setting import Setting
from ikura.study.states import lineage
from ikura.study.store import Store
from ikura.study.tiles import member_of

if TYPE_CHECKING:
    from ikura.study.study import Study

BLOCK = 1024
"""Examples that run through a frozen body together."""

__all__ = [
    "check_trained",
    "examples_of",
    "network_again",
    "one_thread_each",
    "replay",
    "trained_again",
    "workshop_of",
]


def workshop_of(setting: Setting, dataset: Dataset, network: Callable[[Hyperparameters], nn.Module] | None) -> Workshop:
    """Make a workshop of a data set's training and dev examples; the test set stays outside.

    Raises:
        UsageError: the study trains the caller's own networks, and their factory was not given.
    """
    network = resolved(setting.network, network)
    train, dev = (examples_of(part, setting.dtype, network) for part in (dataset.train, dataset.dev))
    workshop = Workshop(
        train=train,
        dev=dev,
        judge=Judge(setting.task, metric(setting.metric, setting.task), dataset.target_mean, dataset.target_std),
        outputs=outputs_of(setting.task, len(dataset.task.classes or [])),
        cardinalities=tuple(dataset.encoder.cardinalities),
        network=network,
        dtype=setting.dtype,
        device=setting.device,
        augmented=(any(name in setting.space for name in AUGMENTATIONS) or bool(setting.auto and network))
        and train.standard is not None,
    )
    if not workshop.compiled or workshop.convolutional:
        return workshop
    numbers = prod(train.shape) * (len(train) + len(dev))
    if train.standard is not None and numbers * np.dtype(setting.dtype).itemsize > memory_limit():
        raise UsageError(
            f"{len(train)} images of {prod(train.shape)} pixels are more than the fully connected network can hold in "
            "memory; choose a smaller image size, or a network that takes images"
        )
    return replace(workshop, train=train.dense(), dev=dev.dense())


def examples_of(part: Part, dtype: str, network: Factory | None) -> Examples:
    """Convert a part of a data set to what the networks of a study train on."""
    examples = Examples.of(part, dtype)
    if isinstance(network, Pretrained) and network.freezes:
        blocks = (slice(i, i + BLOCK) for i in range(0, max(len(examples), 1), BLOCK))
        x = torch.cat([features(network.body, torch.from_numpy(examples.inputs(rows))) for rows in blocks])
        return Examples(np.ascontiguousarray(x.numpy(), dtype), examples.codes, examples.y)
    return examples if network else examples.flat()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep the linear-algebra libraries to one thread, so that every worker has a core of its own."""
    import scipy.linalg.cython_blas  # noqa: F401  the library whose threads are to be limited must be loaded

    threads = torch.get_num_threads()
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(threads)


def network_again(setting: Setting, run: Path, network: Any) -> Any:
    """Find the network of a run that is opened again: the caller's factory, or the pretrained one kept in the run."""
    if isinstance(network, Pretrained):
        return replace(network, freeze=setting.pretrained["freeze"])
    return Pretrained.of(setting.pretrained, run) if setting.network == PRETRAINED else network


def check_trained(store: Store, row: Mapping[str, Any]) -> None:
    """Refuse a trial that there is nothing of to repeat.

    Raises:
        UsageError: the trial has not been trained.
    """
    number = row["number"]
    if row["state"] == "infeasible":
        raise UsageError(f"trial {number} is infeasible, with too many weights; it was never trained")
    if not Ledger(store).legs([number]) or not row["epochs"]:
        raise UsageError(f"trial {number} has not been trained, so there is nothing to repeat")


def replay(study: Study, store: Store, row: dict[str, Any], keep_distances: bool = False) -> Outcome:
    """Train one trial of a study again, and before it what the trials that it was copied from trained until then.

    Stacked networks run in their places in tiles with the same company, which does not train, so that every shape, and
    with it every rounding, is as it was. In the compiled kernels company makes no difference.

    Raises:
        UsageError: the trial has not been trained.
    """
    check_trained(store, row)
    setting = study.setting
    workshop = workshop_of(setting, setting.prepare(study.run), network_again(setting, study.run, study.network))
    with one_thread_each(), engine_for(workshop, 1) as engine:
        return trained_again(setting, store, workshop, engine, row, keep_distances)


def trained_again(
    setting: Setting,
    store: Store,
    workshop: Workshop,
    engine: Engine,
    row: dict[str, Any],
    keep_distances: bool = False,
    watch: Callable[[Course, int], None] | None = None,
    tell: Callable[[Told], None] = lambda told: None,
) -> Outcome:
    """Train a trial again that has been trained, with what it goes on from at its end; see `replay`.

    Args:
        setting, store, workshop, engine: of its study.
        row: the trial.
        keep_distances: whether the outcome carries the distances from the initial weights.
        watch: see `Job`; the engine must run tiles in this process.
        tell: told of every epoch.
    """
    rows = {one["number"]: one for one in store.trials()}
    ledger, number = Ledger(store), row["number"]
    searches, stages = plans(setting, store), {one["stage"]: one["epochs"] for one in store.fact("stages", [])}
    outcome: Outcome | None = None
    for leg in lineage(ledger, rows, number, row["epochs"]):
        company = [leg] if workshop.compiled else ledger.company(leg["tile"])
        members = tuple(member_of(rows[one["trial"]]) for one in company)
        cut = row["epochs"] if row["state"] == "stopped" else leg["until"]
        going_on = outcome.going_on if outcome else None
        its = rows[leg["trial"]]
        found = found_in(its["stage"] if its["stage"] in stages else rows[its["parent"]]["stage"], searches)
        job = Job(
            leg["tile"],
            members,
            min(leg["until"], cut),
            schedule(setting.schedule).patience(found.epochs),
            states={leg["trial"]: going_on} if going_on else {},
            keep_states=True,
            keep_weights=True,
            keep_distances=keep_distances,
            places=(company.index(leg),),
            budget=stages.get(its["stage"], found.epochs),
            watch=watch,
        )
        outcome = next(iter(engine.run([job], tell)))[0]
    assert outcome is not None
    return outcome
