"""Killed runs are compared to the last bit, and a difference is told by the exit code."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ikura
from benchmarks import resume
from benchmarks.alike import differences
from benchmarks.lives import KINDS
from ikura.api.study import Study
from ikura.page.markup import Html
from ikura.search import SCHEDULES

from .test_commands import run


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A small study with a large batch beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ikura.page.page.inline_script", lambda: Html(""))
        space = {"learning_rate": 0.02, "batch_size": 8, "units": 4, "optimizer": "momentum"}
        run = tmp_path_factory.mktemp("runs") / "run"
        study = ikura.tune("iris", space=space, trials=1, epochs=3, finalists=0, jobs=1, checks=False, out=run)
        ikura.scale(study, 32, rule="sqrt", regime="same-epochs", seeds=2, jobs=1)
    return study


@pytest.fixture
def other(scaled: Study, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scaled.run, tmp_path / "other", ignore=shutil.ignore_patterns(".lock")))


def flip(path: Path) -> None:
    """Change the last bit of a file."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def change(run: Path, statement: str) -> None:
    connection = sqlite3.connect(run / "study.db")
    with connection:
        assert connection.execute(statement).rowcount == 1
    connection.close()


def table(run: Path) -> None:
    [path] = run.glob("scale/*/scale.json")
    text = path.read_text()
    assert '"chosen"' in text
    path.write_text(text.replace('"chosen"', '"chosen":"none","was"', 1))


CHANGES: dict[str, Callable[[Path], object]] = {
    "curves": lambda run: change(run, "update curves set dev_loss = dev_loss * (1 + 4e-16) where epoch = 2"),
    "trials": lambda run: change(run, "update trials set train_loss = train_loss * (1 + 4e-16)"),
    "model/weights.safetensors": lambda run: flip(run / "model" / "weights.safetensors"),
    "scale/trained": lambda run: flip(next(run.glob("scale/trained/*.safetensors"))),
    "scale's table": table,
    ".report.html.12.partial left": lambda run: (run / ".report.html.12.partial").touch(),
}


def test_a_copy_is_equal(scaled: Study, other: Path) -> None:
    assert differences(other, scaled.run) == []
    change(other, "update trials set seconds = seconds + 1")
    assert differences(other, scaled.run) == []


@pytest.mark.parametrize("what", CHANGES)
def test_one_bit_is_a_difference(what: str, scaled: Study, other: Path) -> None:
    CHANGES[what](other)
    [found] = differences(other, scaled.run)
    assert found.startswith(what)


def test_all_schedules_are_killed() -> None:
    assert set(SCHEDULES) <= set(KINDS)


@pytest.mark.parametrize("different", [[], ["curves"]])
def test_a_difference_is_told_by_the_exit_code(
    different: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(context: Any, kind: str, kills: int, *_: Any) -> tuple[float, list[resume.Disturbed]]:
        kept = [resume.Disturbed(kind, False, [(0.5, "2/4 trials")] * kills, code=0)]
        return 1.0, [*kept[:-1], resume.Disturbed(kind, False, kept[-1].kills, 1, 0, different)]

    monkeypatch.setattr(resume, "kill_and_compare", found)
    arguments = ["--kills", "5", "--kinds", "asha", "scale"]
    if different:
        with pytest.raises(SystemExit) as ended:
            resume.main(arguments)
        assert ended.value.code == 1
    else:
        resume.main(arguments)
    lines = capsys.readouterr().out.splitlines()
    equal = 0 if different else 2
    assert lines[-1] == f"5 kills in 2 runs: {equal} of 2 equal to the undisturbed run to the last bit"
    assert [line.split()[:3] for line in lines if line.startswith(("asha", "scale"))] == [
        ["asha", "1.0", "3"],
        ["scale", "1.0", "2"],
    ]


@pytest.mark.sweep
def test_a_kill_and_its_comparison(tmp_path: Path) -> None:
    """In processes of their own, one of which has workers."""
    kept = tmp_path / "kept"
    done = run("benchmarks.resume", "--kills", "1", "--kinds", "own networks", "--json", "--out", str(kept))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == 1
    assert found["equal"] == len(found["runs"])
    assert sum(len(one["kills"]) for one in found["runs"]) == 1
    assert (kept / "own-networks" / "run-1" / "model" / "model.json").exists()
