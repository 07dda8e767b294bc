"""The dev rows of a study as a table, and what its model answers to such tables."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from shlex import quote
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.columns import Column
from ikura.data.open_source import open_source
from ikura.data.reading import read_source
from ikura.errors import UsageError
from ikura.files import shown
from ikura.study.ensemble_networks import not_trained_on_dev
from ikura.study.record.model import Model
from ikura.study.record.record import Record
from ikura.study.training_setup import setup_again

__all__ = ["DevRows", "dev_rows"]


@dataclass(frozen=True)
class DevRows:
    """Dev rows of n examples, with the model that predicts them.

    Args:
        model: the study's; an ensemble with the networks that were not trained on these rows.
        frame: their columns as values, n rows.
        target: the truth as the metric takes it, shape (n,), or (n, targets) of several.
        columns: those that the network sees.
        all_rows: how many dev rows there are; n, unless they were drawn.
    """

    model: Model
    frame: pd.DataFrame
    target: np.ndarray
    columns: list[Column]
    all_rows: int

    def predicted(self, frame: pd.DataFrame) -> np.ndarray:
        """What the model answers, as metrics take it: values or probabilities of the second class (n,), or (n, C).

        Of several targets their values, or the probabilities of the labels, (n, targets).
        """
        if self.model.task == "regression":
            return np.asarray(self.model.predict(frame), np.float64)
        shares = np.array(self.model.predict_proba(frame), np.float64)
        return shares[:, 1] if self.model.task == "binary" else shares

    def some(self, most: int, seed: int) -> DevRows:
        """At most so many of the rows, drawn by a key."""
        if len(self.frame) <= most:
            return self
        random = np.random.default_rng([seed % 2**63, zlib.crc32(b"explained rows")])
        rows = np.sort(random.choice(len(self.frame), most, replace=False))
        frame = self.frame.iloc[rows].reset_index(drop=True)
        return DevRows(self.model, frame, self.target[rows], self.columns, self.all_rows)


def dev_rows(record: Record) -> DevRows:
    """Read the dev rows of a finished study again.

    Raises:
        UsageError: the study has no model yet, or its examples are no rows of columns.
    """
    setting = record.setting
    if record.best is None:
        name = shown(record.run)
        raise UsageError(f"{name}: the study has not chosen a network yet; go on with it: ikura resume {quote(name)}")
    if setting.task == "own":
        raise UsageError(f"a model of the task {setting.task} has no importance of columns yet")
    data, options = setting.data_again(record.run)
    source = open_source(data, options)
    if source.images or not isinstance(source.features, pd.DataFrame):
        raise UsageError("importance is that of columns; images, sequences and arrays of more dimensions have none")
    dataset, setup = setup_again(setting, record.run, record.network)
    if dataset.train.y.ndim > 2 or (dataset.train.y.ndim > 1 and setting.task == "multiclass"):
        raise UsageError("a model of values or classes of more than one dimension has no importance of columns yet")
    features = read_source(source, options).source.features
    assert isinstance(features, pd.DataFrame)
    frame = features.iloc[dataset.split.dev].reset_index(drop=True)
    used = [column for column in dataset.summary.columns if column.used]
    truth: npt.NDArray[Any] = np.array(dataset.dev.y)
    if setting.task == "regression":
        truth = truth.astype(np.float64) * dataset.target_std + dataset.target_mean
    model, network = record.model, not_trained_on_dev(record, setup)
    if network is not None:
        model = Model(network, model.encoder, model.description, loss=model.loss)
    return DevRows(model, frame, truth, used, len(frame))
