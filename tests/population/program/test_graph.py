"""A trace is of one module in one thread, whatever other threads do meanwhile."""

from __future__ import annotations

from threading import Event, Thread

import torch
from torch import Tensor, nn

from ikura.population.program.graph import trace

BEGUN, GO_ON = Event(), Event()


class Waiting(nn.Module):
    """Traced, it lets another thread work in the middle of its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        BEGUN.set()
        assert GO_ON.wait(30)
        out: Tensor = self.layer(x)
        return out


def test_modules_of_other_threads_run_while_one_is_traced() -> None:
    call = nn.Module.__call__
    found: list[object] = []
    tracing = Thread(target=lambda: found.append(trace(Waiting(), 1)))
    tracing.start()
    assert BEGUN.wait(30)
    other = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    outputs = other(torch.ones(5, 3))
    GO_ON.set()
    tracing.join(30)
    assert outputs.shape == (5, 1)
    assert len(found) == 1
    assert nn.Module.__call__ is call
