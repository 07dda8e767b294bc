"""Processes, tables and parts are measured as they are."""

from __future__ import annotations

import gzip
import os
import signal
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.anatomy import Watch
from benchmarks.fashion import fashion_mnist
from benchmarks.process import high_water_mark, kill, measure, start, tree
from benchmarks.wide_table import LEVELS, wide_table

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@linux
def test_memory_of_the_whole_tree() -> None:
    child = "x = bytearray(80_000_000); import time; time.sleep(0.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('done')"
    ended = measure([sys.executable, "-c", parent])
    assert ended.code == 0
    assert ended.stdout == "done\n"
    # A bytearray of 76 MB is resident as a whole; two interpreters need less than 60 MB beside it.
    assert 76 < ended.peak < 76 + 60
    # The kernel counts this process, as large as it was when it forked, for the child's.
    assert ended.largest > 76
    assert ended.seconds >= 0.5


def test_lines_come_with_their_times() -> None:
    program = "import sys, time; print('a', file=sys.stderr, flush=True); time.sleep(0.3); print('b', file=sys.stderr)"
    (first, a), (second, b) = measure([sys.executable, "-c", program]).lines
    assert (a, b) == ("a", "b")
    assert second - first > 0.2


@linux
def test_kill_takes_the_children_along() -> None:
    child = "import time; time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = start([sys.executable, "-c", parent])
    deadline = time.monotonic() + 20
    while len(tree(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    _, child_pid = tree(process.pid)
    assert kill(process)
    assert process.returncode == -signal.SIGKILL
    assert not kill(process)
    while high_water_mark(child_pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert high_water_mark(child_pid) == 0


@linux
def test_high_water_mark_of_this_process() -> None:
    # The interpreter with NumPy needs more than 10 MB.
    assert high_water_mark(os.getpid()) > 10


def test_wide_table_is_as_described() -> None:
    frame = wide_table(3_000)
    assert frame.shape == (3_000, 21)
    assert frame.equals(wide_table(3_000))
    shares = frame["label"].value_counts(normalize=True)
    assert shares["low"] == pytest.approx(0.4, abs=0.01)
    missing = frame.isna().sum()
    assert set(missing[missing > 0].index) == {"number_4", "number_5", "size", "branch"}
    assert 1_000 < frame["city"].nunique() <= LEVELS


def write_idx(path: Path, values: np.ndarray) -> None:
    head = struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(gzip.compress(head + values.tobytes()))


def test_idx_files_are_read(tmp_path: Path) -> None:
    images = np.arange(2 * 28 * 28, dtype=np.uint64).astype(np.uint8).reshape(2, 28, 28)
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.array([3, 9], np.uint8))
    x, y = fashion_mnist(tmp_path)
    assert np.array_equal(x, np.concatenate([images, images]).reshape(4, 784))
    assert y.tolist() == [3, 9, 3, 9]
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(SystemExit, match="apt-get install -y dataset-fashion-mnist"):
        fashion_mnist(tmp_path)


def test_watch_gives_time_to_the_innermost() -> None:
    class Work:
        def outer(self) -> None:
            time.sleep(0.05)
            self.inner()

        def inner(self) -> None:
            time.sleep(0.1)

    watch = Watch()
    with watch.on(Work, "outer", "outer"), watch.on(Work, "inner", "inner"):
        Work().outer()
        assert not watch.beside
        watch.start("search", 1)
        Work().outer()
        worker = threading.Thread(target=Work().inner)
        worker.start()
        worker.join()
        watch.finish()
    assert watch.beside["inner"] >= 0.1
    assert watch.beside["outer"] >= 0.05
    # Had the inner 0.1 s been counted twice, the outer part would be the longer one.
    assert watch.beside["outer"] < watch.beside["inner"]
    assert list(watch.seconds) == ["inner"]
    before = dict(watch.beside)
    Work().outer()
    assert watch.beside == before
