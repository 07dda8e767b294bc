"""The other side of the race: Optuna and plain PyTorch, two processes of one thread each.

Written as a careful user would: data in memory as tensors, mini-batches as slices of a permuted tensor, the fastest
update PyTorch offers for each rule, denormal numbers flushed, diverged trials stopped, no loader and no logging.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from benchmarks.output import command

__all__ = ["EXPLODED", "main", "network", "optimiser", "train"]

EXPLODED = 1e3
"""A dev loss so many times what it was at the start (at least 1) counts as diverged, as in ikura."""

started = time.perf_counter()

import numpy as np  # noqa: E402  the clock above measures these imports
import optuna  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from benchmarks.plain import network, optimiser  # noqa: E402
from benchmarks.workload import WORKLOADS, Workload  # noqa: E402


def evaluate(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Compute the dev loss and the accuracy."""
    net.eval()
    with torch.inference_mode():
        z = net(x)
        return functional.cross_entropy(z, y).item(), (z.argmax(1) == y).float().mean().item()


def train(parts: dict[str, torch.Tensor], hp: dict[str, Any], epochs: int, seed: int, fast: bool) -> dict[str, Any]:
    """Train one configuration, with one dev score an epoch.

    Returns:
        scores: the dev score after each epoch; diverged: whether it was stopped.
    """
    torch.manual_seed(seed)
    x, y, dev_x, dev_y = (parts[name] for name in ("train_x", "train_y", "dev_x", "dev_y"))
    net = network(x.shape[1], int(parts["outputs"]), hp)
    update = optimiser(net, hp, fast)
    rows, batch = len(x), hp["batch_size"]
    limit = EXPLODED * max(evaluate(net, dev_x, dev_y)[0], 1.0)
    scores: list[float] = []
    for _ in range(epochs):
        net.train()
        order = torch.randperm(rows)
        epoch_x, epoch_y = x[order], y[order]
        for begin in range(0, rows, batch):
            update.zero_grad()
            functional.cross_entropy(net(epoch_x[begin : begin + batch]), epoch_y[begin : begin + batch]).backward()
            update.step()
        loss, score = evaluate(net, dev_x, dev_y)
        if not loss <= limit:
            return {"scores": scores, "diverged": True}
        scores.append(score)
    return {"scores": scores, "diverged": False}


def _work(
    workload: Workload, parts: dict[str, torch.Tensor], draws: list[dict[str, Any]], epochs: int, fast: bool, next_: Any
) -> list[dict[str, Any]]:
    """Take draws until there are none; every process keeps its own study in memory."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), direction="maximize")
    results: list[dict[str, Any]] = []
    while True:
        with next_.get_lock():
            number = next_.value
            next_.value += 1
        if number >= len(draws):
            return results
        study.enqueue_trial(draws[number])
        trial = study.ask()
        hp = workload.suggest(trial)
        result = train(parts, hp, epochs, number, fast)
        if result["diverged"]:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, max(result["scores"]))
        results.append({"number": number, "configuration": hp, **result})


def _import_lazily_loaded(workload: Workload) -> None:
    """Let PyTorch import what it imports at the first update, before the processes are forked: once for all of them."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    update = optimiser(nn.Linear(1, 1), workload.suggest(study.ask()))
    update.zero_grad()
    update.step()


def _process(pipe: Any, *arguments: Any) -> None:
    pipe.send(_work(*arguments))
    pipe.close()


def race(
    workload: Workload, parts: Path, draws: list[dict[str, Any]], epochs: int, processes: int, fast: bool
) -> dict[str, Any]:
    """Train all draws in forked processes, which share the imports and the data.

    Returns:
        seconds of the search, and the results in the order of the draws.
    """
    import torch.multiprocessing as multiprocessing

    torch.set_num_threads(1)
    with np.load(parts) as arrays:
        tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _import_lazily_loaded(workload)
    context = multiprocessing.get_context("fork")
    begun = time.perf_counter()
    next_, ends, workers = context.Value("l", 0), [], []
    for _ in range(processes):
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_process, args=(theirs, workload, tensors, draws, epochs, fast, next_))
        worker.start()
        theirs.close()
        ends.append(ours)
        workers.append(worker)
    results = [result for end in ends for result in end.recv()]
    for worker in workers:
        worker.join()
    return {"search": time.perf_counter() - begun, "results": sorted(results, key=lambda one: one["number"])}


def main(arguments: list[str] | None = None) -> None:
    """Run the peer's side and print its results as JSON."""
    parser = command("peer", __doc__ or "", "small --parts parts.npz --draws draws.json --epochs 30")
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument(
        "--parts", type=Path, required=True, help="arrays train_x, train_y, dev_x, dev_y, outputs (.npz)"
    )
    parser.add_argument("--draws", type=Path, required=True, help="list of configurations (.json)")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--processes", type=int, default=2, help="processes of one thread each (2)")
    parser.add_argument("--plain", action="store_true", help="PyTorch's default updates, not the fused ones")
    given = parser.parse_args(arguments)
    imports = time.perf_counter() - started
    draws = json.loads(given.draws.read_text(encoding="utf-8"))
    found = race(WORKLOADS[given.workload], given.parts, draws, given.epochs, given.processes, not given.plain)
    results = found["results"]
    finite = [[s for s in one["scores"] if math.isfinite(s)] for one in results]
    figures = {
        "imports": imports,
        "search": found["search"],
        "configurations": [one["configuration"] for one in results],
        "epochs": [len(one["scores"]) + one["diverged"] for one in results],
        "diverged": sum(one["diverged"] for one in results),
        "best": max((max(scores) for scores in finite if scores), default=None),
        "last": [one["scores"][-1] for one in results if not one["diverged"]],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
