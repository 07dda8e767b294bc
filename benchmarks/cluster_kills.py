"""Kill what a study trains on: nodes, workers and the driver of a Ray cluster; it must end as on one machine.

Three nodes of this machine with one core each. Every few seconds a node (its raylet), or the process of a worker, is
ended by SIGKILL, always leaving one worker; what is gone comes again. In every second run the driver is killed, too,
once so many trials are on record, and `ikura resume --engine ray` goes on. The exit code is 1 if a bit differs from the
study on threads, or a driver was not killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.alike import differences
from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table

__all__ = ["Disturbed", "disturbed_run", "main", "three_nodes", "trials_on_record"]

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
SECONDS_BETWEEN_COUNTS = 0.1
"""How often it is looked how many trials are on record."""


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


def trials_on_record(run: Path) -> int:
    """How many trials of a run in work have ended, as far as its store has it."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{(run / 'study.db').as_uri()}?mode=ro", uri=True)) as store:
        [[count]] = store.execute("SELECT count(*) FROM trials WHERE state NOT IN ('waiting', 'running')")
        return int(count)
    return 0


def _begin(arguments: list[str]) -> subprocess.Popen[bytes]:
    log = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
    process = subprocess.Popen(
        [sys.executable, "-m", "ikura", *arguments], stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
    )
    process.log = log  # type: ignore[attr-defined]
    return process


def _kill_after(process: subprocess.Popen[bytes], run: Path, trials: int) -> None:
    """Kill the process that leads a study as soon as so many trials are on record."""
    while process.poll() is None:
        if trials_on_record(run) >= trials:
            process.kill()
        time.sleep(SECONDS_BETWEEN_COUNTS)


def disturbed_run(
    cluster: Any, study: list[str], run: Path, draw: random.Random, every: float, driver_until: int | None
) -> Disturbed:
    """Carry out a study on a cluster that loses something every few seconds.

    Args:
        cluster: three nodes.
        study: arguments of `ikura tune`.
        run: the run folder.
        draw: of moments and victims.
        every: seconds between two losses, on average.
        driver_until: trials on record at which the process that leads the study is killed, too; None for never.
    """
    found, began = Disturbed(), time.monotonic()
    there = ["--engine", "ray", "--address", cluster.address]
    process = _begin(["tune", *study, "--out", str(run), *there])
    if driver_until is not None:
        # Nodes may take half a minute to come, in which a study may end, so nobody else waits for the moment.
        threading.Thread(target=_kill_after, args=(process, run, driver_until), daemon=True).start()
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.5, 1.5) * every)
        if process.returncode is None:
            _kill_something(cluster, draw, found)
        elif process.returncode == -signal.SIGKILL and driver_until is not None and not found.drivers:
            found.drivers += 1
            process = _begin(["resume", str(run), *there])
        else:
            break
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
            driver_until = draw.randint(1, given.trials // 2) if number % 2 else None
            found = disturbed_run(cluster, study, run, draw, given.every, driver_until)
            found.different = found.different or differences(run, reference)
            what = f"different: {', '.join(found.different)}" if found.different else "equal"
            say(f"run {number + 1}: {asdict(found)}; {what}")
            runs.append(found)
            shutil.rmtree(run, ignore_errors=True)
    equal = sum(not one.different for one in runs)
    lost = [sum(getattr(one, kind) for one in runs) for kind in ("nodes", "workers", "drivers")]
    asked = len(runs) // 2
    verdict = (
        f"{lost[0]} nodes, {lost[1]} workers and {lost[2]} of {asked} drivers killed in {len(runs)} runs: {equal} of "
        f"{len(runs)} equal to the study on threads to the last bit"
    )
    rows = [
        [str(i + 1), one.nodes, one.workers, one.drivers, one.seconds, ", ".join(one.different) or "nothing"]
        for i, one in enumerate(runs)
    ]
    names = ("run", "nodes", "workers", "drivers", "s", "different")
    figures = {"machine": describe(), "equal": equal, "runs": [asdict(one) for one in runs]}
    give(figures, "\n".join([header(), "", table(names, rows), "", verdict]), given.json)
    if equal < len(runs) or lost[2] < asked:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
