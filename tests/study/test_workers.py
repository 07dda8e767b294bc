"""Worker processes: what happens when one of them, or their parent, is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import ikura
from ikura.errors import IkuraError

from .comparing import assert_same

OPTIONS: dict[str, Any] = {"trials": 8, "epochs": 6, "finalists": 1, "space": {"learning_rate": ikura.log(1e-3, 0.1)}}


class InTorch(nn.Linear):
    """Turns its outputs and turns them back, which the compiled kernel does not know: it trains in worker processes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flip(1).flip(1)


def network(hp: Any) -> nn.Module:
    return InTorch(hp.inputs, hp.outputs)


@pytest.fixture(autouse=True)
def _tiles_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.api.run.measure_tile_size", lambda *_: 2)
    monkeypatch.setattr("ikura.engine.forking.cores", lambda: 2)


def test_a_killed_worker_is_one_line_and_the_run_goes_on(tmp_path: Path) -> None:
    me, once = os.getpid(), tmp_path / "once"

    class Fatal(InTorch):
        """Ends the first worker that trains it."""

        def forward(self, x: Tensor) -> Tensor:
            if os.getpid() != me and not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().forward(x)

    def fatal(hp: Any) -> nn.Module:
        return Fatal(hp.inputs, hp.outputs)

    with pytest.raises(IkuraError, match="a worker process was killed") as caught:
        ikura.tune("iris", network=fatal, jobs=2, out=tmp_path / "run", **OPTIONS)
    assert "\n" not in str(caught.value)
    whole = ikura.tune("iris", network=network, jobs=1, out=tmp_path / "whole", **OPTIONS)
    assert_same(ikura.resume(tmp_path / "run", fatal), whole)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="children are not listed here")
def test_no_worker_outlives_its_parent(tmp_path: Path) -> None:
    class Slow(InTorch):
        def forward(self, x: Tensor) -> Tensor:
            time.sleep(0.05)
            return super().forward(x)

    def study() -> None:
        slow = {"network": lambda hp: Slow(hp.inputs, hp.outputs), "jobs": 2}
        ikura.tune("iris", out=tmp_path / "run", **slow, **OPTIONS | {"epochs": 10_000})

    parent = multiprocessing.get_context("fork").Process(target=study)
    parent.start()
    try:
        until = time.monotonic() + 30
        while len(workers := children(parent.pid)) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(0.3)
    finally:
        parent.kill()
        parent.join()
    # A worker looks after its parent now and then; ten seconds are many times that.
    until = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    left = [worker for worker in workers if alive(worker)]
    for worker in left:
        os.kill(worker, signal.SIGKILL)
    assert not left
