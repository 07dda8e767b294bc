"""The driver's costs are assumed or measured, and the simulation says which it takes."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict

import pytest
from filelock import FileLock

from benchmarks import cluster_simulation
from benchmarks.cluster_costs import MeasuredCosts, measured_costs
from benchmarks.cluster_simulation import Costs

SMALL = ["--workers", "10", "--trials", "640", "--store", "0.2"]
FOUND = MeasuredCosts(begin=4e-3, take=5e-3, store=6e-3, news=7e-3, place=8e-3, pieces=9)


def test_costs_are_assumed_without_measuring(capsys: pytest.CaptureFixture[str]) -> None:
    cluster_simulation.main(SMALL)
    told = capsys.readouterr().out
    assert "costs of the driver, ms, assumed: begin 3, take 2, store 0.2, news 0.15\n" in told
    assert "measured" not in told


def test_measured_costs_stand_beside_the_assumed_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster_simulation, "measured_costs", lambda members: FOUND)
    cluster_simulation.main([*SMALL, "--measure"])
    told = capsys.readouterr().out
    assert "assumed: begin 3, take 2, store 0.2, news 0.15\n" in told
    assert "measured here: begin 4, take 5, store 6, news 7\n" in told
    assert "placing data, ms for each MB, measured here: 8\n" in told
    cluster_simulation.main([*SMALL, "--measure", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["costs"] == asdict(Costs(4e-3, 5e-3, 6e-3, 7e-3))
    assert (figures["assumed"]["store"], figures["measured"]) == (0.2e-3, asdict(FOUND))


@pytest.mark.sweep
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_costs_are_measured_through_a_local_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")
    with (
        FileLock(os.path.join(tempfile.gettempdir(), "ikura-tests-ray.lock")),
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder,
    ):
        monkeypatch.setenv("RAY_TMPDIR", folder)
        found = measured_costs(8, tiles=3)
    assert min(found.begin, found.take, found.store, found.place) > 0
    assert found.pieces > 1
