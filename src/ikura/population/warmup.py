"""Compiling the kernel before it is needed, in a process of its own."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numba
import numpy as np
from numba.core.codegen import get_host_cpu_features

from ikura.garbage_collection import fewer_collections
from ikura.metric import METRICS
from ikura.nn.generators import seeded
from ikura.population.cache import check_compiler, place_note
from ikura.population.examples import Examples
from ikura.population.kernel import sources_digest
from ikura.population.kernel.records import SETTINGS, setting_of
from ikura.population.layout import Layout
from ikura.population.member import Member
from ikura.population.scoring import Scorer

__all__ = ["compile_convolution", "compile_kernel", "compile_update", "warm_up", "warm_up_update"]


_ready: set[str] = set()


def warm_up(dtype: str, say: Callable[[str], None], convolutional: bool = False) -> None:
    """Make sure that the kernel comes from the cache on disk.

    Code compiled in this process and code loaded from the cache may round differently in the last bit, so a kernel that
    is not in the cache yet is compiled by another process, and every run loads it.

    Args:
        dtype: "float32" or "float64".
        say: told once, if the kernel has to be compiled.
        convolutional: whether the kernel of convolutional networks is wanted, instead of that of fully connected ones.

    Raises:
        UsageError: Numba's compiler is switched off, or there is no place for what it compiles.
    """
    _warm_up(compile_convolution if convolutional else compile_kernel, dtype, say)


def warm_up_update(dtype: str, say: Callable[[str], None] = lambda line: None) -> None:
    """As `warm_up`, for the updates of networks of the caller's; once in a process."""
    if dtype not in _ready:
        _warm_up(compile_update, dtype, say)
        _ready.add(dtype)


def _warm_up(compile_part: Callable[[str], None], dtype: str, say: Callable[[str], None]) -> None:
    check_compiler()
    if note := place_note():
        say(note)
    name = compile_part.__name__
    mark = _mark(dtype, name)
    if not mark.exists():
        say("compiling the training step for this machine; this happens once")
        program = f"from ikura.population.warmup import {name}; {name}({dtype!r})"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
        if done.returncode == 0:
            with suppress(OSError):
                mark.touch()
    with fewer_collections():
        compile_part(dtype)


def _mark(dtype: str, name: str) -> Path:
    """A file beside the cache that stands for this kernel, this compiler and this processor."""
    from ikura.population.kernel.epoch import train_epoch

    about = (
        sys.implementation.cache_tag,
        numba.__version__,
        platform.machine(),
        get_host_cpu_features(),
        sources_digest(),
    )
    digest = hashlib.sha256(" ".join(map(str, about)).encode()).hexdigest()
    return Path(train_epoch.stats.cache_path) / f"ikura-{name}-{dtype}-{digest[:16]}.compiled"


def compile_kernel(dtype: str) -> None:
    """Compile the kernel for one precision, or load it from the cache on disk, by training the smallest tile."""
    from ikura.population.compiled import CompiledTile

    examples = Examples(np.zeros((2, 1), dtype), np.zeros((2, 0), np.int32), np.zeros(2, dtype))
    tile = CompiledTile([Member(0, {"units": 1, "layers": 1}, 0)], [Layout(1, 1, (1,))], "regression", dtype)
    tile.train_epoch(examples, 0)
    Scorer("regression", METRICS["r2"])(tile.outputs(examples), examples.y)


def compile_update(dtype: str) -> None:
    """Compile updates and scores of networks of the caller's for one precision, or load them, by making the least."""
    from ikura.population.kernel.members import update_members

    row, none = np.zeros((1, 1), dtype), np.zeros(1)
    update_members(
        row, row.copy(), np.zeros((1, 0), dtype), np.zeros(1, np.int64), 1, np.zeros((0, 3), np.int64),
        np.array([setting_of(Member(0, {"optimizer": "sgd"}, 0).values)], SETTINGS), none, np.zeros(1, np.int64),
        np.ones(1, bool), none.copy(), none.copy(), 0, 1,
    )  # fmt: skip
    Scorer("regression", METRICS["r2"])(np.zeros((1, 2, 1), dtype), np.zeros(2, dtype))


def compile_convolution(dtype: str) -> None:
    """Compile the kernel of convolutional networks for one precision, or load it, by training the smallest tile."""
    from ikura.nn.zoo.cnn import Recipe
    from ikura.population.convolution import ConvolutionTile

    examples = Examples(np.zeros((2, 1, 2, 2), dtype), np.zeros((2, 0), np.int32), np.zeros(2, dtype))
    recipe = Recipe.of({"shape": (1, 2, 2), "outputs": 1, "channels": 1, "units": 1})
    with seeded(0):
        module = recipe.module()
    every_part = Member(0, {"dropconnect": 0.5, "label_noise": 0.5}, 0)
    tile = ConvolutionTile([every_part], [recipe], [module], "regression", dtype)
    tile.train_epoch(examples, 0)
    Scorer("regression", METRICS["r2"])(tile.outputs(examples), examples.y)
