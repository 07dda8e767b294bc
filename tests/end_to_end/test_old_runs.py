"""Run folders that ikura wrote before its databases had versions: they are read, resumed, predicted with and scaled.

Each archive of `old_runs` is a folder without its pages: `finished`, of which a large batch was tried; `killed` in the
first stage; `halving`, killed between two rounds; `own`, with the network of `old_network.py`, killed in the first one.
`expected.json` holds what that ikura read from each and, as "… resumed", what it made of it.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_iris

import ikura
from ikura.errors import RunError

from . import old_network

FOLDER = Path(__file__).parent / "old_runs"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
RUNS = ("finished", "killed", "halving", "own")
KILLED = RUNS[1:]
CLOSE = 1e-9
"""Networks are of double precision: another processor or BLAS rounds sums of 100 terms otherwise, by 1e-14, and the
30 to 40 updates of such a training multiply that by less than 1e4. A mistake in training shows at 1e-3 and above."""


def unpacked(name: str, place: Path) -> Path:
    with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
        archive.extractall(place, filter="data")
    return place / name


def network_of(name: str) -> Any:
    return old_network.build if name == "own" else None


def values(table: pd.DataFrame, names: list[str]) -> dict[str, list[Any]]:
    return {name: table[name].astype(object).where(table[name].notna(), None).tolist() for name in names}


def digests(run: Path) -> dict[str, str]:
    files = (path for path in run.rglob("*") if path.is_file() and path.suffix not in (".html", ".lock"))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", RUNS)
def test_what_is_recorded_is_read_to_the_bit_and_left_as_it_is(name: str, tmp_path: Path) -> None:
    run, expected = unpacked(name, tmp_path), EXPECTED[name]
    before = digests(run)
    study = ikura.open_study(run, network_of(name))
    assert values(study.trials, list(expected["trials"])) == expected["trials"]
    assert values(study.curves(), list(expected["curves"])) == expected["curves"]
    assert "Learning curves" in study.report(tmp_path / "report.html").read_text()
    study.close()
    assert digests(run) == before


def test_one_with_a_log_is_read_whenever_garbage_is_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, expected = unpacked("killed", tmp_path), EXPECTED["killed"]
    with closing(sqlite3.connect(run / "study.db")) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("UPDATE facts SET value = value || ' ' WHERE name = 'summary'")
        other.commit()
        log = (run / "study.db-wal").read_bytes()
        content = (run / "study.db").read_bytes()
    (run / "study.db").write_bytes(content)
    (run / "study.db-wal").write_bytes(log)

    def slow(source: Path, target: Path) -> None:
        gc.collect()
        copyfile(source, target)

    monkeypatch.setattr("ikura.study.record.database.copyfile", slow)
    gc.collect()
    gc.disable()
    try:
        assert values(ikura.open_study(run).trials, list(expected["trials"])) == expected["trials"]
    finally:
        gc.enable()


@pytest.mark.parametrize("name", KILLED)
def test_a_killed_one_comes_to_the_end_it_would_have_had(name: str, tmp_path: Path) -> None:
    run, expected = unpacked(name, tmp_path), EXPECTED[f"{name} resumed"]
    study = ikura.resume(run, network_of(name))
    trials = values(study.trials, list(expected["trials"]))
    exact = [column for column in trials if not column.endswith(("_score", "_loss"))]
    assert {column: trials[column] for column in exact} == {column: expected["trials"][column] for column in exact}
    for found, wanted in ((study.trials, expected["trials"]), (study.curves(), expected["curves"])):
        for column in ("dev_score", "dev_loss", "train_loss"):
            assert values(found, [column])[column] == pytest.approx(wanted[column], abs=CLOSE)
    assert study.best is not None
    assert study.test is not None
    assert study.best.number == expected["best"]
    assert study.test.value == expected["test"]
    recorded = study.curve(0)
    pd.testing.assert_frame_equal(study.replay(0), recorded, rtol=0, atol=CLOSE)


def test_a_finished_one_predicts_as_it_did(tmp_path: Path) -> None:
    run, expected = unpacked("finished", tmp_path), EXPECTED["finished"]
    rows = load_iris(as_frame=True).data.iloc[::30]
    rows.columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    found = ikura.load(run).predict_proba(rows)
    assert found.to_numpy().tolist() == [pytest.approx(row, abs=CLOSE) for row in expected["probabilities"]]
    study = ikura.resume(run)
    assert study.test is not None
    assert study.test.value == expected["test"]
    pd.testing.assert_frame_equal(study.replay(1), study.curve(1), rtol=0, atol=CLOSE)


def test_networks_of_a_large_batch_are_not_trained_again(tmp_path: Path) -> None:
    run = unpacked("finished", tmp_path)
    trained = digests(run / "scale" / "trained")
    before = json.loads((run / "scale" / "batch-48" / "scale.json").read_text())
    after = ikura.scale(run, 48, seeds=2, jobs=1).to_json()
    assert digests(run / "scale" / "trained") == trained
    for name in ("name", "batch_size", "learning_rate", "updates", "dev", "difference", "verdict"):
        assert [row[name] for row in after["table"]] == [row[name] for row in before["table"]]


def test_a_setting_of_a_later_version_is_refused_in_one_line(tmp_path: Path) -> None:
    run = unpacked("finished", tmp_path)
    path = run / "config.toml"
    path.write_text(path.read_text().replace('version = "0.1.0"', 'version = "12.3.0"'))
    with pytest.raises(RunError) as caught:
        ikura.open_study(run)
    assert str(caught.value) == (
        f"{path}: was written by ikura 12.3.0, and this is ikura {ikura.__version__}; install ikura 12.3.0 or later"
    )


def test_a_model_of_a_later_format_is_refused_in_one_line(tmp_path: Path) -> None:
    run = unpacked("finished", tmp_path)
    path = run / "model" / "model.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 3'))
    with pytest.raises(RunError) as caught:
        ikura.load(run)
    assert str(caught.value) == (
        f"{path}: is of format 3, and ikura {ikura.__version__} knows none after 2; install a later ikura"
    )
