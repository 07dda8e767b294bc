"""Tables on disk hold what they were given, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ikura
from ikura.cli import main
from ikura.errors import UsageError
from ikura.exchange.table_files import write_table


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    options: dict[str, Any] = {"trials": 6, "epochs": 3, "finalists": 1, "jobs": 1}
    return ikura.tune("iris", **options, out=tmp_path_factory.mktemp("table") / "run")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_trials_and_curves_come_back(study: Any, suffix: str, tmp_path: Path) -> None:
    files = [tmp_path / f"trials.{suffix}", tmp_path / f"curves.{suffix}"]
    assert study.export(trials=files[0], curves=files[1]) == files
    read = pd.read_csv if suffix == "csv" else pd.read_parquet
    for path, frame in zip(files, (study.trials, study.curves()), strict=True):
        found = read(path)
        assert list(found) == list(frame)
        for name in frame.select_dtypes("number"):
            wanted = frame[name].astype(float).to_numpy()
            # pandas reads a CSV's numbers to within a rounding; Parquet keeps their bits.
            np.testing.assert_allclose(found[name].astype(float), wanted, rtol=1e-15 if suffix == "csv" else 0)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_choice_of_several_types_becomes_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"units": ["auto", 64, None]}, dtype=object)
    write_table(frame, tmp_path / "a.parquet")
    *texts, nothing = pd.read_parquet(tmp_path / "a.parquet")["units"]
    assert texts == ["auto", "64"]
    assert pd.isna(nothing)


def test_wrong_places_are_refused(study: Any, tmp_path: Path) -> None:
    for path, words in (
        ("trials.parqet", "a .csv or .parquet file, but got '.*', did you mean '.parquet'"),
        ("no/such/trials.csv", "there is no folder"),
    ):
        with pytest.raises(UsageError, match=words):
            study.export(trials=tmp_path / "ok.csv", curves=tmp_path / path)
    with pytest.raises(UsageError, match="name a file to export to"):
        study.export()
    assert not list(tmp_path.iterdir())


def test_the_command_line(study: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(study.run), "--trials", str(tmp_path / "trials.csv")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'trials.csv'}\n"
    assert main(["export", str(study.run)]) == 2
    assert main(["export", str(study.run), "--trials", str(tmp_path / "trials.xls")]) == 2
    assert main(["importance", str(study.run)]) == 0
    captured = capsys.readouterr()
    assert "There are too few trials to tell what matters" in captured.out
    assert captured.err.count("ikura: error:") == 2
    assert main(["importance", str(study.run), "--json"]) == 0
    assert '"importance": []' in capsys.readouterr().out
    assert main(["importance", str(study.run), "--among", "god"]) == 2


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "@SUM(A1)", "+1+cmd", "-2+3", "\t=1", "=1"])
def test_formulas_are_written_as_they_are_and_said(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame({"prediction": ["a", text]})
    write_table(frame, tmp_path / "table.csv")
    assert pd.read_csv(tmp_path / "table.csv")["prediction"].tolist() == ["a", text]
    assert "column 'prediction' would be a formula in a spreadsheet" in caplog.text


@pytest.mark.parametrize("texts", [["-", "+", "@"], ["-3", "+1e5"], ["a=b", "x@y"], [-1.0, 2.0]])
def test_signs_and_numbers_are_no_formulas(
    texts: list[object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_table(pd.DataFrame({"class": texts}), tmp_path / "table.csv")
    assert not caplog.text
