"""The measured size of tiles, and the kernel's warm-up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ikura.population import tile_size, warmup
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.tile_size import CANDIDATES, measure_tile_size
from ikura.population.warmup import warm_up

MEMBERS = [Member(n, {"units": 4, "layers": 1}, 0) for n in range(1000)]


class Slow:
    """A tile on a clock of its own: an epoch takes `overhead` plus `each` for every member."""

    def __init__(self, clock: list[float], size: int, overhead: float, each: Callable[[int], float]) -> None:
        self.clock, self.seconds = clock, overhead + size * each(size)

    def train_epoch(self, examples: Examples, epoch: int) -> np.ndarray:
        """Let time pass."""
        self.clock[0] += self.seconds
        return np.zeros(1)


def measured(
    setup: TrainingSetup,
    monkeypatch: pytest.MonkeyPatch,
    overhead: float,
    each: Callable[[int], float],
    members: int = len(MEMBERS),
) -> int:
    """Measure tiles that take a time written down beforehand."""
    clock = [0.0]
    monkeypatch.setattr(tile_size.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(TrainingSetup, "tile", lambda self, some: Slow(clock, len(some), overhead, each))
    return measure_tile_size(setup, MEMBERS[:members])


def test_members_that_share_an_overhead_share_a_tile(
    setup: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measured(setup(stacked=True), monkeypatch, 1e-3, lambda size: 1e-6) == CANDIDATES[-1]


def test_a_tile_that_outgrows_the_cache_is_too_large(
    setup: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = measured(setup(stacked=True), monkeypatch, 1e-3, lambda size: 1e-4 if size <= 8 else 1e-3)
    assert size == 8


def test_a_slow_network_is_not_measured_for_long(
    setup: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measured(setup(stacked=True), monkeypatch, 10.0, lambda size: 1e-6) == 1


@pytest.mark.parametrize("members", [1, 2, 3])
def test_a_tile_is_not_much_larger_than_the_population(
    setup: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch, members: int
) -> None:
    assert members <= measured(setup(stacked=True), monkeypatch, 1e-3, lambda size: 1e-6, members) <= 2 * members


def test_a_real_tile_is_measured_in_one_thread_which_is_given_back(
    setup: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = TrainingSetup.tile

    def tile(self: TrainingSetup, members: Any) -> Any:
        seen.append(torch.get_num_threads())
        return real(self, members)

    monkeypatch.setattr(TrainingSetup, "tile", tile)
    torch.set_num_threads(2)
    try:
        assert measure_tile_size(setup(network=lambda hp: nn.Linear(6, 1)), MEMBERS[:4]) in CANDIDATES
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert set(seen) == {1}


def ended(code: int) -> SimpleNamespace:
    return SimpleNamespace(wait=lambda: code)


def test_the_kernel_is_compiled_once_and_said_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[str] = []
    said: list[str] = []
    monkeypatch.setattr(warmup, "_mark", lambda dtype, name: tmp_path / f"{name}-{dtype}")
    monkeypatch.setattr(warmup, "_begin", lambda name, dtype: ran.append(name) or ended(0))
    for _ in range(2):
        warm_up("float64", said.append)
    assert (ran, len(said)) == (["compile_training", "compile_evaluation"], 1)


def test_a_kernel_that_could_not_be_compiled_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    monkeypatch.setattr(warmup, "_mark", lambda dtype, name: tmp_path / f"{name}-{dtype}")
    monkeypatch.setattr(warmup, "_begin", lambda name, dtype: ended(1))
    for _ in range(2):
        warm_up("float64", said.append)
    assert len(said) == 2
