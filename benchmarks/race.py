"""The race: ikura against Optuna with plain PyTorch, on the same trials.

Both sides train the same configurations for the same epochs on the same rows, with one dev score an epoch, and each has
all cores: ikura with a thread for each, the peer with a process of one thread for each. Every run is a process of its
own, and the sides take turns. "search" is the training of all trials, "whole" the process from start to end: for ikura
with imports, reading, splitting, the model and the report, for the peer with imports and arrays that are ready to use.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cost import flops_of_epoch, widths
from benchmarks.machine import ROOT, cores, describe, header
from benchmarks.output import command, give, say, table
from benchmarks.workload import WORKLOADS, Workload

__all__ = ["main", "run_race"]


def _module(name: str, *arguments: str) -> tuple[dict[str, Any], float]:
    """Run `python -m benchmarks.NAME`; its figures and the seconds from start to end."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    spent = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"benchmarks.{name} failed with code {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout), spent


def _prepare(workload: Workload, seed: int, folder: Path) -> dict[str, int]:
    """Write the data, and the parts ikura makes of them, for both sides; sizes of the parts."""
    from ikura.data import prepare

    x, y = workload.data()
    np.savez(folder / "data.npz", x=x, y=y)
    dataset = prepare((x, y), seed=seed)
    outputs = len(dataset.task.classes or [])
    np.savez(
        folder / "parts.npz",
        train_x=dataset.train.x,
        train_y=dataset.train.y.astype(np.int64),
        dev_x=dataset.dev.x,
        dev_y=dataset.dev.y.astype(np.int64),
        outputs=np.array(outputs),
    )
    return {
        "inputs": dataset.train.x.shape[1],
        "outputs": outputs,
        "train": len(dataset.train),
        "dev": len(dataset.dev),
    }


def _same(draws: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> bool:
    def close(a: Any, b: Any) -> bool:
        return math.isclose(a, b, rel_tol=1e-12) if isinstance(a, float) else a == b

    return len(draws) == len(found) and all(
        a.keys() == b.keys() and all(close(a[name], b[name]) for name in a) for a, b in zip(draws, found, strict=True)
    )


def _side(name: str, figures: dict[str, Any], spent: float) -> dict[str, Any]:
    trials = len(figures["configurations"])
    return {
        "side": name,
        "trials": trials,
        "epochs": sum(figures["epochs"]),
        "diverged": figures["diverged"],
        "best": figures["best"],
        "median": statistics.median(figures["last"]) if figures["last"] else None,
        "imports": figures["imports"],
        "search": figures["search"],
        "whole": spent,
        "search_rate": trials / figures["search"],
        "whole_rate": trials / spent,
        "stages": figures.get("stages"),
        "tune": figures.get("tune"),
    }


def run_race(workload: Workload, trials: int, pairs: int, seed: int, plain: bool) -> dict[str, Any]:
    """Let the sides take turns.

    Args:
        workload: what is raced.
        trials: configurations of each side.
        pairs: how many times each side runs.
        seed: of draws, split and networks.
        plain: whether the peer takes PyTorch's default updates.

    Returns:
        Figures of every run, ratio of each pair, and the medians.

    Raises:
        SystemExit: a side failed, or the sides did not train the same configurations.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sizes = _prepare(workload, seed, folder)
        draws = workload.draws(trials, seed)
        (folder / "draws.json").write_text(json.dumps(draws), encoding="utf-8")
        epochs = ["--epochs", str(workload.epochs)]
        ours = [workload.name, "--data", str(folder / "data.npz"), "--seed", str(seed)]
        theirs = [workload.name, "--parts", str(folder / "parts.npz"), "--draws", str(folder / "draws.json"), *epochs]
        theirs += ["--processes", str(cores())] + ["--plain"] * plain
        say(f"{workload.name}: one short run of ikura, so that its kernel is in the cache on disk")
        _module("runner", *ours, "--trials", "2", "--epochs", "1", "--out", str(folder / "first"))
        runs: list[dict[str, Any]] = []
        work = 0
        for pair in range(pairs):
            for name in ("ikura", "peer") if pair % 2 == 0 else ("peer", "ikura"):
                say(f"{workload.name}: pair {pair + 1} of {pairs}, {name}")
                if name == "ikura":
                    out = ["--trials", str(trials), *epochs, "--out", str(folder / f"run-{pair}")]
                    figures, spent = _module("runner", *ours, *out)
                else:
                    figures, spent = _module("peer", *theirs)
                if not _same(draws, figures["configurations"]):
                    raise SystemExit(f"{name} did not train the configurations that were drawn")
                if name == "ikura":
                    work = _flops(figures, sizes)
                runs.append({"pair": pair, **_side(name, figures, spent)})
    ratios = {
        kind: [
            next(r for r in runs if r["pair"] == pair and r["side"] == "ikura")[f"{kind}_rate"]
            / next(r for r in runs if r["pair"] == pair and r["side"] == "peer")[f"{kind}_rate"]
            for pair in range(pairs)
        ]
        for kind in ("search", "whole")
    }
    return {
        "workload": workload.name,
        "trials": trials,
        "epochs": workload.epochs,
        "sizes": sizes,
        "machine": describe(),
        "runs": runs,
        "ratios": ratios,
        "median_ratio": {kind: statistics.median(values) for kind, values in ratios.items()},
        "gflop": work / 1e9,
    }


def _flops(figures: dict[str, Any], sizes: dict[str, int]) -> int:
    return sum(
        epochs * flops_of_epoch(widths(one, sizes["inputs"], sizes["outputs"]), sizes["train"], sizes["dev"])
        for epochs, one in zip(figures["epochs"], figures["configurations"], strict=True)
    )


def add_peak(figures: dict[str, Any]) -> None:
    """Measure the peak at the workload's shapes, and what part of it each side's search reaches."""
    sizes = figures["sizes"]
    say(f"{figures['workload']}: the peak")
    arguments = [figures["workload"], "--json", "--sizes", *(str(sizes[n]) for n in ("inputs", "outputs", "train"))]
    peak, _ = _module("peak", *arguments)
    figures["peak"] = peak
    figures["reached"] = {
        name: figures["gflop"]
        / statistics.median(run["search"] for run in figures["runs"] if run["side"] == name)
        / peak["gflops"]["peak"]
        for name in ("ikura", "peer")
    }


def text(figures: dict[str, Any]) -> str:
    """Lay the figures of one race out."""
    sizes = figures["sizes"]
    lines = [
        f"{figures['workload']}: {figures['trials']} trials of {figures['epochs']} epochs; {sizes['train']} training "
        f"and {sizes['dev']} dev rows, {sizes['inputs']} inputs, {sizes['outputs']} classes",
        header(),
        "",
    ]
    rows = [
        (
            f"{run['pair'] + 1} {run['side']}", run["search"], run["search_rate"], run["whole"], run["whole_rate"],
            run["epochs"], run["diverged"], run["best"], run["median"],
        )
        for run in figures["runs"]
    ]  # fmt: skip
    names = ("pair", "search s", "trials/s", "whole s", "trials/s", "epochs", "diverged", "best dev", "median dev")
    lines += [table(names, rows), ""]
    for kind, label in (("search", "search alone"), ("whole", "start-up included")):
        each = ", ".join(f"{ratio:.2f}" for ratio in figures["ratios"][kind])
        lines.append(f"ikura : peer, {label}: {each}; median {figures['median_ratio'][kind]:.2f}")
    stages = [run for run in figures["runs"] if run["side"] == "ikura"][-1]
    parts = {"imports": stages["imports"], **stages["stages"]}
    parts["process start, the rest"] = stages["whole"] - sum(parts.values())
    lines += ["", "ikura's last run: " + ", ".join(f"{name} {spent:.2f} s" for name, spent in parts.items())]
    if "peak" in figures:
        peak = figures["peak"]
        lines += [
            f"matrix products alone: dot {peak['gflops']['dot']:.1f}, bmm {peak['gflops']['bmm']:.1f}, the faster at "
            f"each shape {peak['gflops']['peak']:.1f}, a large square {peak['square_gflops']:.1f} GFLOP/s; "
            f"floor {peak['floor_us']['peak']:.1f} µs per model and step",
            f"part of that peak reached in the search: ikura {figures['reached']['ikura']:.1%}, "
            f"peer {figures['reached']['peer']:.1%}",
        ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run one race or all of them."""
    parser = command(
        "race", __doc__ or "", "small --pairs 3", "small --trials 128", "all --no-profile", "tiny --trials 8 --json"
    )
    parser.add_argument("workload", nargs="?", default="all", choices=[*WORKLOADS, "all"], help="which race (all)")
    parser.add_argument("--trials", type=int, help="trials of each side; by default the workload's: 512, 512, 16")
    parser.add_argument("--epochs", type=int, help="epochs of each trial; by default the workload's: 20, 30, 2")
    parser.add_argument("--pairs", type=int, default=3, help="times that both sides run (3)")
    parser.add_argument("--seed", type=int, default=0, help="seed of draws, split and networks (0)")
    parser.add_argument("--plain-peer", action="store_true", help="PyTorch's default updates for the peer, not fused")
    parser.add_argument(
        "--profile", action=argparse.BooleanOptionalAction, default=True, help="also measure the peak and the parts"
    )
    given = parser.parse_args(arguments)
    from dataclasses import replace

    races, texts = [], []
    for name in WORKLOADS if given.workload == "all" else [given.workload]:
        workload = WORKLOADS[name]
        workload = replace(workload, epochs=given.epochs or workload.epochs)
        figures = run_race(workload, given.trials or workload.trials, given.pairs, given.seed, given.plain_peer)
        parts = ""
        if given.profile:
            add_peak(figures)
            say(f"{name}: the parts")
            figures["anatomy"], _ = _module("anatomy", name, "--json")
            from benchmarks.anatomy import text as anatomy_text

            parts = "\n\n" + anatomy_text(name, figures["anatomy"])
        races.append(figures)
        texts.append(text(figures) + parts)
    give({"races": races}, "\n\n".join(texts), given.json)


if __name__ == "__main__":
    main()
