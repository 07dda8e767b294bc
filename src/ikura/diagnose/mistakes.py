"""Which dev examples are wrong: the confusion matrix, and those with the highest loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ikura.data import Dataset
from ikura.data.source import Source
from ikura.diagnose.chosen_networks import Chosen
from ikura.study.record.facts import PredictionsFact

__all__ = ["Example", "Mistakes", "mistakes"]

MOST_COLUMNS = 12
MOST_TEXT = 40
MOST_SHOWN = 10_000


@dataclass(frozen=True)
class Example:
    """One dev example.

    Attributes:
        row: its row in the data, counted from 1, without the header.
        loss: its loss, the mean over the networks.
        truth, answer: its target and what the networks say together.
        certainty: probability that they give to the true class; None for regression.
        values: its columns, where the data are a table.
        picture: it as a PNG, a data URI, where the data are images.
    """

    row: int
    loss: float
    truth: Any
    answer: Any
    certainty: float | None = None
    values: dict[str, str] = field(default_factory=dict)
    picture: str | None = None


@dataclass(frozen=True)
class Mistakes:
    """What is wrong on the dev set.

    Attributes:
        hardest: the examples with the highest loss, the highest first.
        wrong, of: classes: number of examples that are wrong, and of all; 0 wrong for regression.
        predictions: target, prediction and classes of the dev set, as a confusion matrix takes them.
    """

    hardest: tuple[Example, ...]
    wrong: int
    of: int
    predictions: PredictionsFact


def mistakes(chosen: Chosen, dataset: Dataset, source: Source, examples: int) -> Mistakes:
    """Find the dev examples that the chosen networks are most wrong about.

    Args:
        chosen: the choice of a study.
        dataset: the data set.
        source: the data as they were read.
        examples: how many to show.

    Returns:
        The examples; probabilities and values are means over the networks. None where an example has several values.
    """
    setup, task = chosen.setup, chosen.setup.task
    predicted = np.stack([one.astype(np.float64) for one in chosen.predicted(setup.dev)]).mean(0)
    truth = setup.scorer.target(setup.dev.y)
    if truth.ndim > 1 or task not in ("binary", "multiclass", "regression"):
        return Mistakes((), 0, len(truth), {"target": [], "prediction": [], "classes": None})
    losses = _losses(task, predicted, truth, setup.scorer.std)
    if task == "regression":
        answers = predicted
        wrong = 0
    else:
        answers = predicted.argmax(1) if task == "multiclass" else (predicted > 0.5).astype(np.int64)
        wrong = int((answers != truth.astype(np.int64)).sum())
    order = np.argsort(-losses, kind="stable")[:examples]
    found = [_example(int(place), losses, predicted, truth, answers, dataset, source) for place in order.tolist()]
    shown = slice(0, MOST_SHOWN)
    predictions: PredictionsFact = {
        "target": (truth if task == "regression" else truth.astype(np.int64))[shown].tolist(),
        "prediction": answers[shown].tolist(),
        "classes": None if dataset.task.classes is None else [str(one) for one in dataset.task.classes],
    }
    return Mistakes(tuple(found), wrong, len(truth), predictions)


def _losses(task: str, predicted: np.ndarray, truth: np.ndarray, std: float) -> np.ndarray:
    """Loss of each example: cross-entropy of the mean probabilities, or squared error in the target's variance."""
    if task == "regression":
        squares: np.ndarray = np.square(predicted / std - truth.astype(np.float64) / std)
        return squares
    share = _of_truth(task, predicted, truth)
    losses: np.ndarray = -np.log(np.maximum(share, 1e-12))
    return losses


def _of_truth(task: str, predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Probability of the true class, shape (rows,)."""
    if task == "binary":
        return np.where(truth > 0.5, predicted, 1 - predicted)
    share: np.ndarray = predicted[np.arange(len(predicted)), truth.astype(np.int64)]
    return share


def _example(
    place: int,
    losses: np.ndarray,
    predicted: np.ndarray,
    truth: np.ndarray,
    answers: np.ndarray,
    dataset: Dataset,
    source: Source,
) -> Example:
    row = int(dataset.split.dev[place])
    task, classes = dataset.task.name, dataset.task.classes
    here = slice(place, place + 1)
    if classes is None:
        told: tuple[Any, Any, float | None] = float(truth[place]), float(answers[place]), None
    else:
        share = float(_of_truth(task, predicted[here], truth[here])[0])
        told = str(classes[int(truth[place])]), str(classes[int(answers[place])]), share
    values: dict[str, str] = {}
    picture = None
    if source.images and isinstance(source.features, np.ndarray):
        from ikura.study.image_samples import image_strip

        picture = image_strip(np.asarray(source.features[row : row + 1]))
    elif isinstance(source.features, pd.DataFrame):
        used = [column.name for column in dataset.summary.columns if column.used]
        values = {name: _text(source.features[name].iloc[row]) for name in used[:MOST_COLUMNS]}
    return Example(row + 1, float(losses[place]), *told, values, picture)


def _text(value: Any) -> str:
    if pd.isna(value):
        return "–"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"
