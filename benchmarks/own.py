"""Own networks: ikura's search against the same trials in a plain PyTorch loop.

Both sides train the same configurations for the same epochs, with one dev score an epoch, on as many processes of one
thread as there are cores. Every run is a process of its own, and the sides take turns. "search" is the training of all
trials, "whole" the process from start to end; "processor" compares the processor time of the searches, which other work
on the machine disturbs less. A ratio above 1: ikura is the faster one.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, describe, header
from benchmarks.output import command, give, say, table
from benchmarks.own_rows import ROWS

__all__ = ["main", "run_row"]

KINDS = ("search", "processor", "whole")


def _side(side: str, name: str, *arguments: str) -> dict[str, Any]:
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.own_side", side, name, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    spent = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{name}, {side}, failed with code {done.returncode}:\n{done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures | {"side": side, "whole": spent}


def _same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    def close(a: Any, b: Any) -> bool:
        return math.isclose(a, b, rel_tol=1e-12) if isinstance(a, float) else a == b

    return len(ours) == len(theirs) and all(
        close(a[name], b[name]) for a, b in zip(ours, theirs, strict=True) for name in b
    )


def run_row(name: str, trials: int, epochs: int, pairs: int, seed: int) -> dict[str, Any]:
    """Let the sides take turns on one row.

    Args:
        name: of the row.
        trials: configurations of each side.
        epochs: of each of them.
        pairs: how many times each side runs.
        seed: of draws, split and networks.

    Returns:
        Figures of every run and the ratios of each pair; `refused` with ikura's words where it does not take the
        network yet.

    Raises:
        SystemExit: a side failed, or the sides did not train the same configurations.
    """
    row = ROWS[name]
    trials = row.trials(trials)
    given = ["--trials", str(trials), "--epochs", str(epochs), "--seed", str(seed)]
    runs: list[dict[str, Any]] = []
    ratios: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(pairs):
            found = {}
            for side in ("ikura", "plain") if pair % 2 == 0 else ("plain", "ikura"):
                say(f"{name}: pair {pair + 1} of {pairs}, {side}")
                out = ["--out", str(Path(folder) / f"run-{pair}")] if side == "ikura" else []
                found[side] = _side(side, name, *given, *out)
                if "refused" in found[side]:
                    return {"row": name, "what": row.what, "refused": found[side]["refused"]}
            ours, theirs = found["ikura"], found["plain"]
            if not _same(ours.pop("configurations"), theirs.pop("configurations")):
                raise SystemExit(f"{name}: the sides did not train the same configurations")
            for kind, field in zip(KINDS, ("search", "search_processor", "whole"), strict=True):
                ratios[kind].append(theirs[field] / ours[field])
            runs += [{"pair": pair, **one} for one in (ours, theirs)]
    return {
        "row": name,
        "what": row.what,
        "trials": trials,
        "epochs": epochs,
        "runs": runs,
        "ratios": ratios,
        "median_ratio": {kind: statistics.median(values) for kind, values in ratios.items()},
    }


def _cells(figures: dict[str, Any]) -> list[Any]:
    if "refused" in figures:
        return [figures["what"], *["-"] * 8]
    ours, theirs = ([one for one in figures["runs"] if one["side"] == side] for side in ("ikura", "plain"))
    ratios = [f"{figures['median_ratio'][k]:.2f} ({min(v):.2f}-{max(v):.2f})" for k, v in figures["ratios"].items()]
    return [
        figures["what"],
        figures["trials"],
        statistics.median(one["search"] for one in ours),
        statistics.median(one["search"] for one in theirs),
        *ratios,
        ours[-1]["tile"],
        f"{ours[-1]['median']:.3f} / {theirs[-1]['median']:.3f}",
    ]


def text(rows: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    names = ["row", "trials", "ikura s", "plain s", *KINDS, "tile", "median score"]
    lines = [header(), "", table(names, [_cells(one) for one in rows])]
    refused = [f"not taken yet: {one['what']}: {one['refused']}" for one in rows if "refused" in one]
    return "\n".join([*lines, *([""] if refused else []), *refused])


def main(arguments: list[str] | None = None) -> None:
    """Run some rows, or all of them."""
    parser = command("own", __doc__ or "", "", "cnn lstm --pairs 5", "mlp --trials 16 --epochs 2 --pairs 1 --json")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"any of {', '.join(ROWS)} (all)")
    parser.add_argument("--trials", type=int, default=64, help="trials of each side (64)")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each trial (10)")
    parser.add_argument("--pairs", type=int, default=3, help="times that both sides run (3)")
    parser.add_argument("--seed", type=int, default=0, help="seed of draws, split and networks (0)")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.rows if name not in ROWS]:
        parser.error(f"no row {unknown[0]!r}: use {', '.join(ROWS)}")
    rows = []
    for name in given.rows or ROWS:
        rows.append(run_row(name, given.trials, given.epochs, given.pairs, given.seed))
        say(text(rows[-1:]).splitlines()[-1])
    give({"machine": describe(), "rows": rows}, text(rows), given.json)


if __name__ == "__main__":
    main()
