"""What the page is told: the same as what is on record, however it is asked and while it grows."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from filelock import FileLock

from ikura.metric import METRICS, metric
from ikura.study.record.facts import DONE
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.record import Record
from ikura.study.record.store import Store
from ikura.web.run_folders import is_live
from ikura.web.run_setting import RunSetting
from ikura.web.study_reader import StudyReader
from ikura.web.study_summary import summary
from ikura.web.trial_queries import Filter, page, rows_of, sample
from tests.web.runs_on_disk import outcome

Make = Callable[..., Store]
Served = Callable[..., Any]
HOSTILE = "<img src=x onerror=alert(1)>\"'&</script>\u202e"


def told(client: Any, question: str, **parts: Any) -> Any:
    query = "&".join(f"{name}={quote(str(value))}" for name, value in parts.items())
    status, _, body = client(f"/api/{question}?{query}")
    assert status == 200, body
    return json.loads(body)


def test_long_curves_keep_the_same_epochs_whatever_their_lengths(make: Make, served: Served, tmp_path: Path) -> None:
    lengths = (299, 301, 640, 4102, 9_001)
    store = make(tmp_path / "run", trials=len(lengths), ended=0)
    store.record([outcome(i, 0.5, epochs) for i, epochs in enumerate(lengths)])
    found = told(served(), "curves", run="run", trials="0,1,2,3,4")
    shown = [found[str(i)]["epoch"] for i in range(len(lengths))]
    for epochs, length in zip(shown, lengths, strict=True):
        assert (epochs[0], epochs[-1]) == (1, length)
        assert min(length, 150) <= len(epochs) <= 302
        assert epochs == sorted(set(epochs))
    for shorter, longer in pairwise(shown):
        common = set(shorter) & set(longer)
        assert common >= {one for one in longer[:-1] if one <= shorter[-1]}


def test_directions_of_metrics_are_those_of_the_metrics() -> None:
    for name in [*METRICS, "quantile:0.9"]:
        for task in ("binary", "multilabel", "regression"):
            try:
                found = metric(name, task)
            except Exception:
                continue
            assert RunSetting(name, 1, 1).sign == (1 if found.greater_is_better else -1), name


def test_runs_are_listed_with_how_they_stand(make: Make, served: Served, tmp_path: Path) -> None:
    make(tmp_path / "a" / "done")
    make(tmp_path / "half", ended=3)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.toml").write_text("no setting")
    (tmp_path / "broken" / "study.db").write_bytes(b"no database" * 100)
    found = {one["run"]: one for one in told(served(), "runs")["runs"]}
    assert {name: one["state"] for name, one in found.items()} == {
        "a/done": "finished",
        "half": "stopped",
        "broken": "broken",
    }
    assert found["half"]["ended"] == 3
    assert found["a/done"]["best"] == pytest.approx(0.85)
    assert "not a setting of ikura" in found["broken"]["reason"]


def test_a_run_that_is_held_is_live_and_is_not_disturbed(make: Make, tmp_path: Path) -> None:
    make(tmp_path, ended=2)
    assert not is_live(tmp_path)
    with FileLock(tmp_path / ".lock", timeout=0):
        assert is_live(tmp_path)
    assert not is_live(tmp_path)


def test_the_table_is_that_of_the_record(make: Make, served: Served, tmp_path: Path) -> None:
    store = make(tmp_path / "run", trials=12, ended=9)
    found = told(served(), "trials", run="run", sort="number", down=0, size=200)
    table = store.table()
    assert found["total"] == 12
    for name in ("number", "dev_score", "train_loss", "epochs"):
        expected = table[name].to_numpy(dtype=float)
        np.testing.assert_allclose(np.array(found["columns"][name], dtype=float), expected, rtol=1e-5)
    assert found["columns"]["state"] == table["state"].tolist()
    assert found["columns"]["hp:learning_rate"] == table["learning_rate"].tolist()


@pytest.mark.parametrize("down", [0, 1])
def test_sorting_and_filtering_are_those_of_pandas(make: Make, served: Served, tmp_path: Path, down: int) -> None:
    store = make(tmp_path / "run", trials=20, ended=15)
    where = {"hp:learning_rate": [0.005, None], "hp:optimizer": {"in": ["adam"]}}
    found = told(served(), "trials", run="run", sort="dev_score", down=down, where=json.dumps(where))
    table = store.table()
    kept = table[(table["learning_rate"] >= 0.005) & (table["optimizer"] == "adam")]
    expected = kept.sort_values("dev_score", ascending=not down, kind="stable", na_position="last")
    assert found["columns"]["number"] == expected["number"].tolist()
    assert found["total"] == len(kept)


@pytest.mark.parametrize(
    ("question", "parts", "words"),
    [
        ("trials", {"sort": "dev_scor"}, "did you mean 'dev_score'?"),
        ("trials", {"where": "{"}, "the filter is no JSON"),
        ("trials", {"where": "[]"}, "a filter must be an object"),
        ("trials", {"where": '{"dev_score": [1, "2"]}'}, "for each column"),
        ("trials", {"where": '{"dev_score": [1e999, 2]}'}, "for each column"),
        ("trials", {"where": '{"nothing": [1, 2]}'}, "no column 'nothing'"),
        ("trials", {"where": "[" * 19_000}, "no JSON"),
        ("trials", {"where": "x" * 25_000}, "the filter is too long"),
        ("trials", {"offset": "x"}, "offset must be a whole number"),
        ("trials", {"offset": "-1"}, "at least 0"),
        ("trial", {"trial": "99999999999999999999"}, "at least 0 and below"),
        ("trial", {"trial": "77"}, "no trial 77: the study has 8 trials"),
        ("curves", {"trials": "1,x"}, "whole numbers"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(client: Any, question: str, parts: dict[str, str], words: str) -> None:
    query = "&".join(f"{name}={quote(value)}" for name, value in parts.items())
    status, _, body = client(f"/api/{question}?run=penguins&{query}")
    assert status == 400
    assert words in body.decode()
    assert b"\n" not in body


def test_a_growing_study_is_read_as_it_grows(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, trials=30, ended=0)
    reader = StudyReader(tmp_path)
    seen = [int(np.isfinite(reader.snapshot().trials["dev_score"].values).sum())]
    for i in range(30):
        store.record([outcome(i, 0.5)])
        reader._next = 0.0
        seen.append(int(np.isfinite(reader.snapshot().trials["dev_score"].values).sum()))
    assert seen == list(range(31))


def test_reading_leaves_nothing_in_the_folder(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "run").close()
    run = tmp_path / "run"
    before = {one.name: one.stat().st_mtime_ns for one in run.iterdir()}
    StudyReader(run).snapshot()
    assert {one.name: one.stat().st_mtime_ns for one in run.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_read(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "run", ended=4)
    run = tmp_path / "run"
    (run / "study.db-shm").unlink()
    os.chmod(run, 0o555)
    try:
        assert len(StudyReader(run).snapshot().trials) == 8
    finally:
        os.chmod(run, 0o755)


def test_a_writer_never_waits(make: Make, tmp_path: Path) -> None:
    from ikura.web.database_reader import reading

    store = make(tmp_path, ended=2)
    with reading(tmp_path) as connection:
        cursor = connection.execute("SELECT number FROM trials")
        cursor.fetchone()
        store.set_fact(DONE, True)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM trials")
    assert store.fact(DONE)


def test_names_of_any_kind_are_only_text(make: Make, served: Served, tmp_path: Path) -> None:
    make(tmp_path / HOSTILE.replace("/", "∕"), **{HOSTILE: HOSTILE})
    client = served()
    run = told(client, "runs")["runs"][0]["run"]
    found = told(client, "trial", run=run, trial=0)
    assert found["hyperparameters"][HOSTILE] == HOSTILE
    assert HOSTILE in [one["name"] for one in told(client, "study", run=run)["hyperparameters"]]
    _, headers, _ = client(f"/api/trial?run={quote(run)}&trial=0")
    assert headers["content-type"] == "application/json"


def test_a_database_of_another_kind_is_told_in_a_line(make: Make, served: Served, tmp_path: Path) -> None:
    make(tmp_path / "run").close()
    (tmp_path / "run" / "study.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    status, _, body = served()("/api/study?run=run")
    assert status == 404
    assert b"cannot be read" in body
    assert b"\n" not in body


def test_values_of_any_kind_in_the_database_do_no_harm(make: Make, tmp_path: Path) -> None:
    make(tmp_path, trials=4).close()
    connection = sqlite3.connect(tmp_path / "study.db")
    connection.execute("UPDATE trials SET dev_score = 'x', hyperparameters = '[1' WHERE number = 1")
    connection.execute("UPDATE trials SET dev_loss = 9e999, hyperparameters = '7', parent = 3 WHERE number = 2")
    connection.execute("UPDATE trials SET parent = 2 WHERE number = 3")
    connection.commit()
    connection.close()
    reader = StudyReader(tmp_path)
    trials = reader.snapshot().trials
    assert np.isnan(trials["dev_score"].values[1])
    assert trials.configuration(1) == {}
    assert [one["number"] for one in reader.family(3)]


def test_a_family_says_from_which_epoch_each_went_on_by_itself(make: Make, tmp_path: Path) -> None:
    make(tmp_path, trials=2).close()
    connection = sqlite3.connect(tmp_path / "study.db")
    connection.execute("UPDATE trials SET parent = 0 WHERE number = 1")
    connection.execute(
        "INSERT INTO segments (tile, place, trial, since, until) VALUES (7, 0, 1, 3, 4), (8, 0, 1, 4, 5)"
    )
    connection.commit()
    connection.close()
    assert [(one["number"], one["since"]) for one in StudyReader(tmp_path).family(0)] == [(0, 0), (1, 3)]


def test_of_many_trials_the_best_and_some_of_the_others_are_drawn(make: Make, tmp_path: Path) -> None:
    make(tmp_path, trials=200)
    trials = StudyReader(tmp_path).snapshot().trials
    places = sample(trials, 1.0, most=50)
    assert len(places) == 50
    assert set(range(185, 200)) <= set(places.tolist())
    assert places.min() == 0
    assert len(sample(trials, 1.0, most=500)) == 200


def test_pages_follow_each_other_without_a_gap(make: Make, tmp_path: Path) -> None:
    make(tmp_path, trials=57)
    trials = StudyReader(tmp_path).snapshot().trials
    found = [
        place for start in range(0, 60, 10) for place in page(trials, "hp:optimizer", True, Filter(), start, 10)[0]
    ]
    assert sorted(found) == list(range(57))


def test_what_trains_on_is_shown_as_it_is_and_counts_by_what_is_on_record(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, trials=3, ended=0)
    once = replace(outcome(0, 0.9, 13), best_epoch=4, dev_score=0.8, dev_loss=0.3, train_score=0.85)
    store.record([once, outcome(1, 0.7)], going_on=[0])
    names = ("state", "epochs", "dev_score", "dev_loss", "train_score", "best_epoch")

    def facts(trial: int = 0) -> list[Any]:
        found: Any = rows_of(StudyReader(tmp_path).snapshot().trials, np.array([trial]))
        return [found[name][0] for name in names]

    def best() -> list[Any]:
        reader = StudyReader(tmp_path)
        found: Any = summary("run", tmp_path, reader.snapshot(), reader.pace)["best"]
        return [found["number"], found["dev"]]

    assert facts() == ["running", 13, 0.8, 0.3, 0.85, 4]
    assert best() == [0, 0.8]
    on = np.vstack([once.curve, [[0.1, 0.6, 0.65], [0.1, 0.75, 0.5]]])
    store.add_live_points({0: on, 2: on[:2]}, {0: 13, 2: 0})
    assert facts() == ["running", 15, 0.5, 0.75, None, None]
    assert facts(2)[:3] == ["running", 2, pytest.approx(0.9 * 2 / 13, rel=1e-5)]
    assert best() == [0, 0.8]
    # It stands still, but its neighbours train on, and so nothing of it is on record.
    asked = Interventions(store)
    [number] = asked.add([Request(action=Action.PAUSE, trial=0)], who="ada")
    asked.apply(number, 15)
    assert facts() == ["paused", 15, 0.5, 0.75, None, None]
    store.record([replace(once, curve=on)])
    assert facts() == ["complete", 15, 0.8, 0.3, 0.85, 4]


def test_the_choice_is_that_of_the_record(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, trials=5, metric="log_loss")
    scores = Record(tmp_path, opened=(None, store)).store.table()["dev_score"]  # type: ignore[arg-type]
    reader = StudyReader(tmp_path)
    assert summary("run", tmp_path, reader.snapshot(), reader.pace)["best"]["number"] == int(scores.idxmin())
