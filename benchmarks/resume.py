"""Kill and resume: a run killed at random moments must end as it would have ended undisturbed, to the last bit.

Small studies of each kind: all schedules, --auto, `ikura scale`, a folder of images, networks of one's own; two tiles
at once in each. SIGKILL goes to the process alone or to its workers as well, up to four times in one run. In every
second run threads take turns every microsecond, and tiles and rounds are saved as often as can be. Processes are forked
from one that has imported everything, so that the moments fall into the work. The exit code is 1 if anything is
different.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from benchmarks.alike import differences
from benchmarks.lives import KINDS, SCALE, live, locked, network_of, prepare, ready
from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table

__all__ = ["Disturbed", "main"]

KILLS_OF_A_RUN = 4
RUNS_OF_A_KILL = 5
"""Runs that are begun for each kill at most; one may be at its end before its moment comes."""
PATIENCE = 60.0
"""Seconds that a run may take beyond ten times the undisturbed one before it counts as stuck."""


@dataclass
class Disturbed:
    """A run that was killed on its way.

    Attributes:
        kind: of study.
        hurried: whether its threads took turns every microsecond.
        kills: moment after its process began, and how far the run had come, of each.
        resumed: how often it was gone on with after it had been opened.
        code: exit code of the process that came to its end; None if it was stuck.
        different: what is not as in the undisturbed run.
    """

    kind: str
    hurried: bool
    kills: list[tuple[float, str]] = field(default_factory=list)
    resumed: int = 0
    code: int | None = None
    different: list[str] = field(default_factory=list)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.lives"])
    return context


def _begin(context: ForkServerContext, kind: str, run: Path, hurried: bool) -> ForkServerProcess:
    process = context.Process(target=live, args=(kind, run, hurried, run.with_name(f"{run.name}.log")))
    process.start()
    return process


def _kill(process: ForkServerProcess, all_of_it: bool) -> bool:
    """Kill a process, and its workers if they are to go too; False if it had already ended."""
    assert process.pid is not None
    try:
        (os.killpg if all_of_it else os.kill)(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def _free(place: Path) -> None:
    """Wait until nobody works on a run any more: workers notice within a second that they are alone."""
    from filelock import FileLock

    if place.exists():
        with FileLock(place, timeout=PATIENCE):
            pass


def _stage(run: Path) -> str:
    """Say how far a killed run has come: trials recorded, of those that were planned so far."""
    if (run / SCALE).exists():
        return f"{len(list(run.glob(f'{SCALE}/trained/[!t]*.safetensors')))} networks"
    if not (run / "config.toml").exists():
        return "before it was opened"
    from ikura.errors import IkuraError
    from ikura.study.record.store import Store

    try:
        store = Store(run / "study.db")
        states = [row["state"] for row in store.trials()]
        store.close()
    except IkuraError as error:
        return f"unreadable ({error})"
    done = sum(state not in ("waiting", "running") for state in states)
    return f"{done}/{len(states)} trials"


def disturb(
    context: ForkServerContext, found: Disturbed, run: Path, draw: random.Random, seconds: float, most: int
) -> None:
    """Run until the end, killed up to `most` times on the way.

    Args:
        context: begins processes.
        found: takes up what happens.
        run: the folder.
        draw: draws the moments, uniform over what an undisturbed run takes.
        seconds: what an undisturbed run takes.
        most: kills after which it is left alone.
    """
    prepare(found.kind, run)
    while True:
        found.resumed += ready(found.kind, run)
        begun = time.perf_counter()
        process = _begin(context, found.kind, run, found.hurried)
        alone = len(found.kills) == most
        process.join(10 * seconds + PATIENCE if alone else draw.uniform(0.0, seconds))
        moment = time.perf_counter() - begun
        if process.exitcode is None and _kill(process, draw.random() < 0.5):
            if alone:
                return
            found.kills.append((moment, _stage(run)))
            _free(locked(found.kind, run))
        else:
            found.code = process.exitcode
            return


def undisturbed(context: ForkServerContext, kind: str, run: Path, hurried: bool) -> float:
    """Run without a disturbance; seconds.

    Raises:
        SystemExit: it failed.
    """
    prepare(kind, run)
    begun = time.perf_counter()
    process = _begin(context, kind, run, hurried)
    process.join()
    if process.exitcode:
        raise SystemExit(f"{kind}: the undisturbed run ended with code {process.exitcode}: {_last_words(run)}")
    return time.perf_counter() - begun


def _last_words(run: Path) -> str:
    return run.with_name(f"{run.name}.log").read_text(errors="replace").strip().rpartition("\n")[2]


def kill_and_compare(
    context: ForkServerContext, kind: str, kills: int, folder: Path, draw: random.Random
) -> tuple[float, list[Disturbed]]:
    """Disturb runs of one kind until there were enough kills; seconds of the undisturbed run, and what came of each."""
    folder.mkdir(parents=True)
    first, reference = folder / "hurried", folder / "undisturbed"
    seconds = {True: undisturbed(context, kind, first, True), False: undisturbed(context, kind, reference, False)}
    if different := differences(first, reference, network_of(kind)):
        raise SystemExit(f"{kind}: two undisturbed runs differ in {', '.join(different)}")
    runs: list[Disturbed] = []
    while (missing := kills - sum(len(one.kills) for one in runs)) and len(runs) < RUNS_OF_A_KILL * kills:
        run = folder / f"run-{len(runs) + 1}"
        found = Disturbed(kind, hurried=len(runs) % 2 == 0)
        begun = time.perf_counter()
        most = min(draw.randint(1, KILLS_OF_A_RUN), missing)
        disturb(context, found, run, draw, seconds[found.hurried], most)
        if not found.kills:
            seconds[found.hurried] = min(seconds[found.hurried], time.perf_counter() - begun)
        if found.code == 0:
            found.different = differences(run, reference, network_of(kind))
        else:
            found.different = ["it was stuck" if found.code is None else f"it ended with {_last_words(run)}"]
        moments = "; ".join(f"{moment:.1f} s, {stage}" for moment, stage in found.kills) or "no moment"
        what = f"different: {', '.join(found.different)}" if found.different else "equal"
        say(f"{kind}, run {len(runs) + 1}: killed at {moments}; {what}")
        runs.append(found)
    return seconds[False], runs


def _row(kind: str, seconds: float, runs: Sequence[Disturbed]) -> list[Any]:
    different = dict.fromkeys(name for one in runs for name in one.different)
    kills = [len(one.kills) for one in runs]
    equal = f"{sum(not one.different for one in runs)} of {len(runs)}"
    return [kind, f"{seconds:.1f}", sum(kills), max(kills, default=0), equal, ", ".join(different) or "nothing"]


def main(arguments: list[str] | None = None) -> None:
    """Run each kind undisturbed, then disturbed until there were enough kills, and compare."""
    parser = command("resume", __doc__ or "", "", '--kills 6 --kinds asha "own networks" --json')
    parser.add_argument("--kills", type=int, default=40, help="kills over all kinds (40)")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS), metavar="KIND",
                        help=f"kinds of study (all: {', '.join(KINDS)})")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--out", type=Path, help="where the runs are kept (a temporary folder)")
    given = parser.parse_args(arguments)
    draw, context = random.Random(given.seed), _context()
    every: dict[str, tuple[float, list[Disturbed]]] = {}
    with tempfile.TemporaryDirectory() if given.out is None else nullcontext(given.out) as place:
        for i, kind in enumerate(given.kinds):
            kills = given.kills // len(given.kinds) + (i < given.kills % len(given.kinds))
            folder = Path(place).absolute() / kind.strip("-").replace(", ", "-").replace(" ", "-")
            every[kind] = kill_and_compare(context, kind, kills, folder, draw)
    runs = [one for _, some in every.values() for one in some]
    total, equal = sum(len(one.kills) for one in runs), sum(not one.different for one in runs)
    missing = given.kills - total
    verdict = f"{total} kills in {len(runs)} runs: {equal} of {len(runs)} equal to the undisturbed run to the last bit"
    verdict += f"; {missing} kills are missing, the runs were at their end before" * bool(missing)
    names = ("kind", "s undisturbed", "kills", "most of a run", "equal", "different")
    rows = [_row(kind, *found) for kind, found in every.items()]
    figures = {
        "machine": describe(),
        "kills": total,
        "equal": equal,
        "undisturbed": {kind: seconds for kind, (seconds, _) in every.items()},
        "runs": [asdict(one) for one in runs],
    }
    give(figures, "\n".join([header(), "", table(names, rows), "", verdict]), given.json)
    if missing or equal < len(runs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
