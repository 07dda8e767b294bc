"""What `ikura tune` begins to compile before it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ikura.population import early_compilation, warmup
from ikura.population.early_compilation import begin_compiling, started


class Process:
    killed = False

    def wait(self) -> int:
        return 0

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The programs of the processes that were begun, none of which is."""
    programs: list[str] = []
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(
        early_compilation, "compile_in_a_process", lambda program: programs.append(program) or Process()
    )
    monkeypatch.setattr(early_compilation.atexit, "register", lambda function: None)
    monkeypatch.setattr(early_compilation, "started", {})
    monkeypatch.setattr(warmup, "started", early_compilation.started)
    return programs


def test_an_empty_cache_is_filled_and_waited_for(
    begun: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begin_compiling("float64")
    assert [program.split("; ")[1] for program in begun] == [
        "compile_training('float64')",
        "compile_evaluation('float64')",
    ]
    later: list[Any] = []
    monkeypatch.setattr(warmup, "_mark", lambda dtype, name: tmp_path / f"{name}-{dtype}")
    monkeypatch.setattr(warmup, "_begin", lambda name, dtype: later.append(name) or Process())
    warmup.warm_up("float64", lambda line: None)
    assert not later
    assert not early_compilation.started
    assert {path.name for path in tmp_path.glob("compile_*")} == {
        "compile_training-float64", "compile_evaluation-float64",
    }  # fmt: skip


def test_what_is_there_is_not_compiled(begun: list[str], tmp_path: Path) -> None:
    (tmp_path / "kernel_1").mkdir()
    for piece in ("training", "evaluation"):
        (tmp_path / "kernel_1" / f"ikura-compile_{piece}-float32-1.compiled").touch()
    begin_compiling("float32")
    assert not begun


def test_what_nobody_waited_for_ends_with_the_process(begun: list[str]) -> None:
    begin_compiling("float32")
    processes = list(early_compilation.started.values())
    early_compilation._end()
    assert all(process.killed for process in processes)  # type: ignore[attr-defined]
    assert not started
