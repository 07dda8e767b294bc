"""Small studies, made once where several tests look at the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris

import ikura
from ikura.api.study import Study

from .unreported import short_report

torch.set_num_threads(1)

Tune = Callable[..., Study]
TINY: dict[str, Any] = {"trials": 8, "epochs": 5, "finalists": 2, "jobs": 1, "ensemble": "none"}


@pytest.fixture(autouse=True)
def _short_report() -> Iterator[None]:
    with short_report():
        yield


@pytest.fixture
def tune(tmp_path: Path) -> Tune:
    """`ikura.tune` of a small study in a run folder of its own."""
    count = 0

    def call(data: Any = "iris", target: str | None = None, **options: Any) -> Study:
        nonlocal count
        count += 1
        return ikura.tune(data, target, **{**TINY, "out": tmp_path / f"run-{count}", **options})

    return call


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A finished study of the built-in network."""
    with short_report():
        return ikura.tune("iris", **TINY, out=tmp_path_factory.mktemp("iris") / "run")


@pytest.fixture(scope="session")
def flowers() -> pd.DataFrame:
    """Iris as a frame, the class last."""
    return load_iris(as_frame=True).frame


@pytest.fixture(scope="session")
def mixed() -> pd.DataFrame:
    """Two classes on numbers, a few categories, many categories and a truth, with gaps."""
    random = np.random.default_rng(0)
    rows = 160
    size = random.normal(size=rows)
    colour = random.choice(["red", "green", "blue"], rows)
    town = random.choice([f"town {i}" for i in range(24)], rows)
    kept = np.where(size + (colour == "red") > 0.3, "yes", "no")
    frame = pd.DataFrame({"size": size, "colour": colour, "town": town, "old": size > 1, "kept": kept})
    frame.loc[::9, "size"] = np.nan
    frame.loc[3::11, "colour"] = None
    return frame
