"""Several studies in one process, and studies inside of other people's processes and threads: each as if alone."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ikura
from ikura.api.study import Study
from ikura.nn.zoo.cnn import Recipe

from ..sweep import swept
from .comparing import assert_replays, assert_same

forked = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here"
)

RANDOM = np.random.default_rng(0)
PICTURES = (RANDOM.integers(0, 256, (48, 1, 8, 8)).astype(np.uint8), np.arange(48) % 3)
NUMBERS = (RANDOM.normal(size=(120, 5)).astype(np.float32), np.arange(120) % 2)
TINY: dict[str, Any] = {"trials": 4, "epochs": 2, "finalists": 1, "jobs": 2, "schedule": "none"}


class Noisy(nn.Module):
    """Draws from everywhere: torch, NumPy and Python, for its weights and in training."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(inputs, 6), nn.Linear(6, outputs)
        self.last.bias.data += float(np.random.normal())

    def forward(self, x: Tensor) -> Tensor:
        h = torch.dropout(self.first(x).tanh(), 0.3, self.training)
        out: Tensor = self.last(h + torch.randn_like(h) * 0.1 * self.training)
        return out


def own(hp: Any) -> nn.Module:
    return Noisy(hp.inputs, hp.outputs)


SPACE = {"learning_rate": ikura.log(1e-3, 0.1)}
STUDIES: dict[str, dict[str, Any]] = {
    "images": {"data": PICTURES, "space": {"learning_rate": 0.01, "channels": 4, "units": ikura.integer(4, 9)}},
    "images, another seed": {"data": PICTURES, "space": {"learning_rate": 0.02, "channels": 4}, "seed": 9},
    "own network": {"data": NUMBERS, "network": own, "space": SPACE},
    "own network, another seed": {"data": NUMBERS, "network": own, "space": SPACE, "seed": 4},
    "table": {"data": "iris", "space": {"learning_rate": 0.01, "units": ikura.integer(3, 20)}},
}


@pytest.fixture(autouse=True)
def _tiles_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.api.run.measure_tile_size", lambda *_: 2)
    monkeypatch.setattr("ikura.engine.forking.cores", lambda: 2)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns every microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Study]:
    """Each study by itself, one tile after another."""
    made: dict[str, Study] = {}

    def make(name: str) -> Study:
        if name not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("ikura.api.run.measure_tile_size", lambda *_: 2)
                options = TINY | STUDIES[name] | {"jobs": 1}
                made[name] = ikura.tune(out=tmp_path_factory.mktemp("alone") / "run", **options)
        return made[name]

    return make


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("attempts", swept([1, 3], core=["1"]))
@pytest.mark.parametrize("name", ["images", "own network", "table"])
def test_two_jobs_give_what_one_gives(
    name: str, attempts: int, alone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Recipe.module

    def hesitant(recipe: Recipe) -> nn.Module:
        time.sleep(0.002)
        return module(recipe)

    monkeypatch.setattr(Recipe, "module", hesitant)
    for attempt in range(attempts):
        study = ikura.tune(out=tmp_path / str(attempt), **TINY | STUDIES[name])
        assert_same(study, alone(name))
    assert_replays(study)


def begun(name: str, run: Path) -> Study:
    return ikura.tune(out=run, **TINY | STUDIES[name])


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "names",
    [
        ("table", "own network"),
        pytest.param(("own network", "own network, another seed"), marks=pytest.mark.sweep),
        ("images", "own network", "images, another seed"),
    ],
)
def test_studies_in_threads(names: tuple[str, ...], alone: Any, tmp_path: Path) -> None:
    expected = [alone(name) for name in names]
    filters, threads = list(warnings.filters), torch.get_num_threads()
    torch.manual_seed(3)
    np.random.seed(3)
    with ThreadPoolExecutor(len(names)) as pool:
        made = [pool.submit(begun, name, tmp_path / name) for name in names]
        for future, study in zip(made, expected, strict=True):
            assert_same(future.result(timeout=120), study)
    assert (warnings.filters, torch.get_num_threads()) == (filters, threads)
    drawn = torch.rand(3), np.random.rand(3)
    torch.manual_seed(3)
    np.random.seed(3)
    assert torch.equal(drawn[0], torch.rand(3))
    assert (drawn[1] == np.random.rand(3)).all()


class Heard(ikura.Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_beside_a_thread_at_work_no_process_is_forked_and_it_is_said(alone: Any, tmp_path: Path) -> None:
    expected, stop, busy = alone("own network"), threading.Event(), threading.Event()

    class Waits(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            busy.set()
            stop.wait(60)
            return x

    thread = threading.Thread(target=Waits(), args=(torch.ones(1),))
    thread.start()
    heard = Heard()
    try:
        busy.wait()
        study = ikura.tune(out=tmp_path / "run", progress=heard, **TINY | STUDIES["own network"])
    finally:
        stop.set()
        thread.join()
    assert_same(study, expected)
    [line] = [line for line in heard.lines if "one after another" in line]
    assert "another thread is at work with networks" in line


def test_beside_a_thread_that_waits_processes_are_forked(alone: Any, tmp_path: Path) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, args=(60,))
    thread.start()
    heard = Heard()
    try:
        study = ikura.tune(out=tmp_path / "run", progress=heard, **TINY | STUDIES["own network"])
    finally:
        stop.set()
        thread.join()
    assert_same(study, alone("own network"))
    assert not [line for line in heard.lines if "one after another" in line]


def in_a_worker(place: tuple[str, str]) -> tuple[float, list[str]]:
    name, run = place
    heard = Heard()
    study = ikura.tune(out=run, progress=heard, **TINY | STUDIES[name])
    assert study.test is not None
    return study.test.value, heard.lines


@forked
@pytest.mark.parametrize("name", swept(["own network", "images"], core=["own network"]))
def test_inside_a_pool_of_processes(name: str, alone: Any, tmp_path: Path) -> None:
    expected = alone(name).test.value
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(in_a_worker, [(name, str(tmp_path / str(i))) for i in range(2)])
    assert [value for value, _ in found] == [expected] * 2
    lines = [[line for line in lines if "worker of multiprocessing" in line] for _, lines in found]
    assert [len(one) for one in lines] == [1 if name == "own network" else 0] * 2


def test_in_a_running_event_loop_as_in_a_notebook(alone: Any, tmp_path: Path) -> None:
    async def cell() -> Study:
        return ikura.tune(out=tmp_path / "run", **TINY | STUDIES["own network"])

    assert_same(asyncio.run(cell()), alone("own network"))


@pytest.mark.parametrize("name", ["own network", "table"])
def test_more_jobs_than_cores_are_said_to_be_too_many(name: str, alone: Any, tmp_path: Path) -> None:
    heard = Heard()
    study = ikura.tune(out=tmp_path / "run", progress=heard, **TINY | STUDIES[name] | {"jobs": 40})
    assert_same(study, alone(name))
    assert [line for line in heard.lines if "jobs" in line] == ["2 of 40 jobs: there are no more cores than that"]
