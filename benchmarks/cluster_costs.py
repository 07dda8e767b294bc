"""What the driver of a cluster spends, measured here: recording trials, talking with a worker, placing data.

Talking is the processor time of this process, Ray's own threads in it included, over a local Ray with one worker; the
others are seconds that pass.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

__all__ = ["MeasuredCosts", "measured_costs"]

EPOCHS = 20
"""Of the trials that are recorded."""
PLACED = 64 << 20
"""Bytes of the data that are placed."""
SHORT = 0.005
"""Seconds between two pieces of news while their cost is measured."""


@dataclass(frozen=True)
class MeasuredCosts:
    """Seconds of the driver.

    Attributes:
        begin: to make a job and send it.
        take: to take the outcomes of a tile.
        store: to record one trial.
        news: to take one piece of news.
        place: to place a megabyte of data on a node, which is waited for once in a study.
        pieces: of news that were counted.
    """

    begin: float
    take: float
    store: float
    news: float
    place: float
    pieces: int


def measured_costs(members: int, tiles: int = 12) -> MeasuredCosts:
    """Measure.

    Args:
        members: of a tile.
        tiles: that are sent and taken.
    """
    import ikura
    from ikura.engine.workplace import EngineOptions, RayCluster
    from ikura.population.job import train
    from ikura.study.training_setup import setup_again

    with TemporaryDirectory() as place:
        folder = Path(place)
        given: dict[str, Any] = {"trials": 2, "epochs": 2, "finalists": 0, "ensemble": "none", "checks": False}
        study = ikura.tune("digits", **given, out=folder / "run")
        _, setup = setup_again(study.setting, study.run, None)
        outcomes = train(setup, _job(0, members, EPOCHS))
        store = _recording(folder, outcomes)
        with RayCluster(EngineOptions("ray", "local", 1), folder, False, lambda line: None) as cluster:
            engine = cluster.engine(setup)
            list(engine.run([_job(0, members, 1)], lambda told: None))
            seldom = _talking(engine, members, tiles, 1, every=1e3)
            # Twice with the same epochs: what is more is news.
            long = _talking(engine, members, 2, EPOCHS, every=1e3)
            often = _talking(engine, members, 2, EPOCHS, every=SHORT)
            pieces = max(often["pieces"] - long["pieces"], 1)
            news = max(often["seconds"] - long["seconds"], 0.0) / pieces
            spent = _placing(setup)
    begin = seldom["begin"] / tiles
    return MeasuredCosts(
        begin, max(seldom["seconds"] / tiles - begin, 0.0), store, news, spent / (PLACED / 1e6), int(pieces)
    )


def _job(number: int, members: int, epochs: int) -> Any:
    from ikura.population.job import Job
    from ikura.population.member import Member

    return Job(number, tuple(Member(n, {"units": 16, "layers": 2}, 0) for n in range(members)), epochs)


def _recording(folder: Path, outcomes: list[Any], times: int = 10) -> float:
    """Seconds to record one trial, of tiles like these."""
    from ikura.study.record.store import Store
    from ikura.study.record.trial import Purpose, Trial

    store, count = Store(folder / "study.db", create=True), len(outcomes)
    store.add_trials([Trial(n, Purpose.SEARCH, 0, n, {"units": 16}) for n in range(times * count)])
    tiles = [[replace(one, number=i * count + one.number) for one in outcomes] for i in range(times)]
    began = time.perf_counter()
    for tile in tiles:
        store.record(tile)
    seconds = time.perf_counter() - began
    store.close()
    return seconds / (times * count)


def _talking(engine: Any, members: int, tiles: int, epochs: int, every: float) -> dict[str, float]:
    """Seconds of this process while a worker trains some tiles, those of beginning them, and pieces of news."""
    from ikura.engine.cluster import engine as module

    found = {"begin": 0.0, "pieces": 0.0}
    begin, hear = engine._begin, engine._hear

    def begun(*arguments: Any, **named: Any) -> None:
        before = time.perf_counter()
        begin(*arguments, **named)
        found["begin"] += time.perf_counter() - before

    def heard(*arguments: Any) -> None:
        found["pieces"] += 1
        hear(*arguments)

    engine._begin, engine._hear = begun, heard
    jobs = [_job(n, members, epochs) for n in range(tiles)]
    with _replaced(module, "SECONDS_OF_NEWS", every):
        before = time.process_time()
        list(engine.run(jobs, lambda told: None))
        found["seconds"] = time.process_time() - before
    del engine._begin, engine._hear
    return found


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _placing(setup: Any) -> float:
    """Seconds until data are placed on this node."""
    import ray

    from ikura.engine.cluster.placed_setup import place

    x = np.ones((PLACED // 4 // 64, 64), np.float32)
    began = time.perf_counter()
    reference = ray.put(place(replace(setup, train=_examples(x))))
    seconds = time.perf_counter() - began
    del reference
    return seconds


def _examples(x: np.ndarray) -> Any:
    from ikura.population.examples import Examples

    return Examples(x, np.zeros((len(x), 0), np.int32), np.zeros(len(x), np.float32))
