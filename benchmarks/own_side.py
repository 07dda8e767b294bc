"""One side of `benchmarks.own`: ikura's search, or the same trials in a plain PyTorch loop.

The plain loop is written as a careful user would: processes of one thread each, one for a core, data in memory as
tensors, mini-batches as slices of a permuted tensor, fused updates, denormal numbers flushed, no loader and no logging.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.machine import cores
from benchmarks.output import command
from benchmarks.own_rows import ROWS, Row
from benchmarks.process import tree

__all__ = ["main"]


class Clock:
    """Wall-clock and processor seconds since it was made, those of child processes included."""

    def __init__(self) -> None:
        self.begun = time.perf_counter(), _processor_seconds()

    def read(self) -> dict[str, float]:
        """Seconds so far."""
        return {
            "search": time.perf_counter() - self.begun[0],
            "search_processor": _processor_seconds() - self.begun[1],
        }


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) + sum(map(_of_process, tree(os.getpid())[1:]))


def _of_process(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def ikura_side(row: Row, trials: int, epochs: int, seed: int, out: Path) -> dict[str, Any]:
    """Run ikura's search over a row."""
    import ikura
    from ikura.study.record.facts import TILE_SIZE

    class Watch(ikura.Progress):
        """Measures the search alone, and keeps what is said."""

        clock: Clock | None = None
        spent: dict[str, float] | None = None
        said: list[str] = []  # noqa: RUF012  one study to a process

        def say(self, line: str) -> None:
            self.said.append(line)

        def start(self, stage: str, total: int) -> None:
            self.clock = self.clock or Clock()

        def finish(self) -> None:
            if self.spent is None and self.clock is not None:
                self.spent = self.clock.read()

    watch = Watch()
    try:
        study = ikura.tune(
            row.data(), network=row.network, space=ikura.Space(**row.space), trials=trials, epochs=epochs, seed=seed,
            search="random", schedule="none", finalists=0, progress=watch, out=out,
        )  # fmt: skip
    except (ikura.IkuraError, TypeError, ValueError, AttributeError) as error:
        return {"refused": " ".join(f"{type(error).__name__}: {error}".split())}
    assert watch.spent is not None
    found, curves = study.trials, study.curves()
    return watch.spent | {
        "tile": study.store.fact(TILE_SIZE),
        "said": watch.said,
        "configurations": [{name: one[name] for name in row.space} for one in found.to_dict("records")],
        "diverged": study.diverged,
        "best": float(curves["dev_score"].max()),
        "median": float(found["dev_score"].median()),
    }


def _standardised(x: np.ndarray, training: np.ndarray) -> Tensor:
    if x.dtype.kind in "iu":
        return torch.from_numpy(x)
    return torch.from_numpy((x - x[training].mean()) / x[training].std())


def _parts(row: Row) -> list[tuple[list[Tensor], Tensor]]:
    """Training and dev examples, as many as ikura takes."""
    x, y = row.data()
    order = np.random.default_rng(0).permutation(len(y))
    cuts = order[: 6 * len(y) // 10], order[6 * len(y) // 10 : 8 * len(y) // 10]
    inputs = [_standardised(one, cuts[0]) for one in (x if isinstance(x, tuple) else (x,))]
    return [([one[cut] for one in inputs], torch.from_numpy(y)[cut]) for cut in cuts]


def _train(
    network: nn.Module, parts: Sequence[tuple[list[Tensor], Tensor]], rate: float, batch: int, epochs: int
) -> float:
    """Train one configuration with one dev score an epoch; the best of them."""
    (inputs, y), (dev_inputs, dev_y) = parts
    update, best = torch.optim.Adam(network.parameters(), lr=rate, fused=True), 0.0
    for _ in range(epochs):
        network.train()
        order = torch.randperm(len(y))
        shuffled, targets = [one[order] for one in inputs], y[order]
        for begin in range(0, len(y), batch):
            some = slice(begin, begin + batch)
            update.zero_grad()
            functional.cross_entropy(network(*(one[some] for one in shuffled)), targets[some]).backward()
            update.step()
        network.eval()
        with torch.inference_mode():
            outputs = network(*dev_inputs)
            functional.cross_entropy(outputs, dev_y).item()
            best = max(best, (outputs.argmax(1) == dev_y).float().mean().item())
    return best


def _work(
    row: Row, parts: Any, draws: Sequence[dict[str, Any]], epochs: int, next_: Any, pipe: Any
) -> None:  # pragma: no cover  in a process of its own
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    scores = []
    while True:
        with next_.get_lock():
            number = next_.value
            next_.value += 1
        if number >= len(draws):
            break
        hp = draws[number]
        torch.manual_seed(number)
        network = row.network(SimpleNamespace(**hp))
        scores.append(_train(network, parts, hp["learning_rate"], int(hp["batch_size"]), epochs))
    pipe.send(scores)
    pipe.close()


def plain_side(row: Row, trials: int, epochs: int, seed: int) -> dict[str, Any]:
    """Train the same trials in plain PyTorch."""
    import torch.multiprocessing as multiprocessing

    torch.set_num_threads(1)
    draws, parts = row.draws(trials, seed), _parts(row)
    # What PyTorch imports at the first update is imported once, before the processes are forked.
    _train(nn.Linear(1, 2), [([torch.zeros(2, 1)], torch.tensor([0, 1]))] * 2, 0.1, 2, 1)
    context = multiprocessing.get_context("fork")
    clock, next_, ends, workers = Clock(), context.Value("l", 0), [], []
    for _ in range(cores()):
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(row, parts, draws, epochs, next_, theirs))
        worker.start()
        theirs.close()
        ends.append(ours)
        workers.append(worker)
    scores = [score for end in ends for score in end.recv()]
    for worker in workers:
        worker.join()
    return clock.read() | {"configurations": draws, "best": max(scores), "median": float(np.median(scores))}


def main(arguments: list[str] | None = None) -> None:
    """Run one side and print its figures as JSON."""
    parser = command("own_side", __doc__ or "", "plain lstm --trials 4 --epochs 2")
    parser.add_argument("side", choices=["ikura", "plain"])
    parser.add_argument("row", choices=list(ROWS))
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/own"), help="the run folder of ikura's side")
    given = parser.parse_args(arguments)
    row = ROWS[given.row]
    if given.side == "plain":
        figures = plain_side(row, given.trials, given.epochs, given.seed)
    else:
        figures = ikura_side(row, given.trials, given.epochs, given.seed, given.out)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
