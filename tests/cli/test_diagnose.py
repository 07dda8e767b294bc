"""`ikura diagnose`: what it passes on, what it prints, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ikura.cli import main

from .conftest import make_findings


@pytest.fixture
def run(tmp_path: Path) -> str:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").touch()
    return str(tmp_path / "run")


def test_options_reach_the_diagnosis(calls: dict[str, Any], run: str) -> None:
    assert main(["diagnose", run]) == 0
    plain = calls["examine"][1]
    assert (plain["bayes_error"], plain["human_error"], plain["worth"]) == (None, None, 0.02)
    assert (plain["curve"], plain["costs"], plain["examples"], plain["jobs"]) == (None, False, 20, None)
    words = "--human-error 1% --worth 0.05 --no-learning-curve --cost-curves --examples 3 --jobs 2"
    assert main(["diagnose", run, *words.split()]) == 0
    asked = calls["examine"][1]
    assert (asked["human_error"], asked["worth"], asked["curve"]) == (0.01, 0.05, False)
    assert (asked["costs"], asked["examples"], asked["jobs"]) == (True, 3, 2)
    assert main(["diagnose", run, "--bayes-error", "0.15", "--learning-curve"]) == 0
    assert (calls["examine"][1]["bayes_error"], calls["examine"][1]["curve"]) == (0.15, True)
    assert calls["keep"]
    assert calls["write_diagnosis"]


@pytest.mark.usefixtures("calls")
def test_people_read_errors_gaps_prescriptions_and_rows(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", run]) == 0
    out = capsys.readouterr().out
    for words in ("High variance", "11 %", "10.4 %", "more-data (against variance)", "ikura tune more.csv", "1 of 2"):
        assert words in out
    assert "Note: It is small." in out
    assert "x 1.5" in out


@pytest.mark.usefixtures("calls")
def test_machines_read_one_object(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", run, "--json", "-q"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["diagnosis"]["variance"]["verdict"] == "high"
    assert found["prescriptions"][0]["command"] == "ikura tune more.csv"
    assert captured.err == ""


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bayes-error", "15"], "--bayes-error must be a share"),
        (["--human-error", "-1%"], "--human-error must be a share"),
        (["--human-error", "few"], "a share such as 0.01 or 1% is needed"),
        (["--bayes-error", "0.1", "--human-error", "0.2"], "exclude each other"),
        (["--worth", "0"], "--worth must be a share"),
        (["--examples", "-1"], "--examples must be at least 0"),
        (["--jobs", "0"], "--jobs must be at least 1"),
        (["--learning-curves"], "did you mean '--learning-curve'?"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str], said: str, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", run, *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_tuning_ends_with_the_diagnosis_and_the_first_prescription(
    calls: dict[str, Any], table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", table]) == 0
    assert "Diagnosis" not in capsys.readouterr().out
    calls["study"].findings = make_findings()
    assert main(["tune", table]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Diagnosis High variance: the error rate is 11 % on the dev set" in out
    assert "Prescription more data command ikura tune more.csv" in out


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(tmp_path / "none")]) == 2
    assert main(["diagnose", str(tmp_path)]) == 2
    assert "not a run folder" in capsys.readouterr().err
