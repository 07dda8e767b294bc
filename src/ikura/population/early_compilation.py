"""Compiling begun before anything else is imported, beside the reading of the data."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from pathlib import Path

from ikura.population.cache import VARIABLE, usual_places

__all__ = ["begin_compiling", "compile_in_a_process", "started"]

PIECES = ("compile_training", "compile_evaluation")
started: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
"""Processes at work, by what they compile and its precision; whoever needs one takes it out and waits for it."""


def begin_compiling(dtype: str) -> None:
    """Begin to compile what networks on tables need, where no folder for compiled code holds any of it.

    What is there may be of another version; whoever needs it finds that out.
    """
    for piece in PIECES:
        if not any(_holds(place, piece, dtype) for place in _places()):
            program = f"from {__package__}.warmup import {piece}; {piece}({dtype!r})"
            started[piece, dtype] = compile_in_a_process(program)
    if started:
        atexit.register(_end)


def compile_in_a_process(program: str) -> subprocess.Popen[bytes]:
    """Begin a process that compiles; it writes nothing but the cache."""
    command = [sys.executable, "-c", f"import gc; gc.disable(); {program}"]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)


def _places() -> list[Path]:
    own = os.environ.get(VARIABLE)
    return [Path(own)] if own else usual_places()


def _holds(place: Path, piece: str, dtype: str) -> bool:
    name = f"ikura-{piece}-{dtype}-*.compiled"
    return any(place.glob(name)) or any(place.glob(f"kernel_*/{name}"))


def _end() -> None:
    for process in started.values():
        process.kill()
        process.wait()
