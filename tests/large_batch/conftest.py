"""A small tuned run, and what `ikura.scale` makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import ikura
from ikura.api.study import Study
from ikura.large_batch.measure_result import Measures
from ikura.large_batch.scale_result import Scaling
from ikura.page.markup import Html

torch.set_num_threads(1)

SPACE: dict[str, Any] = {
    "learning_rate": 0.02, "batch_size": 8, "optimizer": "momentum", "units": 8, "layers": 1, "normalisation": "batch",
}  # fmt: skip


@pytest.fixture(autouse=True, scope="session")
def _short_page() -> Iterator[None]:
    """Leave the plotting library out of pages: it is most of their size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ikura.page.page.inline_script", lambda: Html(""))
        yield


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A run of one trial."""
    run = tmp_path_factory.mktemp("runs") / "flowers"
    return ikura.tune("iris", space=SPACE, trials=1, epochs=6, finalists=0, jobs=1, out=run)


@pytest.fixture(scope="session")
def scaling(study: Study) -> Scaling:
    """The run with a batch four times as large."""
    return ikura.scale(study, 32, rule="sqrt", regime="same-updates", seeds=3, jobs=1)


@pytest.fixture(scope="session")
def found(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Measures:
    """The measures of the run's only trial."""
    return study.measure(points=4, jobs=1, out=tmp_path_factory.mktemp("measures"))


@pytest.fixture
def few_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the potential in a few directions only."""
    monkeypatch.setattr("ikura.large_batch.measure.DIRECTIONS", 10)


@pytest.fixture
def again(study: Study, tmp_path: Path) -> Path:
    """A copy of the run that nothing was scaled or measured in."""
    from shutil import copytree, ignore_patterns

    return Path(copytree(study.run, tmp_path / "flowers", ignore=ignore_patterns("scale", "measure", ".lock")))
