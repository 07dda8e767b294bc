"""What commands on tables with built-in networks do not import, because it would be most of their start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "sklearn", "optuna", "plotly", "scipy.stats", "scipy.optimize", "onnx", "ray")
TABLE = str(Path(__file__).parents[2] / "examples" / "penguins.csv")
LOOK = """
import sys
from ikura.cli import main
sys.argv[0] = "ikura"
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("IMPORTED", *[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""

COMMANDS: dict[str, list[str]] = {
    "help": ["--help"],
    "predict": ["predict", "RUN", TABLE],
    "report": ["report", "RUN"],
    "resume": ["resume", "RUN"],
    "importance": ["importance", "RUN"],
    "export": ["export", "RUN", "--trials", "TRIALS"],
    "explain": ["explain", "RUN"],
}


def imported(arguments: list[str]) -> list[str]:
    """The heavy modules that a command has imported in a process of its own."""
    code = LOOK.format(heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ, check=False
    )
    [line] = [line for line in done.stderr.splitlines() if line.startswith("IMPORTED")] or [done.stderr]
    return line.split()[1:] if line.startswith("IMPORTED") else [line]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("light") / "run"
    options = ["--trials", "8", "--epochs", "3", "--finalists", "2", "--out", str(place)]
    assert imported(["tune", TABLE, "--target", "species", *options]) == []
    return place


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_imports_nothing_that_it_does_not_use(name: str, run: Path) -> None:
    places = {"RUN": str(run), "TRIALS": str(run.parent / "trials.csv")}
    assert imported([places.get(word, word) for word in COMMANDS[name]]) == []
