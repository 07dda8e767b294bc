"""The process that leads a study keeps little of a trial that has ended, however many there are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the memory that Linux tells")

EARLY, LATE = 1_500, 5_000
MOST = 4096
"""Bytes of a trial: its row of about 1 kB, which whoever trains keeps, and what lies between. The weights of
such a network take 20 kB, so that keeping them, or outcomes, would be seen."""
STUDY = """
import gc, json, sys
from pathlib import Path
import ikura
from tests_unreported import short_report

class Measured(ikura.Progress):
    found = {}

    def update(self, done, trials, best):
        for many in (EARLY, LATE):
            if trials >= many and many not in self.found:
                gc.collect()
                lines = Path("/proc/self/status").read_text().splitlines()
                self.found[many] = next(int(one.split()[1]) for one in lines if one.startswith("VmRSS:"))

space = {"learning_rate": {"low": 1e-4, "high": 0.3, "scale": "log"}, "units": 64, "layers": 1, "batch_size": 512}
with short_report():
    study = ikura.tune(
        "digits", space=space, trials=LATE, epochs=1, search="random", schedule="none", finalists=0, ensemble="none",
        calibration="none", baselines=False, checks=False, out="run", progress=Measured(), **json.loads(sys.argv[1])
    )
print(json.dumps([len(study.trials), *(Measured.found.get(many) for many in (EARLY, LATE))]))
"""


@pytest.mark.parametrize(
    "engine", [pytest.param({}, id="threads"), pytest.param({"engine": "ray", "workers": 2}, id="ray")]
)
@pytest.mark.sweep
def test_memory_is_flat_over_thousands_of_trials(engine: dict[str, object], tmp_path: Path) -> None:
    if engine:
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")
    text = STUDY.replace("EARLY", str(EARLY)).replace("LATE", str(LATE))
    (tmp_path / "tests_unreported.py").write_bytes(Path(__file__).with_name("unreported.py").read_bytes())
    (tmp_path / "study.py").write_text(text)
    command = [sys.executable, "study.py", json.dumps(engine)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    trials, early, late = json.loads(done.stdout.splitlines()[-1])
    assert trials == LATE
    assert (late - early) * 1024 < MOST * (LATE - EARLY), f"{early:,} kB at {EARLY:,} trials, {late:,} kB at {LATE:,}"
    print(f"{early:,} kB at {EARLY:,} trials, {late:,} kB at {LATE:,}")
