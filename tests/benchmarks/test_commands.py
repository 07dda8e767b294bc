"""Every command says how it is used, and a small race runs from end to end."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if "\ndef main(" in path.read_text())


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "peer":
        pytest.importorskip("optuna")
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{name}").main(["--help"])
    assert ended.value.code == 0
    assert f"  python -m benchmarks.{name}" in capsys.readouterr().out.rpartition("example")[2]


@pytest.mark.sweep
def test_race_trains_the_same_on_both_sides() -> None:
    pytest.importorskip("optuna")
    done = run(
        "benchmarks.race", "tiny", "--trials", "4", "--epochs", "2", "--pairs", "1", "--no-profile", "--json"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [race] = json.loads(done.stdout)["races"]
    ours, theirs = race["runs"]
    assert (ours["side"], theirs["side"]) == ("ikura", "peer")
    assert ours["trials"] == theirs["trials"] == 4
    assert ours["epochs"] == theirs["epochs"] == 8
    assert race["ratios"]["whole"] == pytest.approx([theirs["whole"] / ours["whole"]])
