"""`ikura measure`, interrupted in a process of its own too."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ikura.cli import main
from ikura.json_values import jsonable
from ikura.large_batch.measure_result import Measures

from .test_measure import run_bytes


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "ikura", *map(str, arguments)]


def test_the_object_holds_what_python_gives(again: Path, found: Measures, capsys: pytest.CaptureFixture[str]) -> None:
    before = run_bytes(again)
    assert main(["measure", str(again), "--points", "4", "--jobs", "1", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == "trial 0 again: 6 epochs to train"
    shown, known = json.loads(out), jsonable(found.to_json())
    for own, name in ((shown, again), (known, found.run)):
        assert own.pop("run") == str(name)
    assert shown.pop("report") == str(again / "measure" / "report.html")
    assert known.pop("report") == str(found.report)
    assert shown == known
    assert run_bytes(again) == before
    assert sorted(path.name for path in (again / "measure").iterdir()) == [".lock", "measures.json", "report.html"]


@pytest.mark.usefixtures("few_directions")
def test_the_table(again: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run_bytes(again)
    assert main(["measure", str(again), "--points", "3", "--jobs", "1", "--quiet", "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "Trial 0, the run's model: mini-batches of 8, 6 epochs"
    saved = json.loads((tmp_path / "out" / "measures.json").read_text(encoding="utf-8"))
    for one in saved["noise_scale"]:
        [line] = [line.split() for line in lines if line.split()[:2] == [f"{one['epoch']}", f"{one['updates']}"]]
        assert float(line[2]) == pytest.approx(one["value"], rel=0.005)
    for part in ("all weights", "layers.0.1", "α of the random potential: ", "α by growth of the distance: "):
        assert part in out
    assert lines[-1] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert run_bytes(again) == before
    assert not (again / "measure").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trial", "3"], "no trial 3: the study has trials 0 to 0"),
        (["--points", "1"], "--points must be at least 2, but got 1"),
        (["--trial", "first"], "a whole number is needed, but got 'first'"),
        (["--jobs", "0"], "--jobs must be at least 1, but got 0"),
        (["--network", "no.such:thing"], "the module no.such cannot be imported"),
        (["--out", "OWN"], "is part of the run, which is not changed"),
    ],
)
def test_what_cannot_be_is_one_line(
    again: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run_bytes(again)
    assert main(["measure", str(again), *(str(again) if one == "OWN" else one for one in arguments)]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err
    assert run_bytes(again) == before
    assert not (again / "measure").exists()


def test_what_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "not a run folder of ikura (it has no config.toml)" in err
    assert not list(tmp_path.iterdir())


def interrupted(run: Path) -> tuple[int, str, str]:
    """What a command says that is interrupted while it measures, and its exit code."""
    process = subprocess.Popen(command("measure", run), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while process.poll() is None and not list(run.glob("measure/.weights-*/*.npy")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_an_interrupt_leaves_the_run_as_it_was(again: Path) -> None:
    before = run_bytes(again)
    # On a busy machine a command may have come to its end before it is interrupted.
    for _ in range(3):
        code, out, err = interrupted(again)
        if code != 0:
            break
        shutil.rmtree(again / "measure")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "ikura: interrupted; nothing was kept, and the run is as it was"
    assert not (again / "measure").exists()
    assert run_bytes(again) == before
