"""Compiling the operations of a program before it runs, in processes of their own."""

from __future__ import annotations

import hashlib
import pkgutil
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.codegen import get_host_cpu_features

from ikura.garbage_collection import fewer_collections
from ikura.population.cache import alone, check_compiler, place_note
from ikura.population.early_compilation import compile_in_a_process
from ikura.population.kernel import sources_digest
from ikura.population.kernel._compile import called_by_address
from ikura.population.kernel.loss import CODES, KernelLoss
from ikura.population.kernel.records import SETTINGS, setting_of
from ikura.population.program import operations as operations_package
from ikura.population.program.operations import run
from ikura.population.program.operations.frame import FIELDS, NUMBERS, signature
from ikura.space import DEFAULTS

__all__ = ["addresses", "build", "compile_ahead", "every_operation", "is_compiled"]

RUN = "run"
_loaded: dict[tuple[Any, str], Any] = {}
_lock = RLock()


def compile_ahead(
    operations: Iterable[Callable[..., None]], dtypes: Iterable[str], say: Callable[[str], None] = lambda line: None
) -> None:
    """Make sure that operations, and what runs them, come from the cache on disk.

    Each precision is compiled by a process of its own, as code compiled in this one and code loaded from the cache may
    round differently in the last bit.

    Args:
        operations: the functions that a program calls.
        dtypes: "float32", "float64".
        say: told once, if something has to be compiled.

    Raises:
        UsageError: Numba's compiler is switched off, or there is no place for what it compiles.
    """
    wanted = _wanted(operations, dtypes)
    if all(_mark(*one).exists() for one in wanted):
        return
    check_compiler()
    if note := place_note():
        say(note)
    say("compiling what your network is made of for this machine; this happens once")
    with _lock, alone(Path(run.train.stats.cache_path)):
        missing = [one for one in wanted if not _mark(*one).exists()]
        started = {
            dtype: _begin([name for name, own in missing if own == dtype], dtype)
            for dtype in dict.fromkeys(dtype for _, dtype in missing)
        }
        for dtype, process in started.items():
            if process.wait() == 0:
                for one in missing:
                    if one[1] == dtype:
                        with suppress(OSError):
                            _mark(*one).touch()


def _begin(names: list[str], dtype: str) -> subprocess.Popen[bytes]:
    return compile_in_a_process(f"from {__name__} import build; build({names!r}, {dtype!r})")


def _wanted(operations: Iterable[Callable[..., None]], dtypes: Iterable[str]) -> list[tuple[str, str]]:
    names = [RUN, *dict.fromkeys(f"{one.__module__}:{one.__name__}" for one in operations)]
    return [(name, dtype) for dtype in dtypes for name in names]


def is_compiled(operations: Iterable[Callable[..., None]], dtypes: Iterable[str]) -> bool:
    """Tell whether operations, and what runs them, are in the cache on disk."""
    return all(_mark(*one).exists() for one in _wanted(operations, dtypes))


def every_operation() -> list[Callable[..., None]]:
    """Find all operations that a program can have: what is called forward or backward in their modules."""
    found = []
    for module in pkgutil.iter_modules(operations_package.__path__, f"{operations_package.__name__}."):
        home = import_module(module.name)
        for name, one in vars(home).items():
            if name.endswith(("_forward", "_backward")) and getattr(one, "__module__", "") == home.__name__:
                found.append(one)
    return found


@cache
def _digest() -> str:
    about = f"{sys.implementation.cache_tag} {numba.__version__} {platform.machine()} {get_host_cpu_features()}"
    return hashlib.sha256(f"{about} {sources_digest()}".encode()).hexdigest()[:16]


def _mark(name: str, dtype: str) -> Path:
    """A file beside the cache that stands for an operation, this compiler and this processor."""
    plain = name.replace(":", ".").rpartition("operations.")[2]
    return Path(run.train.stats.cache_path) / f"ikura-{plain}-{dtype}-{_digest()}.compiled"


def build(names: Iterable[str], dtype: str) -> None:
    """Compile operations by their names, or load them from the cache on disk."""
    with fewer_collections():
        for name in names:
            if name == RUN:
                _build_run(dtype)
            else:
                home, _, function = name.partition(":")
                addresses([getattr(import_module(home), function)], dtype)


def _build_run(dtype: str) -> None:
    """Compile what runs programs, by running the one that has no operation."""
    none, no_codes = np.zeros(0, np.uint64), np.zeros((1, 0), np.int64)
    code = run.Code(np.zeros((0, FIELDS), np.int64), np.zeros((0, NUMBERS)), none, none, 1, 0, 0, 1)
    memory = run.make_memory(code, 1, 1, 0, np.empty(run.memory_size(code, 1), dtype), True)
    weights = run.Weights(np.zeros(1, dtype), np.zeros(0, dtype), np.zeros(0, dtype))
    x, y = np.zeros((1, 1), dtype), np.zeros(1, dtype)
    setting = np.array([setting_of(DEFAULTS)], SETTINGS)[0]
    rows, usual = run.Rows(x, no_codes, y, y, y[:0]), KernelLoss(CODES["regression"])
    run.train(
        code, memory, weights, rows, 0, 1, 0, usual, setting, np.zeros((0, 3), np.int64), np.zeros(1),
        np.zeros(2, np.uint64), 0, np.inf,
    )  # fmt: skip
    run.evaluate(code, memory, weights, x, no_codes, np.zeros((1, 1), dtype))
    run.forward(code, memory, weights, weights.w, x, no_codes)
    run.backward(code, memory, weights, weights.w, x, no_codes)


def addresses(operations: Iterable[Callable[..., None]], dtype: str) -> np.ndarray:
    """Load operations for one precision and tell where their code lies: uint64."""
    form = signature(getattr(types, dtype))
    with _lock:
        found = []
        for one in operations:
            if (one, dtype) not in _loaded:
                _loaded[one, dtype] = called_by_address(one, form)
            found.append(_loaded[one, dtype].address)
    return np.array(found, np.uint64)
