"""`ikura.check`: data, a run, or a network of the caller's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikura.checks._base import Checks, Result
from ikura.checks.make_subject import (
    NetworkOptions,
    find_factory,
    is_reference,
    subject_of_data,
    subject_of_parts,
)
from ikura.checks.registry import CHECKS, run_checks, select_checks
from ikura.checks.subject import Loss, Step, Subject, undisturbed_generators
from ikura.checks.subject_of_run import is_run, subject_of_run
from ikura.data.open_source import open_source
from ikura.data.options import DataOptions
from ikura.data.source import Source
from ikura.errors import UsageError, listed
from ikura.lazy_torch import Module
from ikura.space.argument_names import picked, refuses_unknown

__all__ = ["check"]


@refuses_unknown
def check(
    what: Any,
    target: str | Sequence[str] | None = None,
    *,
    data: Any = None,
    network: Any = None,
    loss: Loss | str | None = None,
    step: Step | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    task: str = "auto",
    group: str | None = None,
    time: str | None = None,
    kinds: Mapping[str, str] | None = None,
    image_size: int | None = None,
    broken: str = "refuse",
    channels: str | None = None,
    dev: Any = None,
    test: Any = None,
    test_set: bool = True,
    positive: Any = None,
    missing: Sequence[str] | None = None,
    decimal: str | None = None,
    dates: str | None = None,
    copies: str = "together",
    sample_weight: Any = None,
    as_given: bool = False,
    only: Iterable[str] | None = None,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Checks:
    """Check data, a network, a loss and a setting for what commonly goes wrong.

    Nothing is changed: not the network, its weights or mode, nor random numbers, nor a run.

    Args:
        what: data as `ikura.tune` takes them; a run folder; or a network (an `nn.Module`, a factory, or
            "module:factory"), with `data`. A mapping of train, dev and test to (x, y) is used just as it is.
        target: name of the target column, or of several, as for `ikura.tune`.
        data: the data, where `what` is a network.
        network: name of a network, module, or factory from hyperparameters (or nothing) to a module; by default cnn
            for images and mlp for tables.
        loss: your own loss of (outputs, targets), or one as for `ikura.tune`; by default the task's.
        step: your own training step of (network, optimizer, x, y), which updates the network once.
        hyperparameters: what the factory and the training read, such as learning_rate, batch_size, l2.
        task, group, time, kinds, image_size, broken, channels, dev, test, test_set, positive: as for `ikura.tune`.
        missing, decimal, dates, copies, sample_weight: as for `ikura.tune`.
        as_given: take a table's numbers as they are, not standardised.
        only: names of the checks to make; None for all.
        seed: key of the split, of initial weights and of all samples.
        tell: told the name of each check before it is made.

    Returns:
        A result for each check: name, verdict, finding, figures, cause, fix.

    Raises:
        UsageError: what was given cannot be used.

    Example:
        >>> checks = check("iris", only=["learnable", "overfit"])
        >>> [(one.name, one.verdict) for one in checks]
        [('learnable', 'pass'), ('overfit', 'pass')]
    """
    given = locals()
    names = None if only is None else list(only)
    select_checks(names)
    reading, asked = picked(DataOptions, given), picked(NetworkOptions, given)
    with undisturbed_generators():
        found = _opened(what, data, reading, as_given, asked)
        if isinstance(found, Checks):
            return found if names is None else Checks([found[name] for name in names], found.subject)
        return run_checks(found, names, tell)


def _opened(what: Any, data: Any, options: DataOptions, as_given: bool, asked: NetworkOptions) -> Subject | Checks:
    """Make the subject; the results at once where data are refused outright."""
    if isinstance(what, Module) or is_reference(what) or (callable(what) and not isinstance(what, pd.DataFrame)):
        if asked.network is not None:
            raise UsageError("two networks were given; name one")
        if data is None:
            raise UsageError("a network is checked on data; give data=…, such as data='iris'")
        asked, what = replace(asked, network=find_factory(what) if is_reference(what) else what), data
    elif data is not None:
        raise UsageError("data=… goes with a network; the data were given already")
    if isinstance(what, Mapping):
        return subject_of_parts(what, options.task, asked)
    if isinstance(what, str | os.PathLike) and is_run(Path(what)):
        return _opened_run(Path(what), options, as_given, asked)
    source = open_source(what, options)
    if unusable := _unusable(source):
        rest = [one.skipped("the data cannot be used") for name, one in CHECKS.items() if name != unusable.name]
        return Checks([unusable, *rest], source.name or "data in memory")
    return subject_of_data(what, options, asked, as_given=as_given)


def _opened_run(run: Path, options: DataOptions, as_given: bool, asked: NetworkOptions) -> Subject:
    """Make a subject of a run, which has data and a setting of its own."""
    usual = {"target": None, "as_given": False, **vars(DataOptions())}
    given = usual | vars(options) | {"as_given": as_given}
    said = [name for name, value in given.items() if _said(value, usual[name])]
    if said:
        raise UsageError(f"{run} is a run, whose data were read as it says; leave {listed(said)} out")
    network = asked.network
    if isinstance(network, str) and not is_reference(network):
        raise UsageError(f"{run} is a run and has its network; network={network!r} goes with data")
    factory = find_factory(network) if isinstance(network, str) else network
    return subject_of_run(run, factory, asked.hyperparameters)


def _said(value: Any, usual: Any) -> bool:
    """Whether an argument was given; frames and arrays have no truth of their own."""
    plain = value is None or isinstance(value, bool | str | Mapping)
    return bool(value) and value != usual if plain else True


def _unusable(source: Source) -> Result | None:
    """Faults for which `prepare` refuses data outright."""
    distinct = source.target.dropna().unique()
    if len(source.target) and len(distinct) < 2 and source.columns is None:
        held = f"the value {distinct[0]!r}" if len(distinct) else "no value"
        return CHECKS["labels"].failed(
            f"every row of the target {source.target.name!r} holds {held}",
            "The labels are constant: a wrong column, or a filter that left one class.",
            "Look at how the target is read and how the rows were chosen.",
            distinct=len(distinct),
        )
    if not isinstance(source.features, pd.DataFrame):
        return None
    for name, column in source.features.items():
        if pd.api.types.is_float_dtype(column) and np.isinf(column.to_numpy(np.float64, na_value=np.nan)).any():
            row = int(np.flatnonzero(np.isinf(column.to_numpy(np.float64, na_value=np.nan)))[0]) + 1
            return CHECKS["values"].failed(
                f"column {name!r} is infinite, first in row {row}",
                "Something was divided by zero, or took the logarithm of it.",
                "Replace infinite values, or leave them empty.",
                column=str(name),
                row=row,
            )
    return None
