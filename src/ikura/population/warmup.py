"""Compiling the kernel before it is needed, in processes of its own."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from numba.core.codegen import get_host_cpu_features

from ikura.garbage_collection import fewer_collections
from ikura.metric import METRICS
from ikura.nn.generators import seeded
from ikura.population._tile import Tile
from ikura.population.cache import alone, check_compiler, place_note
from ikura.population.early_compilation import compile_in_a_process, started
from ikura.population.examples import Examples
from ikura.population.kernel import sources_digest
from ikura.population.kernel.records import SETTINGS, setting_of
from ikura.population.layout import Layout
from ikura.population.member import Member
from ikura.population.scoring import Scorer

__all__ = [
    "Compiled",
    "compile_convolution",
    "compile_evaluation",
    "compile_training",
    "compile_update",
    "warm_up",
    "warm_up_everything",
    "warm_up_update",
]

_ready: set[str] = set()


class Compiled(NamedTuple):
    """What was compiled, or was there.

    Attributes:
        what: in words.
        dtype: "float32" or "float64".
        seconds: that it took; 0 where it was there.
    """

    what: str
    dtype: str
    seconds: float


def warm_up(dtype: str, say: Callable[[str], None], convolutional: bool = False) -> None:
    """Make sure that the kernel comes from the cache on disk.

    A kernel that is not in the cache yet is compiled by other processes, of which several can be at work at once.

    Args:
        dtype: "float32" or "float64".
        say: told once, if the kernel has to be compiled.
        convolutional: whether the kernel of convolutional networks is wanted, instead of that of fully connected ones.

    Raises:
        UsageError: Numba's compiler is switched off, or there is no place for what it compiles.
    """
    _warm_up((compile_convolution,) if convolutional else (compile_training, compile_evaluation), dtype, say)


def warm_up_update(dtype: str, say: Callable[[str], None] = lambda line: None) -> None:
    """As `warm_up`, for the updates of networks of the caller's; once in a process."""
    if dtype not in _ready:
        _warm_up((compile_update,), dtype, say)
        _ready.add(dtype)


def warm_up_everything(
    dtypes: Iterable[str], say: Callable[[str], None], images: bool = False, own: bool = False
) -> list[Compiled]:
    """Compile what studies may need that is not in the cache on disk.

    Args:
        dtypes: "float32", "float64".
        say: told what is being compiled.
        images: whether the kernel of convolutional networks is wanted too.
        own: whether what networks of the caller's may be made of is wanted too.

    Raises:
        UsageError: Numba's compiler is switched off, or there is no place for what it compiles.
    """
    check_compiler()
    if note := place_note():
        say(note)
    parts: list[tuple[str, tuple[Callable[[str], None], ...]]] = [
        ("networks on tables", (compile_training, compile_evaluation))
    ]
    if images:
        parts.append(("convolutional networks on images", (compile_convolution,)))
    if own:
        parts.append(("updates of networks of your own", (compile_update,)))
    done = []
    for dtype in dtypes:
        for what, pieces in parts:
            began = time.perf_counter()
            missing = _compile_missing(pieces, dtype, partial(say, f"compiling {what}, {dtype}"))
            for piece in pieces if missing else ():
                if not _mark(dtype, piece.__name__).exists():
                    piece(dtype)  # which says why it could not be compiled
            done.append(Compiled(what, dtype, time.perf_counter() - began if missing else 0.0))
    if own:
        from ikura.population.program.compiling import addresses, compile_ahead, every_operation, is_compiled

        what, both = "operations of networks of your own", ("float32", "float64")
        operations = every_operation()
        missing, began = not is_compiled(operations, both), time.perf_counter()
        if missing:
            say(f"compiling {what}, {' and '.join(both)}")
        compile_ahead(operations, both)
        for one in both if missing and not is_compiled(operations, both) else ():
            addresses(operations, one)
        seconds = time.perf_counter() - began if missing else 0.0
        done += [Compiled(what, dtype, seconds) for dtype in both]
    return done


def _warm_up(pieces: tuple[Callable[[str], None], ...], dtype: str, say: Callable[[str], None]) -> None:
    check_compiler()
    if note := place_note():
        say(note)
    _compile_missing(pieces, dtype, partial(say, "compiling the training step for this machine; this happens once"))
    with fewer_collections():
        for compile_piece in pieces:
            compile_piece(dtype)


def _compile_missing(pieces: Iterable[Callable[[str], None]], dtype: str, telling: Callable[[], None]) -> bool:
    """Compile the pieces that are not in the cache, each in a process of its own; whether there were any."""
    names = [piece.__name__ for piece in pieces]
    if all(_mark(dtype, name).exists() for name in names):
        return False
    telling()
    with alone(_folder()):
        missing = [name for name in names if not _mark(dtype, name).exists()]
        at_work = {
            name: started.pop((name, dtype)) if (name, dtype) in started else _begin(name, dtype) for name in missing
        }
        try:
            for name, process in at_work.items():
                if process.wait() == 0:
                    with suppress(OSError):
                        _mark(dtype, name).touch()
        except BaseException:
            for process in at_work.values():
                process.kill()
                process.wait()
            raise
    return True


def _begin(name: str, dtype: str) -> subprocess.Popen[bytes]:
    return compile_in_a_process(f"from {__name__} import {name}; {name}({dtype!r})")


def _folder() -> Path:
    from ikura.population.kernel.epoch import train_epoch

    return Path(train_epoch.stats.cache_path)


def _mark(dtype: str, name: str) -> Path:
    """A file beside the cache that stands for this kernel, this compiler and this processor."""
    return _folder() / f"ikura-{name}-{dtype}-{_digest()[:16]}.compiled"


@cache
def _digest() -> str:
    about = (
        sys.implementation.cache_tag,
        numba.__version__,
        platform.machine(),
        get_host_cpu_features(),
        sources_digest(),
    )
    return hashlib.sha256(" ".join(map(str, about)).encode()).hexdigest()


def _smallest(dtype: str) -> tuple[Tile, Examples]:
    from ikura.population.compiled import CompiledTile

    examples = Examples(np.zeros((2, 1), dtype), np.zeros((2, 0), np.int32), np.zeros(2, dtype))
    member = Member(0, {"units": 1, "layers": 1}, 0)
    return CompiledTile([member], [Layout(1, 1, (1,))], "regression", dtype), examples


def compile_training(dtype: str) -> None:
    """Compile the training of networks on tables for one precision, or load it, by training the smallest tile."""
    tile, examples = _smallest(dtype)
    tile.train_epoch(examples, 0)


def compile_evaluation(dtype: str) -> None:
    """Compile outputs and scores of networks on tables for one precision, or load them."""
    tile, examples = _smallest(dtype)
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
