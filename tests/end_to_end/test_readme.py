"""The commands of the README, as a newcomer types them."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from .conftest import Done

Run = Callable[..., Done]


def strict(text: str) -> Any:
    """Read JSON that holds no NaN."""

    def refuse(name: str) -> Any:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, penguins: Path) -> tuple[Path, Any]:
    """The README's command, in a fresh interpreter, and the JSON object that it printed."""
    run = tmp_path_factory.mktemp("readme") / "penguins"
    command = ["tune", str(penguins), "--target", "species", "--json", "--out", str(run)]
    smaller = ["--trials", "24", "--epochs", "20"]
    done = subprocess.run(
        [sys.executable, "-m", "ikura", *command, *smaller], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "344 rows, 7 features (2 category, 5 numeric); multiclass target 'species'" in done.stderr
    return run, strict(done.stdout)


def test_the_json_object(finished: tuple[Path, Any]) -> None:
    run, found = finished
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    keys = " ".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", keys)) == sorted(found)
    assert set(found["best"]) == {"number", "hyperparameters", "dev", "dev_corrected", "next", "note", "changed"}
    assert found["test"]["note"] is None
    for score, more in ((found["best"]["dev"], set()), (found["test"], {"note"})):
        assert set(score) == {"metric", "value", "interval"} | more
        assert score["metric"] == "accuracy"
        low, high = score["interval"]
        assert 0 <= low <= score["value"] <= high <= 1
    assert (found["run"], found["task"], found["rows"], found["trials"]) == (str(run), "multiclass", 344, 24)
    assert "learning_rate" in found["best"]["hyperparameters"]
    assert {"read", "coarse", "fine", "finalists", "test"} <= set(found["seconds"])
    assert all(math.isfinite(seconds) for seconds in found["seconds"].values())
    # Penguins are easy: the commonest of the three species is less than half of them.
    assert found["test"]["value"] > 0.9


def test_the_run_folder(finished: tuple[Path, Any]) -> None:
    run, _ = finished
    assert {"config.toml", "study.db", "report.html", "model"} <= {path.name for path in run.iterdir()}
    assert {path.name for path in (run / "model").iterdir()} == {"README.md", "model.json", "weights.safetensors"}
    assert not list(run.rglob(".*.partial"))
    assert not list(run.glob("snapshots/tile-*"))
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "species" in text
    assert text.rstrip().endswith("</html>")


def test_predict(finished: tuple[Path, Any], ikura: Run, penguins: Path, tmp_path: Path) -> None:
    run, _ = finished
    printed = ikura("predict", run, penguins)
    assert (printed.code, printed.err) == (0, "")
    written = ikura("predict", run, penguins, "-o", "predictions.csv")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "predictions.csv").read_text() == printed.out
    frame = pd.read_csv(tmp_path / "predictions.csv")
    assert list(frame.columns) == [
        "prediction", "probability_Adelie", "probability_Chinstrap", "probability_Gentoo"
    ]  # fmt: skip
    assert len(frame) == 344
    assert (frame["prediction"] == pd.read_csv(penguins)["species"]).mean() > 0.9
    parquet = ikura("predict", run, penguins, "-o", "predictions.parquet")
    assert parquet.code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "predictions.parquet"), frame, rtol=1e-15)


def test_predict_names_what_is_missing(finished: tuple[Path, Any], ikura: Run, penguins: Path, tmp_path: Path) -> None:
    run, _ = finished
    frame = pd.read_csv(penguins).rename(columns={"island": "iland"})
    frame.to_csv(tmp_path / "new.csv", index=False)
    done = ikura("predict", run, "new.csv", "-o", "predictions.csv")
    assert done.code == 2
    assert "'island'" in done.complaint
    assert "did you mean 'iland'?" in done.complaint
    assert not (tmp_path / "predictions.csv").exists()


def test_report(finished: tuple[Path, Any], ikura: Run, tmp_path: Path) -> None:
    run, _ = finished
    done = ikura("report", run, "-o", "again.html")
    assert (done.code, done.out) == (0, "again.html\n")
    assert (tmp_path / "again.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    before = (run / "report.html").stat().st_mtime_ns
    done = ikura("report", run)
    assert (done.code, done.out) == (0, f"{run / 'report.html'}\n")
    assert (run / "report.html").stat().st_mtime_ns > before


def test_resume_of_a_finished_run_prints_its_result(finished: tuple[Path, Any], ikura: Run) -> None:
    run, found = finished
    done = ikura("resume", run, "--json", "-q")
    assert (done.code, done.err) == (0, "")
    again = strict(done.out)
    # The first result is printed before its report is written.
    assert again["seconds"].pop("report") > 0
    assert again == found


def test_without_json_a_summary_is_printed(ikura: Run, tmp_path: Path) -> None:
    done = ikura("tune", "iris", "--trials", 4, "--epochs", 3, "--finalists", 1)
    assert done.code == 0
    [run] = (tmp_path / "runs").iterdir()
    assert f"runs/{run.name}" in done.out
    assert "Test accuracy" in done.out
    assert "measured once" in done.out
    quiet = ikura("tune", "iris", "--trials", 4, "--epochs", 3, "-q", "--out", "again")
    assert (quiet.code, quiet.err) == (0, "")


def test_a_space_file(ikura: Run, tmp_path: Path) -> None:
    """The one of the README."""
    (tmp_path / "space.toml").write_text(
        '[learning_rate]\nscale = "log"\nlow = 1e-4\nhigh = 1\n\n[optimizer]\nchoices = ["momentum", "adam"]\n\n'
        '[momentum]\nscale = "log-complement"\nlow = 0.9\nhigh = 0.999\nwhen = { optimizer = "momentum" }\n'
    )
    done = ikura(
        "tune", "iris", "--space", "space.toml", "--trials", 8, "--epochs", 3, "--finalists", 1, "--json", "-q"
    )
    assert done.code == 0
    chosen = strict(done.out)["best"]["hyperparameters"]
    assert ("momentum" in chosen) == (chosen["optimizer"] == "momentum")


def test_the_command_is_installed() -> None:
    program = Path(sys.executable).with_name("ikura")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ikura ")
