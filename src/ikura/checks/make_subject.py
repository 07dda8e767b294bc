"""From what the caller names, data, a run, a network, to a subject."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikura.checks.subject import Loss, Step, Subject, Table
from ikura.data import Dataset, prepare
from ikura.data.array_encoding import ArrayScaling
from ikura.data.open_source import open_source
from ikura.data.options import DataOptions
from ikura.data.reading import read_source
from ikura.data.source import Source
from ikura.data.target_names import one_name
from ikura.data.torch_dataset import is_item_source, read_items
from ikura.data.values import booleans, numbers
from ikura.errors import DataError, UsageError, nearest
from ikura.lazy_torch import Module, Tensor, nn, torch
from ikura.nn import loss as nn_loss
from ikura.nn.copying import copy_of
from ikura.nn.loss import chosen_loss, outputs_of
from ikura.nn.noise import key
from ikura.nn.zoo import NETWORKS
from ikura.plugins import plugin_network
from ikura.population.encodings import FittedEncodings
from ikura.population.examples import Examples
from ikura.population.factory import build
from ikura.population.layout import Layout
from ikura.population.member import Hyperparameters, Member, check_value
from ikura.space import DEFAULTS, Space, layer_of
from ikura.space.effective import effective
from ikura.space.effects import Place
from ikura.space.terms import suggest_name
from ikura.study.record.networks import known_names

__all__ = ["NetworkOptions", "find_factory", "is_reference", "subject_of_data", "subject_of_parts", "table_of"]

REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
PARTS = ("train", "dev", "test")


def is_reference(text: Any) -> bool:
    """Whether a text names a factory as `module:factory`.

    Example:
        >>> is_reference("nets.small:build"), is_reference("penguins.csv")
        (True, False)
    """
    return isinstance(text, str) and REFERENCE.fullmatch(text) is not None and not Path(text).exists()


def find_factory(reference: str) -> Any:
    """Import `module:factory`, also from the current folder.

    Raises:
        UsageError: there is no such module, or nothing of that name in it.
    """
    where, _, name = reference.partition(":")
    added = os.getcwd()
    sys.path.insert(0, added)
    try:
        found = import_module(where)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{reference}: the module {where} cannot be imported: {reason}") from error
    finally:
        sys.path.remove(added)
    for part in name.split("."):
        if not hasattr(found, part):
            known = [one for one in vars(found) if not one.startswith("_")] if hasattr(found, "__dict__") else []
            raise UsageError(f"{reference}: {where} has no {part!r}{nearest(part, known)}")
        found = getattr(found, part)
    return found


@dataclass(frozen=True)
class NetworkOptions:
    """What is checked with data.

    Args:
        network: name of a network, module, or factory; None for the usual one.
        loss: a loss of (outputs, targets), or one as for `ikura.tune`; None for the task's.
        step: a training step of (network, optimizer, x, y); None for the usual one.
        hyperparameters: what network and training read.
        seed: key of the split, of initial weights and of all samples.
    """

    network: Any = None
    loss: Any = None
    step: Step | None = None
    hyperparameters: Mapping[str, Any] | None = None
    seed: int = 0

    @property
    def own_loss(self) -> Loss | None:
        """The caller's own function."""
        found = chosen_loss(self.loss)
        return None if found is None else found.own

    @property
    def named_loss(self) -> nn_loss.Loss | None:
        """A named loss."""
        found = chosen_loss(self.loss)
        return None if found is None or found.own is not None else found


def subject_of_data(
    data: Any, options: DataOptions, asked: NetworkOptions | None = None, *, as_given: bool = False
) -> Subject:
    """Make a subject of data in any form that `ikura.tune` takes.

    Raises:
        UsageError: data, network or hyperparameters cannot be used.
    """
    asked = asked or NetworkOptions()
    network = asked.network
    if is_item_source(data):
        x, y, _ = read_items(data, one_name(options.target))
        data = (x, y)
    opened = open_source(data, options)
    what = opened.name or ("arrays" if isinstance(data, tuple) else "a table")
    own = network is not None and (not isinstance(network, str) or is_reference(network))
    dataset = prepare(data, options, seed=asked.seed, arrays=ArrayScaling.FLOATS if own and not as_given else None)
    table = table_of(opened, options, dataset)
    parts = [Examples.of(part) for part in (dataset.train, dataset.dev, dataset.test)]
    if as_given:
        if table is None:
            raise UsageError(
                "as_given is for tables; give arrays as {'train': (x, y), 'dev': …} to have them as they are"
            )
        parts = _raw(table, dataset)
    classes = len(dataset.task.classes or [])
    table_like = parts[0].is_table
    if network is None:
        network = "cnn" if len(parts[0].shape) == 3 else "mlp"
    if network == "mlp":
        parts = [part.flat() for part in parts]
    train, dev, test = parts
    named = not as_given and train.is_table and table_like
    subject = Subject(
        what,
        dataset.task.name,
        train,
        dev,
        test if len(test.y) else None,
        classes,
        table=table,
        as_given=as_given,
        names=(*dataset.encoder.feature_names, *dataset.encoder.embedding_names) if named else (),
        drift=dataset.summary.drift,
        seed=asked.seed,
        loss=asked.own_loss,
        named=asked.named_loss,
        step=asked.step,
        integers=own and train.whole_numbers,
        custom=own,
    )
    embedded = () if as_given else tuple(dataset.encoder.cardinalities)
    numeric = () if as_given else tuple(dataset.encoder.numeric_columns)
    return _with_network(subject, network, asked.hyperparameters or {}, embedded, numeric)


def table_of(opened: Source, options: DataOptions, dataset: Dataset) -> Table | None:
    """The table of a data set before it is encoded; None for data that are none."""
    if not isinstance(opened.features, pd.DataFrame) or not dataset.summary.columns:
        return None
    source = read_source(opened, options).source
    assert isinstance(source.features, pd.DataFrame)
    rows, columns = dataset.split, dataset.summary.columns
    return Table(source.features, source.target, columns, rows.train, np.concatenate([rows.dev, rows.test]))


def _raw(table: Table, dataset: Dataset) -> list[Examples]:
    """The numbers of a table just as they are."""
    used = [one for one in table.columns if one.kind in ("numeric", "boolean")]
    if not used:
        raise DataError("the table has no numeric column to take as it is")
    read = [(booleans if one.kind == "boolean" else numbers)(table.frame[one.name]) for one in used]
    x = np.column_stack(read).astype(np.float32)
    found = []
    for part, rows in (
        (dataset.train, dataset.split.train),
        (dataset.dev, dataset.split.dev),
        (dataset.test, dataset.split.test),
    ):
        y = part.y * dataset.target_std + dataset.target_mean if dataset.task.name == "regression" else part.y
        found.append(Examples(x[rows], np.zeros((len(rows), 0), np.int32), np.asarray(y, np.float32)))
    return found


def subject_of_parts(parts: Mapping[str, tuple[Any, Any]], task: str, asked: NetworkOptions) -> Subject:
    """Make a subject of (x, y) of each part, used just as they are.

    Raises:
        UsageError: there is no training set, or a part is not (x, y).
    """
    for name in parts:
        if name not in PARTS:
            raise DataError(f"parts are train, dev and test, not {name!r}{nearest(str(name), PARTS)}")
    if "train" not in parts:
        raise DataError("the parts have no 'train'")
    read = {name: _examples(name, pair) for name, pair in parts.items()}
    y = np.concatenate([np.asarray(one.y, np.float64).ravel() for one in read.values()])
    whole = bool(np.isfinite(y).all() and not (y % 1).any())
    classes = 0
    if task in ("auto", "classification"):
        kind = np.asarray(read["train"].y).dtype.kind
        task = (
            "regression" if task == "auto" and not (whole and (kind in "iub" or np.unique(y).size <= 20)) else "classes"
        )
    if task != "regression":
        classes = max(int(y[np.isfinite(y)].max(initial=0)) + 1, 2) if task != "binary" else 2
        task = ("binary" if classes == 2 else "multiclass") if task == "classes" else task
    train, dev, test = (read.get(name) for name in PARTS)
    subject = Subject(
        "arrays",
        task,
        train,
        dev,
        test,
        classes=classes,
        as_given=True,
        seed=asked.seed,
        loss=asked.own_loss,
        named=asked.named_loss,
        step=asked.step,
    )
    return _two_logits(_with_network(subject, asked.network, asked.hyperparameters or {}, ()))


def _examples(name: str, pair: Any) -> Examples:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise DataError(f"the part {name!r} is (x, y), but is {type(pair).__name__}")
    x, y = (np.asarray(one.detach().cpu() if isinstance(one, Tensor) else one) for one in pair)
    if len(x) != len(y) or not len(x):
        raise DataError(f"the part {name!r} has {len(x)} rows of x and {len(y)} of y; they must be the same, and some")
    if x.dtype == object or y.dtype == object:
        raise DataError(f"the part {name!r} holds objects; x and y are numbers")
    x = x.astype(np.float32) if x.dtype.kind in "fu" else x
    return Examples(np.ascontiguousarray(x), np.zeros((len(x), 0), np.int32), np.ascontiguousarray(y))


def _two_logits(subject: Subject) -> Subject:
    """Two classes with an output for each are multiclass, where the task was not said."""
    if subject.task != "binary" or subject.network is None:
        return subject
    try:
        with torch.no_grad():
            outputs = subject.outputs(subject.module().eval(), subject.batch(2))
    except Exception:
        return subject
    two = isinstance(outputs, Tensor) and outputs.dim() == 2 and outputs.shape[1] == 2
    return replace(subject, task="multiclass") if two else subject


def _with_network(
    subject: Subject,
    network: Any,
    hyperparameters: Mapping[str, Any],
    cardinalities: tuple[int, ...],
    numeric: tuple[tuple[int, int], ...] = (),
) -> Subject:
    """Add a network by name, a module, or a factory."""
    assert subject.train is not None
    network, given = plugin_network(network), dict(hyperparameters)
    own = not isinstance(network, str) or is_reference(network)
    for name, value in given.items():
        if isinstance(network, str) and (network == "mlp" or network in NETWORKS):
            names = known_names(network)
            if layer_of(name)[0] not in names:
                raise UsageError(f"the network {network} reads no hyperparameter {name!r}{suggest_name(name, names)}")
        check_value(name, value, built_in=not own)
    # Nothing is searched, so nothing is opened: what has no effect is refused.
    effective(
        Space.from_dict(given),
        Place("own" if own else network, subject.task, numeric=bool(numeric), embedded=bool(cardinalities)),
        opens=False,
    )
    if network is None:
        return replace(subject, given=given)
    if is_reference(network):
        network = find_factory(network)
    if isinstance(network, Module):
        named = f"{type(network).__name__} on {subject.what}"
        return replace(
            subject, what=named, network=lambda seed: copy_of(network), original=network, initial=False, given=given
        )
    shape = subject.train.shape
    values = 1 if subject.train is None else prod(subject.train.y.shape[1:])
    outputs = outputs_of(subject.task, subject.classes, values, subject.named)
    if network == "mlp":
        train, encodings = subject.train, FittedEncodings()

        def plain(seed: int) -> nn.Module:
            member = Member(0, given, seed)
            encoding = encodings.of(member.values, train, numeric)
            return Layout.of(member, prod(shape), outputs, cardinalities, encoding).module(member)

        return replace(subject, what=f"{subject.what} with the network mlp", network=plain, given=given)
    if isinstance(network, str):
        if network not in NETWORKS:
            known = ["mlp", *NETWORKS]
            raise UsageError(
                f"unknown network {network!r}{nearest(network, known)}: use {', '.join(known)}, or module:factory"
            )
        name, network = network, NETWORKS[network]
    else:
        name = getattr(network, "__name__", "the factory")
    if not callable(network):
        raise UsageError(f"network is a name, a module or a factory of one, not {network!r}")
    factory = _factory(network)
    sizes = {**subject.train.sizes, "outputs": outputs}
    read = {**DEFAULTS, **given, **sizes} if own else {**given, **sizes}

    def make(seed: int) -> nn.Module:
        return build(factory, read, key(seed, "weights"), name, subject.few)

    return replace(
        subject, what=f"{name} on {subject.what}", network=make, fresh=lambda: (make(0), make(0)), given=given
    )


def _factory(network: Callable[..., Any]) -> Callable[[Hyperparameters], nn.Module]:
    """Let a factory that takes nothing take hyperparameters."""
    try:
        needed = [
            one
            for one in inspect.signature(network).parameters.values()
            if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        return network
    return network if needed else lambda hp: network()
