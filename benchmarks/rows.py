"""Many rows: memory and time of `ikura tune` on tables of 20 columns, and whether they grow no faster than the rows."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, describe, header, ikura_command
from benchmarks.output import command, give, say, table
from benchmarks.process import measure

__all__ = ["main", "run"]


def run(rows: int, trials: int, epochs: int, folder: Path, jobs: int | None = None) -> dict[str, Any]:
    """Tune on a table of so many rows, in a process of its own.

    The table is made in a process of its own too: what this process holds would be counted as its children's.

    Raises:
        SystemExit: ikura failed.
    """
    path = folder / f"wide-{rows}.csv"
    subprocess.run([sys.executable, "-m", "benchmarks.wide_table", str(rows), str(path)], cwd=ROOT, check=True)
    arguments = [*ikura_command(), "tune", str(path), "--target", "label", "--trials", str(trials)]
    arguments += ["--epochs", str(epochs), "--out", str(folder / f"run-{rows}"), "--json"]
    arguments += [] if jobs is None else ["--jobs", str(jobs)]
    ended = measure(arguments)
    if ended.code:
        raise SystemExit(f"ikura failed with code {ended.code}:\n" + "\n".join(line for _, line in ended.lines))
    result = json.loads(ended.stdout)
    stages = result["seconds"]
    search = sum(spent for name, spent in stages.items() if name not in OUTSIDE)
    return {
        "rows": rows,
        "file_mb": path.stat().st_size / 2**20,
        "peak_mb": ended.peak,
        "largest_mb": ended.largest,
        "seconds": ended.seconds,
        "stages": stages,
        "search": search,
        "per_trial": search / trials,
        "test": result["test"] and result["test"]["value"],
    }


OUTSIDE = ("read", "compile", "prepare", "finalists", "test", "report")
"""Stages of a study that are not its search."""


def text(runs: list[dict[str, Any]], trials: int, epochs: int) -> str:
    """Lay the figures out; growth is against the table before."""
    rows, previous = [], None
    for one in runs:
        grown = [None if previous is None else one[n] / previous[n] for n in ("rows", "per_trial", "seconds")]
        memory = [one[name] for name in ("file_mb", "peak_mb", "largest_mb")]
        stages = [one["stages"].get(name) for name in ("read", "finalists", "report")]
        rows.append([one["rows"], *memory, one["seconds"], *stages, one["per_trial"], *grown, one["test"]])
        previous = one
    names = ["rows", "file MB", "peak MB", "maxrss MB", "whole s", "read s", "finalists s", "report s", "s a trial"]
    names += ["x rows", "x trial", "x whole", "test"]
    return f"{trials} trials of {epochs} epochs, 20 columns ({header()})\n\n{table(names, rows)}"


def main(arguments: list[str] | None = None) -> None:
    """Measure at a tenth, a third and all of the rows."""
    parser = command("rows", __doc__ or "", "", "--rows 30000 --trials 8 --json")
    parser.add_argument("--rows", type=int, default=300_000, help="rows of the largest table (300000)")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--jobs", type=int, help="passed on to ikura")
    given = parser.parse_args(arguments)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in (given.rows // 10, given.rows // 3, given.rows):
            say(f"{rows} rows")
            runs.append(run(rows, given.trials, given.epochs, Path(folder), given.jobs))
    figures = {"machine": describe(), "trials": given.trials, "epochs": given.epochs, "runs": runs}
    give(figures, text(runs, given.trials, given.epochs), given.json)


if __name__ == "__main__":
    main()
