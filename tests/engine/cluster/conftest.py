"""Three nodes of a Ray cluster on this machine, with one core each, and what is said to be GPUs on one of them."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from filelock import FileLock

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Workers would give way to all other tests.
    "RAY_worker_niceness": "0",
}
MEMORY = 100 << 20
"""Bytes of a node's object store."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of three nodes; one at a time, whatever other processes test."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")
    # Paths of sockets may have 107 characters, so the folder lies near the root.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    with FileLock(os.path.join(tempfile.gettempdir(), "ikura-tests-ray.lock")), pytest.MonkeyPatch.context() as patch:
        for name, value in ({"RAY_TMPDIR": folder} | ENVIRONMENT).items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = Cluster()
            for gpus in (0, 0, 2):
                # There are no GPUs: Ray takes its word for it.
                made.add_node(num_cpus=1, num_gpus=gpus, object_store_memory=MEMORY, include_dashboard=False)
        yield made
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
