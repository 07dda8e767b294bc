"""Settings of all tests: examples of property tests are not timed, kernels are compiled once for all workers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

COMPILE = """
import sys
from ikura.population.warmup import warm_up
for convolutional in (False, True):
    warm_up(sys.argv[1], lambda line: None, convolutional)
"""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile before the workers begin, which would each do it again; at once where the cache has the kernels."""
    options = session.config.option
    if hasattr(session.config, "workerinput") or not getattr(options, "numprocesses", 0) or options.collectonly:
        return
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    at_work = [
        subprocess.Popen([sys.executable, "-c", COMPILE, dtype], env=environment) for dtype in ("float32", "float64")
    ]
    for process in at_work:
        process.wait()
