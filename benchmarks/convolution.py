"""Populations of convolutional networks against the same networks one after another in plain PyTorch.

Both sides run forward pass, backward pass and Adam's update on the same mini-batches, in turns. On one core each side
has one thread, timed by its own processor time; PyTorch runs in its usual memory layout and in channels_last. On all
cores ikura trains a tile for each core in threads, and the peer is the fastest of: a process of one thread for each
core, or one process with a thread for each core, in either layout; timed by the clock. Every ratio is the median over
the rounds of peer / ikura.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.machine import cores, describe, header
from benchmarks.output import command, give, say, table
from ikura.metric import METRICS
from ikura.nn.zoo import NETWORKS
from ikura.population._tile import Tile
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.process_state import one_thread_each

__all__ = ["WORKLOADS", "Workload", "main", "measure"]

LAYOUTS = {"plain": torch.contiguous_format, "channels_last": torch.channels_last}
RATE = 1e-3


@dataclass(frozen=True)
class Workload:
    """A network, the shape of its examples and its mini-batches."""

    network: str = "cnn"
    shape: tuple[int, int, int] = (1, 28, 28)
    batch: int = 64
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What distinguishes it."""
        shape = "×".join(map(str, self.shape))
        more = ", ".join(f"{name} {value}" for name, value in self.hyperparameters.items())
        return f"{self.network} {shape}, batch {self.batch}{', ' if more else ''}{more}"

    def setup(self, steps: int) -> TrainingSetup:
        """A training setup with as many mini-batches of noise."""
        random = np.random.default_rng(0)
        rows = steps * self.batch
        x = random.normal(size=(rows, *self.shape)).astype(np.float32)
        y = random.integers(0, 10, rows).astype(np.float32)
        examples = Examples(x, np.zeros((rows, 0), np.int32), y)
        return TrainingSetup(
            examples, examples, Scorer("multiclass", METRICS["accuracy"]), 10, network=NETWORKS[self.network]
        )

    def member(self, number: int) -> Member:
        """One member."""
        training = {"batch_size": self.batch, "optimizer": "adam", "learning_rate": RATE}
        return Member(number, {"dropout": 0.0, **training, **self.hyperparameters}, 0)


WORKLOADS = (
    Workload(),
    Workload(batch=128),
    Workload(hyperparameters={"channels": 8}),
    Workload(hyperparameters={"channels": 32}),
    Workload(batch=128, hyperparameters={"channels": 32, "units": 128}),
    Workload(hyperparameters={"blocks": 3}),
    Workload(hyperparameters={"kernel_size": 5}),
    Workload(hyperparameters={"normalisation": "batch"}),
    Workload(batch=128, hyperparameters={"normalisation": "batch", "channels": 32}),
    Workload(hyperparameters={"activation": "tanh"}),
    Workload(shape=(1, 8, 8), batch=32),
    Workload(shape=(3, 32, 32), hyperparameters={"channels": 32, "blocks": 3}),
    Workload(shape=(3, 32, 32), hyperparameters={"channels": 32, "blocks": 3, "normalisation": "batch"}),
    Workload("c1", (3, 32, 32)),
    Workload("resnet20", (3, 32, 32)),
)


class Peer:
    """Networks that train one after another in plain PyTorch.

    Args:
        workload: what they are.
        numbers: the members.
        layout: of images and weights in memory.
        steps: mini-batches of a round.
    """

    def __init__(self, workload: Workload, numbers: Sequence[int], layout: str, steps: int) -> None:
        shop = workload.setup(steps)
        kind = LAYOUTS[layout]
        self.networks: list[nn.Module] = [
            shop.module(workload.member(number)).train().to(memory_format=kind) for number in numbers
        ]
        self.rules = [torch.optim.Adam(network.parameters(), lr=RATE) for network in self.networks]
        x, y = torch.from_numpy(shop.train.x), torch.from_numpy(shop.train.y).long()
        parts = zip(x.split(workload.batch), y.split(workload.batch), strict=True)
        self.batches = [(images.contiguous(memory_format=kind), classes) for images, classes in parts]

    def run(self) -> None:
        """Train each network on every mini-batch."""
        for network, rule in zip(self.networks, self.rules, strict=True):
            for x, y in self.batches:
                rule.zero_grad()
                functional.cross_entropy(network(x), y).backward()
                rule.step()


def _serve(connection: Any, workload: Workload, numbers: Sequence[int], layout: str, steps: int) -> None:
    """A worker process of the peer: a round for each message."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    peer = Peer(workload, numbers, layout, steps)
    peer.run()
    connection.send(None)
    while connection.recv():
        peer.run()
        connection.send(None)


class Processes:
    """The peer's networks shared between processes of one thread."""

    def __init__(self, workload: Workload, members: int, layout: str, steps: int, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes, self.workers = [], []
        for worker in range(count):
            here, there = context.Pipe()
            numbers = range(worker, members, count)
            process = context.Process(target=_serve, args=(there, workload, numbers, layout, steps), daemon=True)
            process.start()
            self.pipes.append(here)
            self.workers.append(process)
        for pipe in self.pipes:
            pipe.recv()

    def run(self) -> None:
        """One round of all workers."""
        for pipe in self.pipes:
            pipe.send(True)
        for pipe in self.pipes:
            pipe.recv()

    def close(self) -> None:
        """End the workers."""
        for pipe, process in zip(self.pipes, self.workers, strict=True):
            pipe.send(False)
            process.join()


def _timed(run: Callable[[], Any], clock: Callable[[], float]) -> float:
    begun = clock()
    run()
    return clock() - begun


def measure(workload: Workload, members: int = 8, steps: int = 3, rounds: int = 5, both: bool = True) -> dict[str, Any]:
    """Time both sides of one workload.

    Args:
        workload: what is trained.
        members: networks on each side.
        steps: mini-batches of a round, for each network.
        rounds: how often the sides take turns.
        both: whether all cores are tried too.

    Returns:
        Milliseconds for each model and step, and ratios peer / ikura.
    """
    shop = workload.setup(steps)
    tile = shop.tile([workload.member(number) for number in range(members)])
    epoch = shop.train

    def ours() -> None:
        tile.train_epoch(epoch, 0)

    share = 1e3 / members / steps
    torch.set_num_threads(1)
    with one_thread_each():
        sides = {"ikura": ours} | {name: Peer(workload, range(members), name, steps).run for name in LAYOUTS}
        for run in sides.values():
            run()
        spent: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, run in sides.items():
                spent[name].append(_timed(run, time.thread_time))
        found: dict[str, Any] = {"workload": workload.name, "tile": type(tile).__name__}
        found["one core"] = {name: statistics.median(times) * share for name, times in spent.items()}
        found["ratio"] = _ratio(spent["plain"], spent["ikura"])
        found["ratio channels_last"] = _ratio(spent["channels_last"], spent["ikura"])
        if both and shop.compiled:
            found |= _all_cores(workload, shop, members, steps, rounds, share)
    return found


def _ratio(peer: Sequence[float], ours: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(peer, ours, strict=True))


def _all_cores(
    workload: Workload, shop: TrainingSetup, members: int, steps: int, rounds: int, share: float
) -> dict[str, Any]:
    count = cores()
    tiles: list[Tile] = [
        shop.tile([workload.member(number) for number in range(worker, members, count)]) for worker in range(count)
    ]
    single = {name: Peer(workload, range(members), name, steps) for name in LAYOUTS}
    several = {name: Processes(workload, members, name, steps, count) for name in LAYOUTS}

    def threaded(peer: Peer) -> Callable[[], None]:
        def run() -> None:
            torch.set_num_threads(count)
            peer.run()
            torch.set_num_threads(1)

        return run

    with ThreadPoolExecutor(count) as pool:
        sides: dict[str, Callable[[], Any]] = {
            "ikura": lambda: list(pool.map(lambda tile: tile.train_epoch(shop.train, 0), tiles)),
            **{f"{count} processes, {name}": peer.run for name, peer in several.items()},
            **{f"{count} threads, {name}": threaded(peer) for name, peer in single.items()},
        }
        spent: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(rounds + 1):
            for name, run in sides.items():
                seconds = _timed(run, time.perf_counter)
                if turn:
                    spent[name].append(seconds)
    for processes in several.values():
        processes.close()
    middle = {name: statistics.median(times) for name, times in spent.items()}
    plain = min((name for name in middle if name.endswith("plain")), key=middle.__getitem__)
    best = min((name for name in middle if name != "ikura"), key=middle.__getitem__)
    return {
        "all cores": {name: seconds * share for name, seconds in middle.items()},
        "ratio all cores": _ratio(spent[plain], spent["ikura"]),
        "ratio all cores, best peer": _ratio(spent[best], spent["ikura"]),
        "best peer": best,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure all workloads and print a table."""
    parser = command("convolution", __doc__ or "", "", "--rounds 9", "--only resnet --one-core")
    parser.add_argument("--members", type=int, default=8, help="networks on each side (default 8)")
    parser.add_argument("--steps", type=int, default=3, help="mini-batches of a round (default 3)")
    parser.add_argument("--rounds", type=int, default=5, help="how often the sides take turns (default 5)")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--one-core", action="store_true", help="leave out the measurement on all cores")
    given = parser.parse_args(arguments)
    torch.set_flush_denormal(True)
    say(header())
    found = []
    for workload in WORKLOADS:
        if given.only in workload.name:
            found.append(measure(workload, given.members, given.steps, given.rounds, not given.one_core))
            say(f"{found[-1]['workload']}: {found[-1]['ratio']:.2f}")
    columns = ["milliseconds a model and step, one core", "ikura", "torch", "channels_last", "ratio", "ratio c.l.",
               "ratio all cores", "and best peer"]  # fmt: skip
    rows = [
        [
            one["workload"], *one["one core"].values(), one["ratio"], one["ratio channels_last"],
            one.get("ratio all cores"), one.get("ratio all cores, best peer"),
        ]
        for one in found
    ]  # fmt: skip
    give({"machine": describe(), "workloads": found}, table(columns, rows), given.json)


if __name__ == "__main__":
    main()
