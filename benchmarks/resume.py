"""Kill and resume: a run killed at random moments must end as it would have ended undisturbed.

Every run finds the cache of compiled code filled, by a first run that began with an empty one and is compared as well.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, describe, header, ikura_command
from benchmarks.output import command, give, say, table
from benchmarks.process import kill, start

__all__ = ["differences", "main"]

KILLS_OF_A_RUN = 4
PATIENCE = 60.0
"""Seconds that a run may take beyond ten times the undisturbed one before it counts as stuck."""


def differences(run: Path, other: Path) -> list[str]:
    """Compare what two studies came to; the names of what is not equal to the last bit."""
    import pandas as pd

    import ikura

    a, b = ikura.open_study(run), ikura.open_study(other)
    different = []
    for name in ("best", "test", "regions", "predictions", "summary"):
        if getattr(a, name) != getattr(b, name):
            different.append(name)
    frames: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {
        "trials": (a.trials.drop(columns="seconds"), b.trials.drop(columns="seconds")),
        "curves": (a.curves(), b.curves()),
    }
    return different + [name for name, (one, two) in frames.items() if not one.equals(two)]


def _stage(run: Path) -> str:
    """Say how far a killed run has come: trials recorded, of those that were planned so far."""
    if not (run / "config.toml").exists():
        return "before the run folder"
    from ikura.errors import IkuraError
    from ikura.study.store import Store

    try:
        store = Store(run / "study.db")
        states = [row["state"] for row in store.trials()]
        store.close()
    except IkuraError as error:
        return f"unreadable ({error})"
    done = sum(state not in ("waiting", "running") for state in states)
    return f"{done}/{len(states)} trials"


def disturbed(
    tune: list[str], run: Path, environment: Mapping[str, str], draw: random.Random, seconds: float, kills: int
) -> dict[str, Any]:
    """Run until the end, killed up to `kills` times on the way.

    Args:
        tune: the command that begins the run.
        run: its folder.
        environment: of all its processes.
        draw: draws the moments, uniform over a little more than an undisturbed run takes.
        seconds: what an undisturbed run takes.
        kills: after so many it is left alone.

    Returns:
        kills: moment after its process began, and state of the run, of each; resumed: how often; code: exit code of the
        process that came to its end, None if it was stuck.
    """
    killed: list[tuple[float, str]] = []
    resumes = 0
    while True:
        again = (run / "config.toml").exists()
        resumes += again
        process = start([*ikura_command(), "resume", str(run)] if again else tune, environment)
        alone = len(killed) == kills
        moment = 10 * seconds + PATIENCE if alone else draw.uniform(0.0, 1.05 * seconds)
        try:
            return {"kills": killed, "resumed": resumes, "code": process.wait(moment)}
        except subprocess.TimeoutExpired:
            if kill(process):
                killed.append((moment, _stage(run)))
        if alone:
            return {"kills": killed[:kills], "resumed": resumes, "code": None}


def undisturbed(tune: list[str], run: Path, environment: Mapping[str, str]) -> float:
    """Run without a disturbance; seconds.

    Raises:
        SystemExit: it failed.
    """
    begun = time.perf_counter()
    code = start([*tune, str(run)], environment).wait()
    if code:
        raise SystemExit(f"the undisturbed run ended with code {code}: {' '.join(tune)}")
    return time.perf_counter() - begun


def main(arguments: list[str] | None = None) -> None:
    """Run undisturbed, then disturbed until there were enough kills, and compare."""
    parser = command("resume", __doc__ or "", "", "--kills 4 --trials 16 --epochs 20 --json")
    parser.add_argument("--kills", type=int, default=20, help="kills over all runs (20)")
    parser.add_argument("--data", default="digits", help="a table or a bundled one (digits)")
    parser.add_argument("--target", help="its target column")
    parser.add_argument("--trials", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--schedule", default="early-stopping", help="ikura's schedule (early-stopping)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the study and of the moments (0)")
    given = parser.parse_args(arguments)
    data = given.data if not (ROOT / given.data).exists() else str(ROOT / given.data)
    options = ["--trials", str(given.trials), "--epochs", str(given.epochs), "--seed", str(given.seed)]
    options += ["--schedule", given.schedule] + (["--target", given.target] if given.target else [])
    draw = random.Random(given.seed)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tune = [*ikura_command(), "tune", data, *options, "--out"]
        environment = dict(os.environ) | {"NUMBA_CACHE_DIR": str(folder / "compiled")}
        say("undisturbed, with an empty cache of compiled code")
        undisturbed(tune, folder / "first", environment)
        say("undisturbed")
        seconds = undisturbed(tune, folder / "undisturbed", environment)
        first = differences(folder / "first", folder / "undisturbed")
        total = 0
        while total < given.kills:
            run = folder / f"run-{len(runs)}"
            most = min(KILLS_OF_A_RUN, given.kills - total)
            found = disturbed([*tune, str(run)], run, environment, draw, seconds, most)
            ended = found["code"] == 0
            found["different"] = differences(run, folder / "undisturbed") if ended else ["it did not end"]
            total += len(found["kills"])
            moments = "; ".join(f"{moment:.1f} s, {stage}" for moment, stage in found["kills"]) or "none"
            say(f"run {len(runs) + 1}: killed at {moments}; {'equal' if not found['different'] else 'different'}")
            runs.append(found)
    equal = sum(not one["different"] for one in runs)
    rows = [
        (
            i + 1,
            len(one["kills"]),
            one["resumed"],
            "-" if one["code"] is None else one["code"],
            ", ".join(one["different"]) or "nothing",
            "; ".join(f"{moment:.1f} s ({stage})" for moment, stage in one["kills"]),
        )
        for i, one in enumerate(runs)
    ]
    names = ("run", "kills", "resumed", "exit code", "different", "killed at")
    lines = [
        f"{data}, {given.trials} trials of {given.epochs} epochs, {seconds:.1f} s undisturbed ({header()})",
        "",
        table(names, rows),
        "",
        f"{total} kills in {len(runs)} runs; {equal} of {len(runs)} equal to the undisturbed run: best trial, "
        "hyperparameters, dev and test scores, all trials, all curves",
        f"the first run, which compiled: {', '.join(first) or 'nothing'} different",
    ]
    figures = {
        "machine": describe(),
        "undisturbed": seconds,
        "kills": total,
        "equal": equal,
        "first": first,
        "runs": runs,
    }
    give(figures, "\n".join(lines), given.json)


if __name__ == "__main__":
    main()
