"""Threads, processes and this very thread give the same outcomes, and none of them leaves anything hanging."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ikura.engine import Engine, engine_for
from ikura.engine.processes import ProcessEngine
from ikura.engine.serial import SerialEngine
from ikura.engine.threads import ThreadEngine
from ikura.errors import UsageError
from ikura.population.examples import Examples
from ikura.population.job import Job, TileProgress, train
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup

torch.set_num_threads(1)

pytestmark = pytest.mark.timeout(120)

ENGINES: dict[str, Callable[[TrainingSetup], Engine]] = {
    "serial": SerialEngine,
    "threads": lambda setup: ThreadEngine(setup, 2),
    "processes": lambda setup: ProcessEngine(setup, 2),
}
POOLS = ["threads", "processes"]
EPOCHS = 4


def mean_absolute_error(p: Tensor, y: Tensor) -> Tensor:
    """A metric."""
    return (p - y).abs().mean()


class Own(nn.Module):
    """A caller's network with noise and statistics."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.stack = nn.Sequential(nn.Linear(4, units), nn.BatchNorm1d(units), nn.Dropout(0.2), nn.Linear(units, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.stack(x)
        return out


def setup(network: Callable[[Any], nn.Module] | None = None) -> TrainingSetup:
    """A small regression."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((150, 4)).astype(np.float32)
    every = Examples(x, np.zeros((150, 0), np.int32), (x[:, 0] * x[:, 1]).astype(np.float32))
    dev = Examples(every.x[100:], every.codes[100:], every.y[100:])
    return TrainingSetup(every.head(100), dev, Scorer("regression", mean_absolute_error), 1, network=network)


def jobs(count: int = 5, **more: Any) -> list[Job]:
    """Jobs of two members each."""
    return [
        Job(n, tuple(Member(2 * n + k, {"units": 3 + n, "dropout": 0.1 * k}, 0) for k in range(2)), EPOCHS, **more)
        for n in range(count)
    ]


def by_number(found: Iterator[list[Outcome]]) -> dict[int, Outcome]:
    """Outcomes in an order of their own."""
    return {outcome.number: outcome for outcomes in found for outcome in outcomes}


def assert_same(one: dict[int, Outcome], other: dict[int, Outcome]) -> None:
    """Compare to the bit, but for the clock."""
    assert one.keys() == other.keys()
    for number in one:
        first, second = vars(one[number]).copy(), vars(other[number]).copy()
        first |= {f"buffer {name}": buffer for name, buffer in first.pop("buffers").items()}
        second |= {f"buffer {name}": buffer for name, buffer in second.pop("buffers").items()}
        assert first.keys() == second.keys()
        for name in first.keys() - {"seconds"}:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def assert_nothing_hangs() -> None:
    """No worker is left."""
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ikura")]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("serial", None),
        ("threads", None),
        ("processes", None),
        ("serial", lambda hp: Own(hp.units)),
        ("processes", lambda hp: Own(hp.units)),
    ],
)
def test_all_give_the_same_outcomes(name: str, network: Any) -> None:
    made = setup(network)
    expected = {o.number: o for job in jobs(keep_weights=True) for o in train(made, job)}
    with ENGINES[name](made) as engine:
        for _ in range(2):
            assert_same(by_number(engine.run(jobs(keep_weights=True), lambda message: None)), expected)
    assert_nothing_hangs()


@pytest.mark.parametrize("name", ENGINES)
def test_epochs_are_told_in_the_callers_thread(name: str) -> None:
    message: list[TileProgress] = []
    threads: set[int] = set()

    def tell(one: TileProgress) -> None:
        message.append(one)
        threads.add(threading.get_ident())

    with ENGINES[name](setup()) as engine:
        outcomes = by_number(engine.run(jobs(), tell)).values()
    assert threads == {threading.get_ident()}
    assert sum(one.epochs for one in message) == 5 * 2 * EPOCHS
    assert min(one.epochs for one in message) >= 0
    last = {one.tile: one.best for one in message}
    assert last == {tile: max(o.dev_score for o in outcomes if o.tile == tile) for tile in last}


@pytest.mark.parametrize("name", ENGINES)
def test_no_jobs_no_outcomes(name: str) -> None:
    with ENGINES[name](setup()) as engine:
        assert list(engine.run([], lambda message: None)) == []


def failing(hp: Any) -> nn.Module:
    """A factory that fails for some."""
    if hp.units == 5:
        raise ZeroDivisionError("units 5")
    return Own(hp.units)


@pytest.mark.parametrize("name", ENGINES)
def test_an_exception_reaches_the_caller_and_ends_the_others(name: str) -> None:
    started = time.perf_counter()
    endless = [replace(job, epochs=10**9) if job.number > 2 else job for job in jobs()]
    with ENGINES[name](setup(failing)) as engine, pytest.raises(UsageError, match=r"trial 4: .* units 5"):
        list(engine.run(endless, lambda message: None))
    assert time.perf_counter() - started < 60
    assert_nothing_hangs()


@pytest.mark.parametrize("name", POOLS)
def test_an_engine_runs_again_after_an_exception(name: str) -> None:
    made = setup(failing)
    good = [job for job in jobs() if job.number != 2]
    with ENGINES[name](made) as engine:
        with pytest.raises(UsageError):
            list(engine.run(jobs(), lambda message: None))
        again = by_number(engine.run(good, lambda message: None))
    assert again.keys() == {o.number for job in good for o in train(made, job)}
    assert {outcome.state for outcome in again.values()} == {"complete"}


@pytest.mark.parametrize("name", ENGINES)
def test_an_exception_of_the_listener_ends_the_run(name: str) -> None:
    def tell(message: TileProgress) -> None:
        raise KeyboardInterrupt

    with ENGINES[name](setup()) as engine, pytest.raises(KeyboardInterrupt):
        list(engine.run([replace(job, epochs=10**9) for job in jobs()], tell))
    assert_nothing_hangs()


def slow(p: Tensor, y: Tensor) -> Tensor:
    """A metric that takes its time, so that jobs are still running when a run is left."""
    time.sleep(0.005)
    return mean_absolute_error(p, y)


@pytest.mark.parametrize("name", POOLS)
def test_a_run_that_is_left_saves_its_tiles_and_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    quick = setup() if name == "threads" else setup(lambda hp: Own(hp.units))
    long = [replace(job, epochs=60, snapshot=tmp_path / f"{job.number}", keep_weights=True) for job in jobs(3)]
    expected = {o.number: o for job in long for o in train(quick, replace(job, snapshot=None))}
    epochs = 0

    def tell(message: TileProgress) -> None:
        nonlocal epochs
        epochs += message.epochs
        if epochs >= 10:
            raise KeyboardInterrupt

    with ENGINES[name](replace(quick, scorer=Scorer("regression", slow))) as engine:
        with pytest.raises(KeyboardInterrupt):
            list(engine.run(long, tell))
        assert {path.name for path in tmp_path.iterdir()} >= {"0"}
        assert_same(by_number(engine.run(long, lambda message: None)), expected)
    assert_nothing_hangs()


def pid_as_score(p: Tensor, y: Tensor) -> Tensor:
    """A metric that tells where it was computed."""
    return torch.tensor(float(os.getpid()), dtype=torch.float64) + 0 * p.sum().double()


@pytest.mark.parametrize(("name", "here"), [("serial", True), ("threads", True), ("processes", False)])
def test_where_jobs_run(name: str, here: bool) -> None:
    made = replace(setup(), scorer=Scorer("regression", pid_as_score))
    with ENGINES[name](made) as engine:
        scores = {outcome.dev_score for outcome in by_number(engine.run(jobs(), lambda message: None)).values()}
    assert (scores == {float(os.getpid())}) == here


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.engine.forking.cores", lambda: 2)


def test_there_are_no_more_workers_than_tiles_and_cores() -> None:
    made, said = setup(lambda hp: Own(hp.units)), []
    with engine_for(made, 40, said.append) as engine:
        list(engine.run(jobs(1), lambda message: None))
        assert multiprocessing.active_children() == []
        list(engine.run(jobs(5), lambda message: None))
        assert len(multiprocessing.active_children()) == 2
    assert said == ["2 of 40 jobs: there are no more cores than that"]
    assert_nothing_hangs()


@pytest.mark.parametrize(
    ("made", "count", "kind"),
    [
        (setup(), 1, ThreadEngine),
        (setup(), 2, ThreadEngine),
        (setup(failing), 1, SerialEngine),
        (setup(failing), 2, ProcessEngine),
        (replace(setup(), device="cuda"), 2, SerialEngine),
        (replace(setup(failing), device="cuda"), 2, SerialEngine),
    ],
)
def test_the_engine_for_a_workshop(made: TrainingSetup, count: int, kind: type[Engine]) -> None:
    with engine_for(made, count) as engine:
        assert type(engine) is kind


def test_jobs_begin_in_their_order() -> None:
    begun: list[int] = []

    def network(hp: Any) -> nn.Module:
        begun.append(hp.units)
        return Own(hp.units)

    with SerialEngine(setup(network)) as engine:
        outcomes: Sequence[list[Outcome]] = list(engine.run(jobs(), lambda message: None))
    assert [found[0].tile for found in outcomes] == [0, 1, 2, 3, 4]
    assert sorted(begun) == begun
