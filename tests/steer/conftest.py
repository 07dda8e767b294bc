"""Studies that are asked for something while they train."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch

import ikura
from ikura.api.study import Study
from ikura.study.record.progress import Progress

from ..study.unreported import short_report

torch.set_num_threads(1)

SPACE: dict[str, Any] = {"learning_rate": ikura.log(1e-3, 1e-1), "optimizer": "momentum", "units": 8, "batch_size": 16}


class LeftError(Exception):
    """A study is left in the middle."""


class Leaving(Progress):
    """Leaves a study when its first stage begins."""

    def start(self, stage: str, total: int) -> None:
        raise LeftError


@pytest.fixture(autouse=True)
def _short_report() -> Iterator[None]:
    with short_report():
        yield


def left_waiting(run: Path, **given: Any) -> Path:
    """Leave a study when its first stage begins."""
    settings = {"space": SPACE, "trials": 4, "epochs": 6, "search": "random", "schedule": "none", "finalists": 1}
    settings |= {"ensemble": "none", "calibration": "none"}
    with pytest.raises(LeftError):
        ikura.tune("iris", **settings | {"jobs": 1, "out": run, "progress": Leaving()} | given)
    return run


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Study]:
    """Studies of which nobody asks anything, each trained once for all tests; not to be changed."""
    from .test_steered_studies import tune

    made: dict[Any, Study] = {}

    def make(**way: Any) -> Study:
        # What a way is made of lives as long as its module.
        key = tuple(sorted((name, id(value)) for name, value in way.items()))
        if key not in made:
            made[key] = tune(tmp_path_factory.mktemp("calm") / "run", **way)
        return made[key]

    return make


@pytest.fixture(scope="session")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study whose trials wait for somebody to train them."""
    return left_waiting(tmp_path_factory.mktemp("waiting") / "run")


@pytest.fixture(scope="session")
def waiting_with_stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study with several stages, of which the first waits."""
    space = SPACE | {"units": ikura.integer(4, 16), "optimizer": ikura.choice("sgd", "adam")}
    run = tmp_path_factory.mktemp("stages") / "run"
    return left_waiting(run, space=space, trials=12, epochs=4, search="coarse-to-fine")


@pytest.fixture
def left(waiting: Path, tmp_path: Path) -> Study:
    """A study of one's own whose trials wait for somebody to train them."""
    return ikura.open_study(copytree(waiting, tmp_path / "left"))


@pytest.fixture
def several(waiting_with_stages: Path, tmp_path: Path) -> Study:
    """A study of one's own with several stages, of which the first waits."""
    return ikura.open_study(copytree(waiting_with_stages, tmp_path / "several"))
