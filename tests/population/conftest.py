"""Small learnable examples, and workshops to train on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ikura.nn.loss import outputs_of
from ikura.population.examples import Examples
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup

torch.set_num_threads(1)

CLASSES, INPUTS = 3, 6
NUMERIC = ((0, -1), (1, -1), (2, -1), (4, -1))
"""Columns that encodings are for."""


# Smooth scores, unlike accuracy, so that close outputs have close scores.
def brier(p: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of a probability."""
    return ((p - y) ** 2).mean()


def likelihood(p: Tensor, y: Tensor) -> Tensor:
    """Mean probability of the right class."""
    return p.gather(-1, y[:, None]).mean()


def error(p: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error."""
    return (p - y).abs().mean()


SCORES = {"binary": brier, "multiclass": likelihood, "regression": error, "multilabel": brier}
SEVERAL = {"multilabel": 3, "values": 3}
"""Examples with so many labels, or values of a regression."""


@cache
def examples(task: str, cardinalities: tuple[int, ...], rows: int, dtype: str, seed: int) -> Examples:
    """Draw examples whose target is a noisy function of features and codes."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, INPUTS))
    codes = np.stack([rng.integers(0, c, rows) for c in cardinalities] or [np.zeros(rows, int)], 1)
    codes = codes[:, : len(cardinalities)].astype(np.int32)
    s = x[:, 0] + x[:, 1] * x[:, 2] + np.sin(codes).sum(1) + 0.3 * rng.standard_normal(rows)
    several = np.stack([s, x[:, 3] - s, x[:, 4] ** 2], 1)
    y = {
        "binary": s > 0,
        "multiclass": np.digitize(s, [-0.5, 0.5]),
        "regression": (s - s.mean()) / s.std(),
        "multilabel": several > several.mean(0),
        "values": (several - several.mean(0)) / several.std(0),
    }[task]
    return Examples(x.astype(dtype), np.ascontiguousarray(codes), np.asarray(y, dtype))


@pytest.fixture
def setup() -> Callable[..., TrainingSetup]:
    """Factory of workshops.

    Built-in networks on the device "cpu" run in the compiled kernel. "cpu:0" is the same device by another name, which
    runs them stacked, as on an accelerator.
    """

    def make(
        task: str = "binary",
        cardinalities: Sequence[int] = (),
        dtype: str = "float64",
        rows: int = 120,
        stacked: bool = False,
        **more: Any,
    ) -> TrainingSetup:
        kind = "regression" if task == "values" else task
        unit = {"regression": (3.0, 2.0), "values": (np.array([3.0, 0.0, -9.0]), np.array([2.0, 1.0, 50.0]))}
        made = TrainingSetup(
            examples(task, tuple(cardinalities), rows, dtype, 1),
            examples(task, tuple(cardinalities), 70, dtype, 2),
            Scorer(kind, SCORES[kind], *unit.get(task, (0.0, 1.0))),
            outputs_of(kind, CLASSES, SEVERAL.get(task, 1)),
            tuple(cardinalities),
            numeric=NUMERIC,
            dtype=dtype,
            device="cpu:0" if stacked else "cpu",
            **more,
        )
        assert made.compiled == (not stacked and made.network is None)
        return made

    return make
