"""Runs in places of all kinds: folders of any name, of others, moved, read-only; a locale of ASCII; no compiler."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ikura as package
from ikura.errors import IkuraError, RunError

from ..sweep import swept
from .conftest import Done

Run = Callable[..., Done]
SMALL = ("--trials", 2, "--epochs", 2, "--finalists", 0)


@pytest.mark.parametrize(
    "name", swept(["what?", "s%41b", "a b[x]*", "größe#1", "-x", "$(touch bad);"], core=["$(touch bad);"])
)
def test_the_name_of_a_folder_is_taken_literally(name: str, ikura: Run, tmp_path: Path) -> None:
    done = ikura("tune", "iris", "--out", f"runs/{name}", *SMALL)
    assert done.code == 0, done.err
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    run = tmp_path / "runs" / name
    assert (run / "study.db").is_file()
    [line] = [line for line in done.out.splitlines() if line.startswith("Next")]
    command = shlex.split(line.removeprefix("Next"))
    assert command[:3] == ["ikura", "predict", f"runs/{name}"]
    done = ikura("export", f"runs/{name}", "--trials", "trials.csv")
    assert (done.code, len((tmp_path / "trials.csv").read_text().splitlines())) == (0, 3)
    assert ikura("report", f"runs/{name}", "-o", f"pages/{name}.html").code == 0
    assert (tmp_path / "pages" / f"{name}.html").is_file()


def test_runs_whose_names_decode_to_each_other_are_two(ikura: Run, tmp_path: Path) -> None:
    assert ikura("tune", "iris", "--out", "sAb", *SMALL).code == 0
    before = (tmp_path / "sAb" / "study.db").read_bytes()
    assert ikura("tune", "iris", "--out", "s%41b", "--seed", 9, *SMALL).code == 0
    assert (tmp_path / "sAb" / "study.db").read_bytes() == before
    assert (tmp_path / "s%41b" / "study.db").read_bytes() != before


@pytest.mark.parametrize(
    "name", ["study.db", "study.db-wal", "report.html", "data.npz", "dev.npz", "test.parquet", "model", ".lock"]
)
def test_what_others_keep_in_a_folder_stays(name: str, ikura: Run, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / name).write_text("theirs")
    done = ikura("tune", "iris", "--out", "theirs", *SMALL, "-q")
    assert (done.code, f"holds {name} of another origin" in done.complaint) == (2, True)
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == [name]
    assert (tmp_path / "theirs" / name).read_text() == "theirs"


def test_a_folder_in_which_an_opening_was_killed_can_be_used(ikura: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "snapshots").mkdir(parents=True)
    for name in (".lock", ".opening", "study.db", "study.db-wal"):
        (run / name).write_text("" if name.startswith(".") else "half a database")
    (run / "notes.txt").write_text("mine")
    assert ikura("tune", "iris", "--out", "run", *SMALL, "-q").code == 0
    assert (run / "notes.txt").read_text() == "mine"
    assert not (run / ".opening").exists()


def test_files_of_others_in_a_run_folder_stay_when_it_is_resumed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    kept = [run / ".mine.tmp", run / "sub" / ".mine.tmp", run / ".mine.partial"]
    (run / "sub").mkdir()
    for path in kept:
        path.write_text("mine")

    class Stop(package.Progress):
        def update(self, done: int, trials: int, best: float | None) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        package.tune("iris", trials=4, epochs=3, finalists=0, jobs=1, out=run, progress=Stop())
    package.resume(run)
    assert all(path.read_text() == "mine" for path in kept)


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_is_moved_while_a_run_works_in_it(again: bool, tmp_path: Path) -> None:
    run, moved = tmp_path / "run", tmp_path / "moved"

    class Move(package.Progress):
        def update(self, done: int, trials: int, best: float | None) -> None:
            if not moved.exists():
                run.rename(moved)
                if again:
                    run.mkdir()

    with pytest.raises(IkuraError) as caught:
        package.tune("iris", trials=8, epochs=4, finalists=1, jobs=1, out=run, progress=Move())
    assert "\n" not in str(caught.value)
    assert list(run.iterdir()) == [] if again else not run.exists()
    study = package.resume(moved)
    whole = package.tune("iris", trials=8, epochs=4, finalists=1, jobs=1, out=tmp_path / "whole")
    assert study.test == whole.test


def test_a_study_outlives_a_change_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = package.tune("iris", trials=2, epochs=2, finalists=0, out="runs/iris")
    again = package.open_study("runs/iris")
    monkeypatch.chdir("/")
    assert study.run == again.run == tmp_path / "runs" / "iris"
    assert study.report() == tmp_path / "runs" / "iris" / "report.html"
    assert study.model.classes == again.model.classes
    assert len(again.replay(0)) == 2


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Make a folder read-only for everybody, root too: a mount of itself."""
    mounted: list[Path] = []

    def bind(folder: Path) -> None:
        for words in (["--bind", str(folder), str(folder)], ["-o", "remount,ro,bind", str(folder)]):
            done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no folder can be mounted here: {done.stderr.strip()}")
            mounted[:] = [folder]

    yield bind
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_finished_run_on_a_read_only_disk(ikura: Run, tmp_path: Path, read_only: Callable[[Path], None]) -> None:
    (tmp_path / "disk").mkdir()
    shutil.copy(Path(__file__).parents[2] / "examples" / "penguins.csv", tmp_path / "disk" / "table.csv")
    assert ikura("tune", "disk/table.csv", "--target", "species", "--out", "disk/run", *SMALL).code == 0
    read_only(tmp_path / "disk")
    for command in (
        ("predict", "disk/run", "disk/table.csv"),
        ("report", "disk/run", "-o", "here.html"),
        ("importance", "disk/run"),
        ("export", "disk/run", "--trials", "here.csv"),
        ("resume", "disk/run"),
        ("diagnose", "disk/run", "--no-learning-curve"),
        ("check", "disk/run", "--only", "labels"),
    ):
        done = ikura(*command)
        assert done.code == 0, (command, done.err)
    for command in (
        ("report", "disk/run"),
        ("scale", "disk/run", "--batch-size", "64"),
        ("tune", "iris", "--out", "disk/x"),
    ):
        done = ikura(*command, "-q")
        assert done.code == 2, command
        assert "ikura: error: " in done.complaint
    assert len(package.open_study(tmp_path / "disk" / "run").trials) == 2


def ascii_environment() -> dict[str, str]:
    return os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def test_names_in_a_locale_of_ascii(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "examples" / "penguins.csv", tmp_path / "größe.csv")
    words = ["tune", "größe.csv", "--target", "species", "--out", "läufe/größe", *map(str, SMALL)]
    done = subprocess.run(
        [sys.executable, "-m", "ikura", *words], cwd=tmp_path, env=ascii_environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "läufe/größe" in done.stdout.decode()
    assert package.open_study(tmp_path / "läufe" / "größe").best is not None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("NUMBA_DISABLE_JIT", "1", "NUMBA_DISABLE_JIT is set, but the training step must be compiled; unset it"),
        pytest.param(
            "NUMBA_NUM_THREADS",
            "0",
            "NUMBA_NUM_THREADS is 0, but must be at least 1; unset it",
            marks=pytest.mark.sweep,
        ),
    ],
)
def test_without_a_compiler(name: str, value: str, reason: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ikura", "tune", "iris", "--out", "run", "-q"],
        cwd=tmp_path,
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ikura: error: {reason}\n"
    assert not list(tmp_path.iterdir())


def test_the_data_are_not_made_a_run(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            Image.new("L", (4, 4), number).save(tmp_path / "photos" / name / f"{number}.png")
    for out in ("photos", "photos/run", "photos/a/run"):
        with pytest.raises(RunError, match="lies within the data"):
            package.tune(tmp_path / "photos", out=tmp_path / out, trials=1, epochs=1)
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == ["a", "b"]
