"""What Ray costs: the same study on threads and on a local Ray cluster with as many workers.

Pairs of runs, one after the other, each in a process of its own. What is compared is the time of the search and the
finalists; reading, compiling and the start-up of Ray and its workers are shown apart. The runs must be the same.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.alike import differences
from benchmarks.machine import describe, header, ikura_command
from benchmarks.output import command, give, say, table
from benchmarks.process import measure

__all__ = ["main", "timed_run"]

APART = ("read", "compile", "prepare", "report", "begin workers")
"""Parts of a study that are no training."""


def timed_run(study: list[str], run: Path) -> dict[str, Any]:
    """Carry out a study in a process of its own: seconds in all, of its training, and until workers were begun."""
    ended = measure([*ikura_command(), "tune", *study, "--out", str(run), "--json", "--quiet"])
    if ended.code:
        raise SystemExit(f"ikura tune failed with code {ended.code}:\n" + "\n".join(text for _, text in ended.lines))
    seconds: dict[str, float] = json.loads(ended.stdout)["seconds"]
    training = sum(value for name, value in seconds.items() if name not in APART)
    return {"all": ended.seconds, "training": training, "begin": seconds.get("begin workers", 0.0)}


def main(arguments: list[str] | None = None) -> None:
    """Run pairs, and compare."""
    parser = command("ray_overhead", __doc__ or "", "", "--pairs 3 --trials 600 --json")
    parser.add_argument("--pairs", type=int, default=3, help="of runs (3)")
    parser.add_argument("--workers", type=int, default=2, help="threads, and workers of Ray (2)")
    parser.add_argument("--trials", type=int, default=1500, help="of the study, which is to take a minute (1500)")
    parser.add_argument("--epochs", type=int, default=30, help="of a trial (30)")
    given = parser.parse_args(arguments)
    study = ["digits", "--trials", str(given.trials), "--epochs", str(given.epochs), "--no-checks", "--no-baselines"]
    count = str(given.workers)
    ways = {"threads": ["--jobs", count], "ray": ["--engine", "ray", "--address", "local", "--workers", count]}
    pairs: list[dict[str, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as place:
        for number in range(given.pairs):
            order = list(ways) if number % 2 == 0 else list(reversed(ways))
            runs = {name: Path(place) / f"{name}-{number}" for name in order}
            pairs.append({name: timed_run([*study, *ways[name]], runs[name]) for name in order})
            if different := differences(runs["ray"], runs["threads"]):
                raise SystemExit(f"the runs differ: {', '.join(different)}")
            say(f"pair {number + 1}: {pairs[-1]}")
    ratio = median(pair["ray"]["training"] / pair["threads"]["training"] for pair in pairs)
    rows = [
        [name, *(median(pair[name][part] for pair in pairs) for part in ("training", "begin", "all"))] for name in ways
    ]
    text = [header(), "", table(("engine", "s of training", "s to begin workers", "s in all"), rows), ""]
    text.append(f"training on Ray takes {ratio:.3f} times as long as on threads (median of {len(pairs)} pairs)")
    give({"machine": describe(), "ratio": ratio, "pairs": pairs}, "\n".join(text), given.json)


if __name__ == "__main__":
    main()
