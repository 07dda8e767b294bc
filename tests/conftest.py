"""Settings of all tests: property tests try the same examples every time, kernels are compiled once for all workers.

`IKURA_EXPLORE=1 pytest` lets property tests try other examples each time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings

import ikura.built_in
from ikura.registry import Registry
from ikura.study.record.address import parse_url

from .postgres_server import PostgresServer

# One thread for a product, here and in processes that tests begin: there is a worker of the tests on every core, and
# threads that wait for each other take several times the time.
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("ikura", deadline=None, derandomize="IKURA_EXPLORE" not in os.environ)
settings.load_profile("ikura")

# A shell's background jobs ignore interrupts, and so would the processes that tests begin and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile before the workers begin, which would wait for each other; at once where the cache has it all."""
    options = session.config.option
    if hasattr(session.config, "workerinput") or not getattr(options, "numprocesses", 0) or options.collectonly:
        return
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ikura", "warm-up", "--images", "--own", "--quiet", "--dtype"]
    at_work = [
        subprocess.Popen([*command, dtype], env=environment, stdout=subprocess.DEVNULL)
        for dtype in ("float32", "float64")
    ]
    for process in at_work:
        process.wait()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this process of the tests, with its password known."""
    server = PostgresServer()
    parse_url(server.secret)
    yield server
    server.close()


@contextmanager
def _registries_kept() -> Iterator[None]:
    """What a caller's functions were registered as is forgotten again."""
    registries = [one for one in vars(ikura.built_in).values() if isinstance(one, Registry)]
    before = [(one.registered, dict(one.registered)) for one in registries]
    yield
    for registered, known in before:
        registered.clear()
        registered.update(known)


@pytest.fixture(autouse=True, scope="module")
def _registries_of_a_module() -> Iterator[None]:
    with _registries_kept():
        yield


@pytest.fixture(autouse=True)
def _registries_of_a_test() -> Iterator[None]:
    with _registries_kept():
        yield
