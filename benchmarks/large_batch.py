"""What the measures for large batches cost: ghost normalisation and gradient noise, against none, by time of an epoch.

One member trains by processor time on one core, in the compiled kernel and stacked, all settings in turns; a round's
ratio is setting / none, and the median over the rounds is given. Gradient noise is also taken by the loop over the
examples that it replaces: one backward pass for each example.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table
from ikura.metric import METRICS
from ikura.nn.loss import task_loss
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.process_state import one_thread_each

__all__ = ["SETTINGS", "main", "measure"]

SETTINGS: dict[str, dict[str, Any]] = {
    "none": {"normalisation": "none"},
    "gradient noise": {"normalisation": "none", "gradient_noise": 1.0},
    "batch normalisation": {"normalisation": "batch"},
    "ghost normalisation": {"normalisation": "ghost", "ghost_size": 32},
}
WAYS = {"compiled": "cpu", "stacked": "cpu:0"}


def _setup(rows: int, inputs: int) -> TrainingSetup:
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, inputs)).astype(np.float32)
    examples = Examples(x, np.zeros((rows, 0), np.int32), random.integers(0, 10, rows).astype(np.float32))
    return TrainingSetup(examples, examples, Scorer("multiclass", METRICS["accuracy"]), 10)


def _member(own: dict[str, Any], batch: int, width: int) -> Member:
    common = {"layers": 3, "units": width, "batch_size": batch, "optimizer": "momentum", "learning_rate": 0.01}
    return Member(0, common | own, 0)


def _loop(shop: TrainingSetup, member: Member, batches: int) -> Callable[[], None]:
    """Gradients of one example after another."""
    net, size = shop.module(member).float(), int(member.values.batch_size)
    parameters = list(net.parameters())
    x, y = torch.from_numpy(shop.train.x), torch.from_numpy(shop.train.y).long()

    def run() -> None:
        for row in range(batches * size):
            torch.autograd.grad(task_loss("multiclass", net(x[row : row + 1]), y[row : row + 1]), parameters)

    return run


def measure(batch: int, width: int, rows: int, rounds: int) -> list[dict[str, Any]]:
    """Time every setting in both ways, and the loop.

    Args:
        batch: examples of a mini-batch.
        width: units of each of three layers.
        rows: training examples.
        rounds: how often.

    Returns:
        For each way and setting: milliseconds of an epoch, and the ratio to no measure.
    """
    shop, found = _setup(rows, 64), []
    for way, device in WAYS.items():
        own = replace(shop, device=device)
        tiles = {name: own.tile([_member(values, batch, width)]) for name, values in SETTINGS.items()}
        runs: dict[str, Callable[[], Any]] = {
            name: partial(tile.train_epoch, own.train, 0) for name, tile in tiles.items()
        }
        if way == "stacked":
            runs["loop over the examples"] = _loop(shop, _member({}, batch, width), max(rows // batch, 1))
        times: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(rounds + 1):
            for name, run in runs.items():
                begun = time.process_time()
                run()
                if turn:
                    times[name].append(time.process_time() - begun)
        for name, seconds in times.items():
            ratios = [one / none for one, none in zip(seconds, times["none"], strict=True)]
            found.append(
                {
                    "way": way,
                    "setting": name,
                    "batch": batch,
                    "width": width,
                    "milliseconds": 1000 * statistics.median(seconds),
                    "ratio": statistics.median(ratios),
                }
            )
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = command("large_batch", __doc__ or "", "", "--batch 1024 --width 256 --rounds 5")
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 1024], help="mini-batch sizes")
    parser.add_argument("--width", type=int, default=128, help="units of each of three layers")
    parser.add_argument("--rows", type=int, default=4096, help="training examples")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each setting")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found: list[dict[str, Any]] = []
    with one_thread_each():
        for batch in given.batch:
            say(f"batch {batch}")
            found += measure(batch, given.width, given.rows, given.rounds)
    names = ("way", "batch", "setting", "milliseconds", "ratio")
    rows = [[one[name] for name in names] for one in found]
    text = f"{header()}\n{table(['way', 'batch', 'setting', 'ms an epoch', '/ none'], rows)}"
    give({"machine": describe(), "measured": found}, text, given.json)


if __name__ == "__main__":
    main()
