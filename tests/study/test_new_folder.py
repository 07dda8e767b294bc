"""The run folder that ikura names itself belongs to one study alone."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.engine.workplace import ThisMachine
from ikura.errors import RunError, UsageError
from ikura.study.run_folder import new_folder

EACH = 60
NOW = datetime(2026, 3, 1, 12, 0, 0)


class Stopped(datetime):
    """A clock on which everything happens in the same second."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return NOW


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ikura.study.run_folder.datetime", Stopped)


def take(ready: Any, put: Any) -> None:
    ready.wait(60)
    put.put([str(new_folder("houses.csv")) for _ in range(EACH)])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here")
def test_two_processes_take_different_folders(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, put = context.Barrier(2), context.Queue()
    workers = [context.Process(target=take, args=(ready, put)) for _ in range(2)]
    for worker in workers:
        worker.start()
    taken = [*put.get(timeout=60), *put.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert len(set(taken)) == 2 * EACH
    assert {str(path) for path in (tmp_path / "runs").iterdir()} == set(taken)
    assert str(tmp_path / "runs" / "houses-20260301-120000") in taken


def test_studies_of_one_second_in_threads(tmp_path: Path) -> None:
    options: dict[str, Any] = {"trials": 1, "epochs": 1, "finalists": 0, "jobs": 1, "checks": False}
    with ThreadPoolExecutor(3) as pool:
        studies = list(pool.map(lambda _: ikura.tune("iris", **options), range(3)))
    assert {study.run.name for study in studies} == {
        f"iris-20260301-120000{again}" for again in ("", "-2", "-3")
    }  # fmt: skip


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RunError("no")

    monkeypatch.setattr("ikura.api.run.begin_folder", refuse)
    with pytest.raises(RunError, match="no"):
        ikura.tune("iris", trials=1, epochs=1)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "other").mkdir()
    for out in ("a/b/run", "other"):
        with pytest.raises(RunError, match="no"):
            ikura.tune("iris", trials=1, epochs=1, out=out)
    assert [one.name for one in tmp_path.rglob("*")] == ["other"]


def test_a_study_that_is_refused_before_its_first_trial_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a node of a cluster does not have the caller's module."""

    def refuse(*_: Any) -> None:
        raise UsageError("no")

    given: dict[str, Any] = {"trials": 1, "epochs": 1, "finalists": 0}
    with monkeypatch.context() as patch:
        patch.setattr(ThisMachine, "engine", refuse)
        with pytest.raises(UsageError, match="no"):
            ikura.tune("iris", **given)
        assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr("ikura.api.run.measure", refuse)
        with pytest.raises(UsageError, match="no"):
            ikura.tune("iris", **given)
    [run] = (tmp_path / "runs").iterdir()
    with closing(ikura.resume(run)) as study:
        assert study.best is not None


def test_a_run_gives_way_only_once_there_is_a_place_to_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {"trials": 1, "epochs": 1, "finalists": 0, "out": tmp_path / "run"}
    ikura.tune("iris", **given).close()
    before = (tmp_path / "run" / "study.db").read_bytes()

    def refuse(*_: Any) -> None:
        raise UsageError("no")

    monkeypatch.setattr(ThisMachine, "__init__", refuse)
    with pytest.raises(UsageError, match="no"):
        ikura.tune("iris", **given, overwrite=True)
    assert (tmp_path / "run" / "study.db").read_bytes() == before


@pytest.mark.parametrize("kind", ["a file", "a link to nowhere"])
def test_no_place_for_runs_is_one_line(kind: str, tmp_path: Path) -> None:
    if kind == "a file":
        (tmp_path / "runs").touch()
    else:
        (tmp_path / "runs").symlink_to("nowhere")
    with pytest.raises(RunError, match=r"^runs/iris-20260301-120000: the output folder cannot be made: [^\n]*$"):
        new_folder("iris")


def test_in_a_folder_that_cannot_be_written_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunError, match="the output folder cannot be made: Permission denied"):
        new_folder(object())
