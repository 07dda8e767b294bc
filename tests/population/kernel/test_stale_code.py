"""Compiled code on disk that was made of other sources is not loaded."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ikura.population import kernel

STEP = """
from ikura.population.kernel._compile import compiled
from parts.rule import change

@compiled
def step(pair):
    return change(pair)
"""
RULE = (
    "from ikura.population.kernel._compile import also_compiled\n@also_compiled\ndef change(pair): return pair.w {}\n"
)
PAIR = "from typing import NamedTuple\nclass Pair(NamedTuple):\n    w: float\n    g: float\n"


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of compiled code with its own cache, instead of the kernel."""
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "step.py").write_text(STEP)
    (folder / "rule.py").write_text(RULE.format("- pair.g"))
    (folder / "pair.py").write_text(PAIR)
    monkeypatch.setattr(kernel, "sources", lambda: [*folder.glob("*.py")])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    return folder


def run(place: str = "pair") -> tuple[float, Any]:
    """What a new process that imports the package would compute, and its compiled function."""
    for name in [name for name in sys.modules if name.split(".")[0] == "parts"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    kernel.forget_stale.cache_clear()
    pair = importlib.import_module(f"parts.{place}").Pair(3.0, 1.0)
    step: Callable[..., float] = importlib.import_module("parts.step").step
    return step(pair), step


def test_unchanged_sources_are_compiled_once(parts: Path) -> None:
    assert run()[0] == 2.0
    result, step = run()
    assert (result, step.stats.cache_hits.total()) == (2.0, 1)


def test_a_type_whose_module_has_moved(parts: Path) -> None:
    run()
    (parts / "pair.py").rename(parts / "couple.py")
    assert run("couple")[0] == 2.0


def test_a_called_function_that_changed_whatever_its_date(parts: Path) -> None:
    run()
    (parts / "rule.py").write_text(RULE.format("+ pair.g"))
    os.utime(parts / "rule.py", (0, 0))
    assert run()[0] == 4.0


def test_what_stands_for_compiled_code_goes_with_it(parts: Path) -> None:
    run()
    (parts / "__pycache__" / "ikura-compile_kernel-float32-0.compiled").touch()
    other = parts / "__pycache__" / "ikura-notes.txt"
    other.touch()
    (parts / "pair.py").write_text(PAIR + "# changed\n")
    run()
    assert not [*other.parent.glob("*.compiled")]
    assert len([*other.parent.glob("*.sources")]) == 1
    assert other.exists()
