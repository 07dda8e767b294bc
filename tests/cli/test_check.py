"""`ikura check`: what it prints, its exit codes, and mistakes in its options."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ikura.cli import main

NETS = """
from torch import nn

def good(hp):
    return nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.outputs))

def softmax():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1))

def broken():
    return nn.Linear(5, 3)

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "checked_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_failed_check_is_named_and_gives_exit_code_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--data", "iris", "--only", "outputs", "--only", "forward", "--html", "a/c.html"]
    assert main(["check", "checked_nets:softmax", *asked]) == 3
    printed = capsys.readouterr().out
    assert "fail: outputs" in printed
    assert "softmax is applied twice" in printed
    page = (folder / "a" / "c.html").read_text()
    assert "softmax is applied twice" in page
    assert not re.search(r"(src|href)=.?http", page)
    assert len(page) < 100_000, "a page without charts needs no charting library"


@pytest.mark.usefixtures("folder")
def test_json_is_all_of_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["checked_nets:good", "--data", "iris", "--set", "units=5", "--only", "factory", "--json", "--quiet"]
    assert main(["check", *asked]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    [check] = json.loads(out)["checks"]
    assert (check["name"], check["verdict"]) == ("factory", "pass")
    assert check["figures"] == {"parameters": 4 * 5 + 5 + 5 * 3 + 3}


def test_data_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "t.csv").write_text("a,label\n" + "".join(f"{i * 0.37 % 1},yes\n" for i in range(30)))
    assert main(["check", "t.csv"]) == 3
    out = capsys.readouterr().out
    assert "every row of the target 'label' holds the value 'yes'" in out
    assert main(["check", "iris", "--only", "learnable", "--only", "duplicates"]) == 0


def test_numbers_as_they_are_are_not_normalised(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "wine", "--as-given", "--only", "normalisation"]) == 3
    assert "not normalised" in capsys.readouterr().out
    assert main(["check", "wine", "--only", "normalisation"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "nowhere.csv: no such file, run or bundled data set"),
        (["iriss"], "did you mean 'iris'?"),
        (["checked_nets:good"], "give --data"),
        (["iris", "--only", "gradint"], "did you mean 'gradient'?"),
        (["iris", "--set", "units"], "NAME=VALUE is needed, such as learning_rate=0.003, but got 'units'"),
        (["iris", "--set", "learning_rate=-1"], "learning_rate must be a number of at least 0"),
        (["iris", "--network", "cnnn"], "did you mean 'cnn'?"),
        (["checked_nets:god", "--data", "iris"], "did you mean 'good'?"),
        (["checked_net:good", "--data", "iris"], "cannot be imported"),
        (["checked_nets:number", "--data", "iris"], "not 3"),
        (["iris", "--data", "wine"], "the data were given already"),
    ],
)
def test_mistakes_end_in_one_line(
    folder: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments, "--quiet"]) == 2
    caught = capsys.readouterr()
    assert caught.out == ""
    [line] = caught.err.splitlines()
    assert line.startswith("ikura: error: ")
    assert words in line


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("what", "check", "reason"),
    [
        ("checked_nets:broken", "gradient", "mat1 and mat2"),
        ("checked_nets:broken", "overfit", "mat1 and mat2"),
        ("checked_nets:good", "step", "no training step of your own"),
    ],
)
def test_a_check_that_was_asked_for_and_cannot_be_made_is_no_success(
    what: str, check: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", what, "--data", "iris", "--only", check, "--quiet"]) == 3
    out, err = capsys.readouterr()
    assert f"not made: {check}" in out
    assert reason in " ".join(out.split())
    assert f"the check {check} could not be made" in err
    assert "Traceback" not in err
