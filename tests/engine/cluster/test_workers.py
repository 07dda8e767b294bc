"""Workers on nodes: one for each GPU; what is trained twice is compared; who ends them too often ends the study."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ikura.engine.cluster.engine import RayEngine
from ikura.engine.workplace import EngineOptions, RayCluster
from ikura.errors import IkuraError, UsageError
from ikura.metric import METRICS
from ikura.population.examples import Examples
from ikura.population.job import Job, train
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(600),
]


def setup(**given: Any) -> TrainingSetup:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3)).astype(np.float32)
    every = Examples(x, np.zeros((60, 0), np.int32), x[:, 0] * x[:, 1])
    return TrainingSetup(every, every.head(20), Scorer("regression", METRICS["r2"]), 1, **given)


Begin = Callable[..., RayCluster]


@pytest.fixture
def begin(cluster: Any, tmp_path: Path) -> Iterator[Begin]:
    """Begins workers on the cluster."""
    made: list[RayCluster] = []
    said: list[str] = []

    def begin(workers: int | None = 1, gpus: bool = False) -> RayCluster:
        options = EngineOptions("ray", cluster.address, workers)
        made.append(RayCluster(options, tmp_path, gpus, said.append))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def test_there_is_a_worker_for_each_gpu(begin: Begin) -> None:
    import ray

    with begin(workers=None, gpus=True) as place:
        assert [(one.host, count) for one, count in place.nodes_at_work() if count] == [(place.nodes.here.host, 2)]
        seen = ray.get([worker.actor.gpus.remote() for worker in place.nodes.workers])
    assert sorted(seen) == ["0", "1"]


def test_a_cluster_without_gpus_is_refused(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    nodes = ray.nodes
    monkeypatch.setattr(ray, "nodes", lambda: [one | {"Resources": {"CPU": 1.0}} for one in nodes()])
    with pytest.raises(UsageError, match="the cluster has no GPU on any of its 3 nodes"):
        begin(gpus=True)


def test_a_slow_tile_is_trained_twice_and_compared(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    made, notes = setup(), list[str]()
    jobs = [Job(n, (Member(n, {"units": 4}, 0),), 3) for n in range(4)]
    expected = {job.number: train(made, job)[0] for job in jobs}
    with begin() as place:
        engine = place.engine(made)
        assert isinstance(engine, RayEngine)
        engine.slow, engine.note = 0.0, notes.append
        found = {one.tile: one for outcomes in engine.run(jobs, lambda told: None) for one in outcomes}
    assert found.keys() == expected.keys()
    for number, one in found.items():
        np.testing.assert_array_equal(one.curve, expected[number].curve)
        assert one.curve.flags.owndata
    assert notes == []


@pytest.mark.sweep
def test_a_tile_that_ends_its_workers_ends_the_study(begin: Begin) -> None:
    def ends(hp: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    with begin(workers=1) as place:
        engine = place.engine(setup(network=ends))
        jobs = [Job(7, (Member(3, {}, 0), Member(5, {}, 0)), 3)]
        with pytest.raises(IkuraError, match=r"tile 7 \(trials 3, 5\) ended 5 workers, on .* `ikura resume` goes on"):
            list(engine.run(jobs, lambda told: None))
