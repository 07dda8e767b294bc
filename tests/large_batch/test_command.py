"""`ikura scale`, killed in a process of its own too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ikura.api.study import Study
from ikura.cli import main
from ikura.large_batch.scale_result import Scaling

OPTIONS = ["--batch-size", "32", "--rule", "sqrt", "--regime", "same-updates", "--seeds", "3", "--jobs", "1"]


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "ikura", *map(str, arguments)]


def same_but_for_seconds(found: dict[str, Any], wanted: Scaling) -> None:
    for row, known in zip(found["table"], wanted.rows, strict=True):
        for name in ("name", "batch_size", "epochs", "updates", "dev", "difference", "verdict", "diverged"):
            assert row[name] == getattr(known, name)
    assert (found["chosen"], found["verdict"]) == (wanted.chosen, str(wanted.best.verdict))
    assert found["next"] == list(wanted.next_commands)


def test_the_object_holds_what_python_gives(study: Study, scaling: Scaling, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scale", str(study.run), *OPTIONS, "--json"]) == (3 if scaling.best.loses else 0)
    out, err = capsys.readouterr()
    same_but_for_seconds(json.loads(out), scaling)
    # Everything was trained already.
    assert "epochs to train" not in err


def test_a_command_that_was_killed_goes_on(scaling: Scaling, again: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = again / "scale" / "trained"
    process = subprocess.Popen(command("scale", again, *OPTIONS), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while process.poll() is None and not list(trained.glob("*.safetensors")):
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert main(["scale", str(again), *OPTIONS]) in (0, 3)
    out = capsys.readouterr().out
    for row in scaling.rows:
        assert f"{row.dev:.4f}" in out
    assert scaling.sentences[0] in out
    assert f"model: {again / 'scale' / 'batch-32' / 'model'}" in out
    new = again / "new.csv"
    new.write_text("sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n")
    assert main(["predict", str(again / "scale" / "batch-32"), str(new)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-size", "4"], "the batch size must be larger than the run's, which is 8, but is 4"),
        (["--batch-size", "1000"], "must be at most 90, the number of training examples, but is 1000"),
    ],
)
def test_what_cannot_be_is_one_line(
    study: Study, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scale", str(study.run), *arguments, "--quiet"]) == 2
    written = capsys.readouterr()
    assert (written.out, len(written.err.splitlines())) == ("", 1)
    assert message in written.err
