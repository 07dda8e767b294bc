"""The short scripts of networks of one's own run as they are, with less to train."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

import ikura

from ..sweep import swept

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "own"
LOOP = "optuna/training_loop.py"
"""What the searches with Optuna have in common."""
SCRIPTS = sorted({path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py")} - {LOOP})
PAGE = (ROOT / "docs" / "own_networks.md").read_text(encoding="utf-8")


def test_the_page_lists_them() -> None:
    assert sorted(set(re.findall(r"`examples/own/([\w/]+\.py)`", PAGE)) - {LOOP}) == SCRIPTS


def test_each_has_the_same_with_optuna_beside_it() -> None:
    own = {name for name in SCRIPTS if not name.startswith("optuna/")}
    assert {name.removeprefix("optuna/") for name in SCRIPTS} == own


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_is_short(name: str) -> None:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 30 or name.startswith("optuna/")


@pytest.mark.parametrize(
    "name",
    swept(
        [name for name in SCRIPTS if not name.startswith("optuna/")],
        core=["gated.py", "own_loss.py", "sequences.py", "two_inputs.py", "width_and_depth.py"],
    ),
)
def test_it_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tune = ikura.tune

    def brief(data: Any, **options: Any) -> ikura.Study:
        return tune(data, **{**options, "trials": 3, "epochs": 2, "finalists": 0})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ikura, "tune", brief)
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed
    assert "nan" not in printed
    if name == "export.py":
        assert "on 100% of the rows" in printed


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # of PyTorch's exporter
@pytest.mark.parametrize(
    "name",
    swept([name for name in SCRIPTS if name.startswith("optuna/")], core=["optuna/gated.py"]),
)
def test_the_same_with_optuna_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(FOLDER / "optuna")
    try:
        runpy.run_path(str(FOLDER / name), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    assert "test" in capsys.readouterr().out
