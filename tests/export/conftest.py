"""Small studies whose models are exported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import ikura
from ikura.api.study import Study

torch.set_num_threads(1)
TINY: dict[str, Any] = {"trials": 2, "epochs": 2, "finalists": 0, "jobs": 1, "checks": False}


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """Two classes on large numbers, few and many categories, a boolean and datetimes, with gaps."""
    random = np.random.default_rng(0)
    rows = 200
    size = random.normal(1e6, 1e3, rows)
    colour = random.choice(["red", "green", "blue"], rows)
    when = pd.Timestamp("1969-06-01") + pd.to_timedelta(random.integers(0, 20 * 365 * 86400, rows), unit="s")
    frame = pd.DataFrame(
        {
            "size": size,
            "colour": colour,
            "town": random.choice([f"town {i}" for i in range(20)], rows),
            "old": size > 1e6,
            "when": when,
            "paid": [f"{value:.2f} €" for value in random.uniform(1, 9, rows)],
            "kept": np.where((size > 1e6) ^ (colour == "red"), "in", "out"),
        }
    )
    frame.loc[::9, "size"] = np.nan
    frame.loc[3::11, "colour"] = None
    frame.loc[5::13, "when"] = pd.NaT
    return frame


@pytest.fixture(scope="session")
def tabular(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of a CSV file."""
    folder = tmp_path_factory.mktemp("tabular")
    table.to_csv(folder / "table.csv", index=False)
    return ikura.tune(folder / "table.csv", "kept", out=folder / "run", **TINY)


@pytest.fixture(scope="session")
def arrays() -> tuple[np.ndarray, np.ndarray]:
    """Features that are not standardised, and values."""
    random = np.random.default_rng(1)
    x = random.normal(5, 3, (120, 6)).astype(np.float32)
    return x, x[:, 0] * 100 + 1e4
