"""What decides whether networks of the caller's run at once with vmap, or one after another."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from ikura.nn.generators import preserved, seeded
from ikura.nn.noise import Draws, drawing
from ikura.population.inputs import Features, call_forward
from ikura.population.loss_check import Aim
from ikura.population.stacked_module import StackedModule, stacked_state
from ikura.population.structure import hooks_gradients

__all__ = ["LEAST_TOGETHER", "MOST_WORK", "draws_outside", "slow_at_once", "vmap_failure"]

LEAST_TOGETHER = 8
"""Members of a tile below which its networks run one after another: a step of all costs more than theirs."""

MOST_WORK = 3_000_000
"""Weights times rows of a mini-batch up to which networks run at once: beyond, products take most of the time."""

SLOW = ("conv", "lstm", "gru", "rnn_", "scaled_dot_product_attention", "multi_head_attention", "embedding", "ctc_loss")
"""What the names of functions begin with that vmap takes apart into slower ones."""


class _Functions(TorchFunctionMode):
    """Collects the names of the torch functions that run inside of it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Iterable[Any] = (), kwargs: Any = None
    ) -> Any:
        self.names.add(getattr(function, "__name__", ""))
        return function(*args, **(kwargs or {}))


def slow_at_once(module: nn.Module, x: Features, codes: Tensor) -> str:
    """Name what a network is made of that vmap runs more slowly on the CPU than one after another; empty if nothing.

    Example:
        >>> x, codes = torch.zeros(2, 3, 4), torch.zeros(2, 0)
        >>> slow_at_once(nn.Linear(4, 1), x, codes), slow_at_once(nn.Conv1d(3, 1, 2), x, codes)
        ('', 'conv1d')
    """
    if hooks_gradients(module):
        return "hooks of gradients"
    with seeded(0), drawing(Draws(0, 0)), torch.no_grad(), _Functions() as seen:
        call_forward(module.train(), x, codes)
    return next((name for name in sorted(seen.names) if name.startswith(SLOW)), "")


def draws_outside(module: nn.Module, x: Features, codes: Tensor) -> bool:
    """Whether a forward in training draws from Python's or NumPy's generator.

    Example:
        >>> class Noisy(nn.Module):
        ...     def forward(self, x):
        ...         return x * random.random()
        >>> draws_outside(Noisy(), torch.zeros(1, 1), torch.zeros(1, 0))
        True
    """
    with seeded(0), drawing(Draws(0, 0)), torch.no_grad():
        before = _states()
        call_forward(module.train(), x, codes)
        return before != _states()


def _states() -> tuple[Any, ...]:
    numbers: Any = np.random.get_state(legacy=False)
    return random.getstate(), numbers["state"]["pos"], numbers["state"]["key"].tobytes(), numbers["has_gauss"]


def vmap_failure(first: nn.Module, second: nn.Module, x: Features, codes: Tensor, aim: Aim | None = None) -> str:
    """Say why vmap cannot run two networks of one structure at once, forwards and backwards; empty if it can.

    Where the loss is the caller's own, `aim` has it: it has to run too.

    Example:
        >>> vmap_failure(nn.Linear(1, 1), nn.Linear(1, 1), torch.zeros(1, 1), torch.zeros(1, 0))
        ''
    """
    if type(first) is not type(second):
        return "the factory defines its class anew in each call; define it outside"
    parameters, buffers = stacked_state([first.train(), second.train()])
    try:
        with preserved(), drawing(Draws(0, 0)):
            found = StackedModule([first]).at_once(parameters, buffers, (x, codes))
            learning = [p for p in parameters.values() if p.requires_grad]
            if aim is not None and aim.loss.own is not None:
                found = vmap(lambda z: aim.loss.mean(aim.task, z, aim.y, None, aim.weights))(found)
            outputs = [one for one in tree_leaves(found) if isinstance(one, Tensor) and one.requires_grad]
            torch.autograd.grad([one.sum() for one in outputs], learning, allow_unused=True)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())
    return ""
