"""Kill and resume: a run killed at random moments must end as it would have ended undisturbed."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
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


def disturbed(tune: list[str], run: Path, draw: random.Random, seconds: float, kills: int) -> dict[str, Any]:
    """Run until the end, killed up to `kills` times on the way.

    Returns:
        kills: moment after its process began, and state of the run, of each; resumed: how often; code: the exit code of
        the process that came to its end; stuck: whether none did.
    """
    killed: list[tuple[float, str]] = []
    resumes = 0
    process: subprocess.Popen[bytes] | None = None
    while True:
        again = (run / "config.toml").exists()
        resumes += again
        command = [*ikura_command(), "resume", str(run)] if again else tune
        process = start(command, os.environ)
        if len(killed) == kills:
            try:
                code = process.wait(10 * seconds + PATIENCE)
            except subprocess.TimeoutExpired:
                kill(process)
                return {"kills": killed, "resumed": resumes, "code": None, "stuck": True}
            return {"kills": killed, "resumed": resumes, "code": code, "stuck": False}
        moment = draw.uniform(0.0, 1.05 * seconds)
        try:
            code = process.wait(moment)
        except subprocess.TimeoutExpired:
            if kill(process):
                killed.append((moment, _stage(run)))
            continue
        return {"kills": killed, "resumed": resumes, "code": code, "stuck": False}


def main(arguments: list[str] | None = None) -> None:
    """Run undisturbed, then disturbed until there were enough kills, and compare."""
    parser = command("resume", __doc__ or "", "", "--kills 4 --trials 16 --epochs 20 --json")
    parser.add_argument("--kills", type=int, default=20, help="kills over all runs (20)")
    parser.add_argument("--data", default="digits", help="a table or a bundled one (digits)")
    parser.add_argument("--target", help="its target column")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=60)
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
        say("undisturbed")
        begun = time.perf_counter()
        code = start([*tune, str(folder / "undisturbed")], os.environ).wait()
        seconds = time.perf_counter() - begun
        if code:
            raise SystemExit(f"the undisturbed run ended with code {code}: {' '.join(tune)}")
        total = 0
        while total < given.kills:
            run = folder / f"run-{len(runs)}"
            most = min(KILLS_OF_A_RUN, given.kills - total)
            found = disturbed([*tune, str(run)], run, draw, seconds, most)
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
    ]
    figures = {"machine": describe(), "undisturbed": seconds, "kills": total, "equal": equal, "runs": runs}
    give(figures, "\n".join(lines), given.json)


if __name__ == "__main__":
    main()
