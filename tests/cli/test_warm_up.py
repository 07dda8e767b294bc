"""`ikura warm-up`: what is compiled is said once, and found the next time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ikura.cli import main
from ikura.population import warmup
from ikura.population.program import compiling


class Ended:
    """A process that has compiled."""

    def wait(self) -> int:
        return 0


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str]]:
    """What was compiled; nothing is."""
    found: list[tuple[str, str]] = []
    mark: Callable[[str, str], Path] = lambda one, other: tmp_path / f"{one.replace(':', '.')}-{other}"  # noqa: E731
    monkeypatch.setattr(warmup, "_mark", mark)
    monkeypatch.setattr(warmup, "_begin", lambda name, dtype: found.append((name, dtype)) or Ended())
    monkeypatch.setattr(compiling, "_mark", mark)
    monkeypatch.setattr(compiling, "_begin", lambda names, dtype: found.append((" ".join(names), "")) or Ended())
    return found


def test_what_is_compiled_is_said_and_stays(ran: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warm-up"]) == 0
    out, err = capsys.readouterr()
    assert ran == [("compile_training", "float32"), ("compile_evaluation", "float32")]
    assert err == "compiling networks on tables, float32\n"
    assert out.startswith("networks on tables, float32: compiled in ")
    assert main(["warm-up"]) == 0
    assert capsys.readouterr() == ("networks on tables, float32: was compiled already\n", "")


def test_everything(ran: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warm-up", "--images", "--own", "--dtype", "float64", "--json", "-q"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [(one["what"].split()[0], one["dtype"]) for one in json.loads(out)] == [
        ("networks", "float64"),
        ("convolutional", "float64"),
        ("updates", "float64"),
        ("operations", "float32"),
        ("operations", "float64"),
    ]
    assert {name for name, dtype in ran if dtype} == {
        "compile_training", "compile_evaluation", "compile_convolution", "compile_update",
    }  # fmt: skip
    assert sum("lstm_backward" in name for name, dtype in ran if not dtype) == 2


def test_every_operation_of_a_program_is_found() -> None:
    names = {one.__name__ for one in compiling.every_operation()}
    assert {"linear_forward", "copy_backward", "rare_forward", "dropout_backward", "fill_forward"} <= names
    assert all(name.endswith(("_forward", "_backward")) for name in names)


def test_another_precision(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warm-up", "--dtype", "float16"]) == 2
    assert "unknown dtype 'float16', did you mean" in capsys.readouterr().err
