"""Runs that were made to have bias, to have variance, or neither; each trained once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits

import ikura
from ikura.api.study import Study

from ..study.unreported import short_report

torch.set_num_threads(1)

TINY: dict[str, Any] = {"trials": 2, "finalists": 1, "jobs": 1, "search": "random"}


def board(rows: int) -> pd.DataFrame:
    """A chessboard of nine squares."""
    x = np.random.default_rng(0).random((rows, 2))
    field = np.floor(3 * x).sum(axis=1) % 2
    frame = pd.DataFrame(x, columns=["east", "north"])
    return frame.assign(colour=np.where(field > 0, "black", "white"))


def digits() -> pd.DataFrame:
    """300 of scikit-learn's digits."""
    return load_digits(as_frame=True).frame.head(300).rename(columns={"target": "digit"})


Tune = Callable[..., Study]


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Tune:
    """`ikura.tune` of a small study, with a short report."""

    def call(data: Any, target: str | None = None, **options: Any) -> Study:
        with short_report():
            return ikura.tune(data, target, **{**TINY, "out": tmp_path_factory.mktemp("run") / "run", **options})

    return call


@pytest.fixture(scope="session")
def biased(tuned: Tune) -> Study:
    """Two units cannot learn a chessboard of nine squares."""
    space = {"learning_rate": 0.03, "units": 2, "layers": 1, "batch_size": 32}
    return tuned(board(2500), "colour", space=space, epochs=15, trials=1)


@pytest.fixture(scope="session")
def varied(tuned: Tune) -> Study:
    """A wide network learns 180 digits by heart."""
    space = {"learning_rate": 0.003, "units": 128, "layers": 2, "batch_size": 32, "l2": 0.0}
    return tuned(digits(), "digit", space=space, epochs=40, trials=1, schedule="none")
