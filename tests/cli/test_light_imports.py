"""What commands on tables with built-in networks do not import, because it would be most of their start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

HEAVY = ("torch", "sklearn", "optuna", "plotly", "scipy.stats", "scipy.optimize", "onnx", "ray")
TABLE = str(Path(__file__).parents[2] / "examples" / "penguins.csv")
LOOK = """
import json, sys
from ikura.cli import main
sys.argv[0] = "ikura"
for name, arguments in json.loads(sys.argv[1]).items():
    before = set(sys.modules)
    code = main(arguments)
    print("RESULT", json.dumps([name, code, [one for one in {heavy!r} if one in sys.modules.keys() - before]]))
"""

COMMANDS: dict[str, list[str]] = {
    "help": ["--help"],
    "predict": ["predict", "RUN", TABLE],
    "report": ["report", "RUN"],
    "resume": ["resume", "RUN"],
    "importance": ["importance", "RUN"],
    "export": ["export", "RUN", "--trials", "TRIALS"],
    "explain": ["explain", "RUN"],
    "steer": ["steer", "RUN"],
}
READING = ("report", "importance", "export", "predict", "steer")
"""Commands that compile nothing, and so need no compiler either."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, list[str]]]:
    """What each command ended with, and the heavy modules that it was the first to import, one after another."""
    place = tmp_path_factory.mktemp("light")
    run = str(place / "run")
    tune = [
        "tune",
        TABLE,
        "--target",
        "species",
        "--trials",
        "8",
        "--epochs",
        "3",
        "--finalists",
        "2",
        "--no-baselines",
    ]
    tune += ["--out", run]
    places = {"RUN": run, "TRIALS": str(place / "trials.csv")}
    words = {name: [places.get(word, word) for word in words] for name, words in COMMANDS.items()}
    first = _first_to_import(HEAVY, {"tune": tune} | words)
    return first | {
        f"{name} alone": one
        for name, one in _first_to_import((*HEAVY, "numba"), {name: words[name] for name in READING}).items()
    }


def _first_to_import(heavy: Sequence[str], asked: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, list[str]]]:
    """What commands of one process end with, and what each is the first to import."""
    program = [sys.executable, "-c", LOOK.format(heavy=heavy), json.dumps(asked)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    told = [json.loads(line.removeprefix("RESULT")) for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert [name for name, _, _ in told] == list(asked), done.stderr
    return {name: (code, first) for name, code, first in told}


@pytest.mark.parametrize("name", ["tune", *COMMANDS, *(f"{name} alone" for name in READING)])
def test_a_command_imports_nothing_that_it_does_not_use(name: str, imported: dict[str, tuple[int, list[str]]]) -> None:
    assert imported[name] == (0, [])
