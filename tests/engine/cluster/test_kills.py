"""Studies whose nodes, workers and driver are killed end as on one machine; `benchmarks.cluster_kills` makes twenty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

import ikura
from benchmarks import cluster_kills
from benchmarks.cluster_kills import Disturbed, trials_on_record

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.sweep
@pytest.mark.timeout(1800)
def test_a_study_that_loses_machines_is_the_same_to_the_bit() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")
    command = [sys.executable, "-m", "benchmarks.cluster_kills", "--runs", "2", "--trials", "64", "--epochs", "12"]
    with FileLock(os.path.join(tempfile.gettempdir(), "ikura-tests-ray.lock")):
        done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["equal"] == 2
    assert [run["drivers"] for run in found["runs"]] == [0, 1]


@pytest.mark.parametrize(("drivers", "code"), [(1, 0), (0, 1)])
def test_a_driver_that_was_not_killed_fails_the_benchmark(
    drivers: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int | None] = []

    def disturbed_run(cluster: Any, study: Any, run: Any, draw: Any, every: Any, driver_until: int | None) -> Disturbed:
        asked.append(driver_until)
        return Disturbed(drivers=drivers if driver_until else 0)

    monkeypatch.setattr(cluster_kills, "three_nodes", nullcontext)
    monkeypatch.setattr(cluster_kills, "_begin", lambda arguments: SimpleNamespace(wait=lambda: 0))
    monkeypatch.setattr(cluster_kills, "disturbed_run", disturbed_run)
    monkeypatch.setattr(cluster_kills, "differences", lambda run, reference: [])
    with pytest.raises(SystemExit) if code else nullcontext() as ended:
        cluster_kills.main(["--runs", "2", "--trials", "8"])
    assert ended is None or ended.value.code == code
    assert f"{drivers} of 1 drivers killed in 2 runs: 2 of 2 equal" in capsys.readouterr().out
    assert asked[0] is None
    assert asked[1] in range(1, 5)


def test_trials_on_record_are_counted_while_a_run_is_at_work(tmp_path: Path) -> None:
    assert trials_on_record(tmp_path) == 0
    study = ikura.tune("iris", trials=3, epochs=2, finalists=0, ensemble="none", checks=False, out=tmp_path / "run")
    assert trials_on_record(study.run) == len(study.trials)
