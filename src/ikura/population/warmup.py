"""Compiling the kernel before it is needed, so that the user is told what takes the time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from ikura.metric import METRICS
from ikura.population.examples import Examples
from ikura.population.layout import Layout
from ikura.population.member import Member
from ikura.population.training import Judge

__all__ = ["warm_up"]


def warm_up(dtype: str, say: Callable[[str], None], patience: float = 1.5) -> None:
    """Compile the kernel for one precision, or load it from the cache on disk.

    Args:
        dtype: "float32" or "float64".
        say: told once, if it takes longer than `patience` seconds.
        patience: seconds to wait in silence.
    """
    worker = threading.Thread(target=_compile, args=(dtype,), daemon=True)
    worker.start()
    worker.join(patience)
    if worker.is_alive():
        say("compiling the training step for this machine; this happens once")
        worker.join()


def _compile(dtype: str) -> None:
    from ikura.population.compiled import CompiledTile

    examples = Examples(np.zeros((2, 1), dtype), np.zeros((2, 0), np.int32), np.zeros(2, dtype))
    tile = CompiledTile([Member(0, {"units": 1, "layers": 1}, 0)], [Layout(1, 1, (1,))], "regression", dtype)
    tile.train_epoch(examples, 0)
    Judge("regression", METRICS["r2"])(tile.outputs(examples), examples.y)
