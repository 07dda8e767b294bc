"""`ikura reproduce`: the list, a run, mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ikura.cli import main
from ikura.experiments import EXPERIMENTS


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(EXPERIMENTS)
    assert main(["reproduce", "--list", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == list(EXPERIMENTS)


def test_a_run_in_a_process_of_its_own_and_again_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["reproduce", "gradient-check", "--quick"]
    program = [sys.executable, "-m", "ikura", *words, "--json"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert "3 of 3 repetitions" in done.stderr
    assert found["folder"] == "reproduced/gradient-check-quick"
    assert (tmp_path / found["report"]).is_file()
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert main([*words, "-q"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0] == EXPERIMENTS["gradient-check"]
    assert out.rstrip().endswith("report: reproduced/gradient-check-quick/report.html")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name an experiment"),
        (["logscale"], "did you mean 'log-scale'"),
        (["log-scale", "--repetitions", "1"], "--repetitions must be at least 2"),
        (["log-scale", "--seed", "-1"], "--seed must be at least 0"),
    ],
)
def test_mistakes(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1
