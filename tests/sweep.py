"""Sweeps over many alike cases and long repetitions: `pytest` runs a core of them, `pytest -m sweep` the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pytest


def swept(values: Iterable[Any], core: Collection[str]) -> list[Any]:
    """Parameters of a test, named by their text or by their key; those not named in the core are left to the sweep."""
    named = values if isinstance(values, Mapping) else {str(value): value for value in values}
    assert set(core) <= named.keys(), f"not among the values: {set(core) - named.keys()}"
    return [
        pytest.param(value, id=name, marks=() if name in core else pytest.mark.sweep) for name, value in named.items()
    ]


def one_in(count: int, cases: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Parameters of a test that takes several; the first of every so many is always tested."""
    return [pytest.param(*case, marks=pytest.mark.sweep if place % count else ()) for place, case in enumerate(cases)]
