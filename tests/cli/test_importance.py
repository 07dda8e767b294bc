"""`ikura importance`: bars for people, JSON for programs; `--prior` of `ikura tune`."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ikura
from ikura.cli import main
from ikura.cli.importance import AMONG, METHODS


def test_the_names_are_those_of_the_room() -> None:
    from ikura.diagnose import importance

    assert importance.__module__ == "ikura.diagnose.importance"
    from ikura import diagnose

    assert (METHODS, AMONG) == (diagnose.METHODS, diagnose.AMONG)


def test_bars(calls: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls["study"].borders = [SimpleNamespace(sentence="The best lies at the upper edge of units (64).", side="upper")]
    assert main(["importance", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"learning_rate   75.0 %  {'█' * 30}"
    assert lines[1] == f"units           25.0 %  {'█' * 10}  no more than chance, which reaches 30.0 %"
    assert lines[2:] == ["From 4 trials with a score.", "The best lies at the upper edge of units (64)."]


@pytest.mark.usefixtures("calls")
def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["importance", str(tmp_path), "--among", "good", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["among"] == "good"
    assert found["importance"][1] == {"hyperparameter": "units", "importance": 0.25, "chance": 0.3, "trials": 3}
    assert found["borders"] == []


def test_a_prior_is_a_run_or_a_storage(
    calls: dict[str, Any], table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ikura, "from_optuna", lambda storage: f"read from {storage}", raising=False)
    assert main(["tune", table, "--prior", "sqlite:///optuna.db"]) == 0
    assert calls["tune"][1]["prior"] == "read from sqlite:///optuna.db"
    assert main(["tune", table, "--prior", str(tmp_path)]) == 0
    assert calls["tune"][1]["prior"] is calls["study"]
    assert main(["tune", table, "--prior", str(tmp_path / "nothing")]) == 2
