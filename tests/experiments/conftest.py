"""Each experiment's quick version, run once for all tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from ikura.experiments import Reproduction, reproduce

from ..study.unreported import short_report

OPTIONS = {name: {"data": "digits"} for name in ("large-batch", "large-batch-controls")}
"""What an experiment is given instead of data that pip does not install."""


class Runs:
    """Quick runs by name, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = cache(self._run)

    def _run(self, name: str) -> Reproduction:
        with short_report():
            return reproduce(name, self.folder / name, quick=True, options=OPTIONS.get(name))

    def table(self, name: str, table: str) -> pd.DataFrame:
        return pd.read_csv(self.run(name).folder / f"{table}.csv")


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("reproduced"))
