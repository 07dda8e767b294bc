"""Kill what a study trains on: nodes, workers and the driver of a Ray cluster; it must end as on one machine.

Three nodes of this machine with one core each. Every few seconds a node (its raylet), or the process of a worker, is
ended by SIGKILL, always leaving one worker; what is gone comes again. In every second run the driver is killed, too,
and `ikura resume --engine ray` goes on. The exit code is 1 if a bit differs from the study on threads.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.alike import differences
from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table

__all__ = ["Disturbed", "disturbed_run", "main", "three_nodes"]

TITLE = "ray::TileWorker"
"""How Ray calls the process of a worker."""
MEMORY = 100 << 20
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}
SETTLED = 5.0
"""Seconds after which a worker counts as one that is at work."""


@dataclass
class Disturbed:
    """A run that lost machines on its way.

    Attributes:
        nodes, workers, drivers: how many of each were killed.
        seconds: from its beginning to its end.
        different: what is not as in the undisturbed run.
    """

    nodes: int = 0
    workers: int = 0
    drivers: int = 0
    seconds: float = 0.0
    different: list[str] = field(default_factory=list)


@contextmanager
def three_nodes() -> Iterator[Any]:
    """A cluster of three nodes on this machine."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    os.environ.update(ENVIRONMENT | {"RAY_TMPDIR": folder})
    from ray.cluster_utils import Cluster

    made = Cluster()
    for _ in range(3):
        _add_node(made)
    try:
        yield made
    finally:
        made.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _add_node(cluster: Any) -> None:
    for left in (2, 1, 0):
        try:
            cluster.add_node(num_cpus=1, object_store_memory=MEMORY, include_dashboard=False, wait=False)
            return
        except Exception:  # Ray gives up after half a minute, which is short on a busy machine.
            if not left:
                raise


def _workers(folder: str) -> dict[int, float]:
    """Processes of workers of the cluster whose files lie in a folder, and how many seconds they have been there."""
    found = {}
    now, tick = time.clock_gettime(time.CLOCK_BOOTTIME), os.sysconf("SC_CLK_TCK")
    for place in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if (place / "cmdline").read_bytes().decode(errors="replace").startswith(TITLE):
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                parent = Path("/proc", fields[1], "cmdline").read_bytes().decode(errors="replace")
                if folder in parent:
                    found[int(place.name)] = now - int(fields[19]) / tick
    return found


def _kill(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def _kill_something(cluster: Any, draw: random.Random, found: Disturbed) -> None:
    """Kill a worker, or a node with its worker, if another worker is left; make up for nodes that are gone."""
    while len(cluster.worker_nodes) < 2:
        _add_node(cluster)
    ages = _workers(os.environ["RAY_TMPDIR"])
    # One that is at work is left: the others are begun anew all the time.
    spared = max(ages, key=ages.__getitem__, default=None)
    if spared is None or ages[spared] < SETTLED or len(ages) < 2:
        return
    if draw.random() < 0.5:
        _kill(draw.choice(sorted(set(ages) - {spared})))
        found.workers += 1
    else:
        cluster.remove_node(draw.choice(sorted(cluster.worker_nodes, key=id)), allow_graceful=False)
        found.nodes += 1


def _begin(arguments: list[str]) -> subprocess.Popen[bytes]:
    log = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
    process = subprocess.Popen(
        [sys.executable, "-m", "ikura", *arguments], stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
    )
    process.log = log  # type: ignore[attr-defined]
    return process


def disturbed_run(
    cluster: Any, study: list[str], run: Path, draw: random.Random, every: float, kill_driver: bool
) -> Disturbed:
    """Carry out a study on a cluster that loses something every few seconds.

    Args:
        cluster: three nodes.
        study: arguments of `ikura tune`.
        run: the run folder.
        draw: of moments and victims.
        every: seconds between two losses, on average.
        kill_driver: whether the process that leads the study is killed, too, once.
    """
    found, began = Disturbed(), time.monotonic()
    there = ["--engine", "ray", "--address", cluster.address]
    process = _begin(["tune", *study, "--out", str(run), *there])
    snapshots = run / "snapshots"
    while process.poll() is None:
        time.sleep(draw.uniform(0.5, 1.5) * every)
        if kill_driver and not found.drivers and any(snapshots.glob("evidence-*")) and process.poll() is None:
            _kill(process.pid)
            process.wait()
            found.drivers += 1
            process = _begin(["resume", str(run), *there])
        elif process.poll() is None:
            _kill_something(cluster, draw, found)
    found.seconds = time.monotonic() - began
    if process.returncode:
        process.log.seek(0)  # type: ignore[attr-defined]
        last = process.log.read().decode(errors="replace").strip().splitlines()[-1:]  # type: ignore[attr-defined]
        found.different = [f"it ended with exit code {process.returncode}: {' '.join(last)}"]
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run a study undisturbed on threads, then disturbed on a cluster, and compare."""
    parser = command("cluster_kills", __doc__ or "", "", "--runs 4 --every 3 --json")
    parser.add_argument("--runs", type=int, default=20, help="disturbed runs (20)")
    parser.add_argument("--trials", type=int, default=96, help="of the study (96)")
    parser.add_argument("--epochs", type=int, default=15, help="of a trial (15)")
    parser.add_argument("--every", type=float, default=4.0, help="seconds between two losses, on average (4)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    given = parser.parse_args(arguments)
    study = ["digits", "--trials", str(given.trials), "--epochs", str(given.epochs), "--no-baselines", "--quiet"]
    draw, runs = random.Random(given.seed), list[Disturbed]()
    with tempfile.TemporaryDirectory() as place, three_nodes() as cluster:
        reference = Path(place) / "reference"
        if _begin(["tune", *study, "--out", str(reference)]).wait():
            raise SystemExit("the undisturbed run failed")
        for number in range(given.runs):
            run = Path(place) / f"run-{number}"
            found = disturbed_run(cluster, study, run, draw, given.every, kill_driver=number % 2 == 1)
            found.different = found.different or differences(run, reference)
            what = f"different: {', '.join(found.different)}" if found.different else "equal"
            say(f"run {number + 1}: {asdict(found)}; {what}")
            runs.append(found)
            shutil.rmtree(run, ignore_errors=True)
    equal = sum(not one.different for one in runs)
    lost = [sum(getattr(one, kind) for one in runs) for kind in ("nodes", "workers", "drivers")]
    verdict = (
        f"{lost[0]} nodes, {lost[1]} workers and {lost[2]} drivers killed in {len(runs)} runs: {equal} of {len(runs)} "
        "equal to the study on threads to the last bit"
    )
    rows = [
        [str(i + 1), one.nodes, one.workers, one.drivers, one.seconds, ", ".join(one.different) or "nothing"]
        for i, one in enumerate(runs)
    ]
    names = ("run", "nodes", "workers", "drivers", "s", "different")
    figures = {"machine": describe(), "equal": equal, "runs": [asdict(one) for one in runs]}
    give(figures, "\n".join([header(), "", table(names, rows), "", verdict]), given.json)
    if equal < len(runs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
