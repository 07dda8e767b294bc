"""`ikura predict`: from rows to predictions, on files and pipes."""

from __future__ import annotations

import errno
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ikura.cli import main

pytestmark = pytest.mark.usefixtures("calls")
EXPECTED = "prediction,probability_a,probability_b\na,1.0,0.0\nb,0.0,1.0\n"


def test_csv_on_stdout_and_nothing_else(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(tmp_path), table]) == 0
    assert capsys.readouterr() == (EXPECTED, "")


def test_rows_from_stdin(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(table).read_bytes())))
    assert main(["predict", str(tmp_path), "-"]) == 0
    assert capsys.readouterr().out == EXPECTED


def test_an_error_in_stdin_names_stdin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x,y\n1,2\n1,2,3\n")))
    assert main(["predict", str(tmp_path), "-"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ikura: error: ")
    assert "stdin" in err
    assert "/" not in err


@pytest.mark.parametrize(("name", "read"), [("out.csv", pd.read_csv), ("out.parquet", pd.read_parquet)])
def test_a_file_is_written_whole(
    name: str, read: Any, table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "results" / name
    target.parent.mkdir()
    target.write_text("what was there before")
    assert main(["predict", str(tmp_path), table, "-o", str(target)]) == 0
    assert capsys.readouterr() == ("", f"2 predictions in {target}\n")
    pd.testing.assert_frame_equal(read(target), pd.read_csv(io.StringIO(EXPECTED)), check_dtype=False)
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_file_and_no_part_of_a_new_one(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    target = tmp_path / "results" / "out.csv"
    target.parent.mkdir()
    target.write_text("old")
    assert main(["predict", str(tmp_path), table, "-o", str(target)]) == 2
    assert capsys.readouterr().err == f"ikura: error: cannot write {target}: No space left on device\n"
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("out", "line"),
    [
        ("out.tsv", "-o takes a .csv or .parquet file, or - for CSV on stdout, but got 'out.tsv'"),
        ("no/folder/out.csv", "cannot write no/folder/out.csv: there is no folder "),
        ("a.csv", "cannot write a.csv: it is a folder; name a file in it"),
    ],
)
def test_a_target_that_cannot_be_is_refused_before_any_work(
    out: str,
    line: str,
    table: str,
    tmp_path: Path,
    calls: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").mkdir()
    assert main(["predict", str(tmp_path), table, "-o", out]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"ikura: error: {line}")
    assert err.count("\n") == 1
    assert "load" not in calls


MANY = """
import sys, ikura, pandas
class Model:
    encoder = None
    def predict_frame(self, frame, costs=None, interval=None):
        return pandas.DataFrame({"prediction": range(200_000)})
ikura.load = lambda run: Model()
from ikura.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_reader_that_leaves_early_is_no_drama(table: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", MANY, "predict", str(tmp_path), table], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"prediction\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=30) == 141
