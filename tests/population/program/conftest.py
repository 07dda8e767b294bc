"""All operations of programs are compiled once, before any test needs one."""

from __future__ import annotations

import pytest

from ikura.population.program import (
    arithmetic,
    attending,
    builder,
    convolving,
    layers,
    normalising,
    reducing,
    remembering,
)
from ikura.population.program.builder import Kind
from ikura.population.program.compiling import compile_ahead

HOMES = (arithmetic, attending, builder, convolving, layers, normalising, reducing, remembering)


@pytest.fixture(scope="session", autouse=True)
def compiled_operations() -> None:
    kinds = [one for home in HOMES for one in vars(home).values() if isinstance(one, Kind)]
    compile_ahead([one for kind in kinds for one in (kind.forward, kind.backward)], ["float64"])
