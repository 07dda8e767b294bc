"""Edited and damaged run folders: every command ends well, or in one line that names the file, with exit code 2.

Some edits are drawn, some hundred in a sweep, others each time with `IKURA_EXPLORE=1`; the fields are those that the
folders have.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ikura
from ikura.diagnose.findings import Findings

from ..study.dying import KilledError, Life
from ..sweep import swept
from .edits import edits

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
SEARCH: dict[str, Any] = {"trials": 8, "epochs": 3, "finalists": 2, "jobs": 1, "search": "random"}
KINDS: dict[str, dict[str, Any]] = {
    "finished": SEARCH | {"schedule": "successive-halving", "objectives": ["inference_seconds"]},
    "by itself": {"trials": 6, "epochs": 3, "finalists": 1, "jobs": 1, "auto": True},
}
FEW, MANY = 9, 130
LAST_STEPS = 10
SECONDS, KILOBYTES = 20, 1 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folders: finished, finished by an autopilot, and killed before its end; and rows to predict."""
    folder = tmp_path_factory.mktemp("edited")
    frame = pd.read_csv(PENGUINS)
    frame.head(10).to_csv(folder / "new.csv", index=False)
    for kind, options in KINDS.items():
        study = ikura.tune(frame, "species", out=folder / kind, **options)
        found = study.best
        assert found is not None
        Findings(found.number, study.diagnosis, study.prescriptions).save(study.run)
        study.close()
    with pytest.MonkeyPatch.context() as patch:
        life = Life(patch)
        ikura.tune(frame, "species", out=folder / "whole", **KINDS["finished"])
    with pytest.MonkeyPatch.context() as patch:
        Life(patch, life.done - LAST_STEPS)
        with pytest.raises(KilledError):
            ikura.tune(frame, "species", out=folder / "killed", **KINDS["finished"])
    return folder


def tasks(folder: Path, kind: str, count: int) -> Iterator[dict[str, Any]]:
    """Edits of a folder, each with a command that reads it."""
    new, out = str(folder / "new.csv"), str(folder / "out")
    commands = [
        ["predict", "RUN", new, "-o", f"{out}.csv"],
        ["report", "RUN", "-o", f"{out}.html"],
        ["importance", "RUN"],
        ["export", "RUN", "--trials", f"{out}-trials.csv", "--curves", f"{out}-curves.csv"],
        ["diagnose", "RUN"],
        ["resume", "RUN"],
    ]
    if kind == "killed":
        commands = [["resume", "RUN"], ["report", "RUN", "-o", f"{out}.html"]]
    chance = random.Random(None if "IKURA_EXPLORE" in os.environ else f"{kind} 1")
    every = edits(folder / kind)
    for edit in chance.sample(every, count):
        command = commands[0] if edit["file"].startswith("model/") else chance.choice(commands[1:] or commands)
        yield {"run": str(folder / kind), "edit": edit, "command": command}


@pytest.mark.parametrize("count", swept([FEW, MANY], core=[f"{FEW}"]))
def test_every_edit_ends_well_or_names_the_file(count: int, folder: Path) -> None:
    asked = [task for kind in (*KINDS, "killed") for task in tasks(folder, kind, count)]
    lines = "".join(f"{json.dumps(task)}\n" for task in asked)
    program = [sys.executable, str(Path(__file__).with_name("edited.py"))]
    done = subprocess.run(program, input=lines, capture_output=True, text=True, timeout=550)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(asked), done.stderr
    refused: Counter[str] = Counter()
    for task, answer in zip(asked, answers, strict=True):
        if answer["code"] is None:
            continue
        kind = Path(task["run"]).name
        errors = [line for line in answer["err"].splitlines() if line.startswith("ikura: error: ")]
        about = f"{kind}: {task['command'][0]} {str(task['edit'])[:200]}: {answer['err'][-500:]}"
        assert answer["code"] in (0, 2), about
        assert "Traceback" not in answer["err"], about
        assert len(errors) == (answer["code"] == 2), about
        if errors:
            refused[kind] += 1
            # A setting that the store remembers otherwise is told by the file that a user edits.
            assert Path(task["edit"]["file"]).name in errors[0] or "config.toml" in errors[0], about
        assert answer["seconds"] < SECONDS, about
        assert answer["kilobytes"] < KILOBYTES, about
    assert min(refused[kind] for kind in (*KINDS, "killed")) > count // 4
