"""Studies whose nodes, workers and driver are killed end as on one machine; `benchmarks.cluster_kills` makes twenty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.sweep
@pytest.mark.timeout(1800)
def test_a_study_that_loses_machines_is_the_same_to_the_bit() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")
    command = [sys.executable, "-m", "benchmarks.cluster_kills", "--runs", "2", "--trials", "64", "--epochs", "12"]
    with FileLock(os.path.join(tempfile.gettempdir(), "ikura-tests-ray.lock")):
        done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["equal"] == 2
