"""A disk that runs full ends the run with one line; given space, `ikura resume` finishes as if nothing had been."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ikura.data import load_bundled

from ..sweep import swept
from .conftest import Done
from .folders import content

Run = Callable[..., Done]
OPTIONS = ("tune", "breast_cancer", "--trials", 12, "--epochs", 12, "--schedule", "none", "--finalists", 1, "-q")


@pytest.fixture(scope="module")
def undisturbed(shell: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert shell.begin(*OPTIONS, "--out", "run", folder=folder).wait().code == 0
    return folder / "run"


@pytest.fixture(scope="module")
def whole(undisturbed: Path) -> dict[str, Any]:
    return content(undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount a disk of so many bytes, or grow it."""
    place = tmp_path / "disk"
    place.mkdir()

    def size(bytes_: int) -> Path:
        options = f"size={bytes_}"
        again = ["-o", f"remount,{options}"] if place.is_mount() else ["-t", "tmpfs", "-o", options]
        done = subprocess.run(["mount", *again, "tmpfs", str(place)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        return place

    yield size
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


def full(line: str) -> bool:
    """SQLite calls a disk that cannot even hold its index an I/O error."""
    return any(words in line for words in ("disk is full", "No space left", "disk I/O error"))


@pytest.mark.parametrize("kibibytes", swept([24, 400], core=["400"]))
def test_a_full_disk(kibibytes: int, ikura: Run, small_disk: Any, whole: dict[str, Any]) -> None:
    """At each size it runs full at another place: making the store, recording, snapshots, weights, the report."""
    run = small_disk(kibibytes << 10) / "run"
    done = ikura(*OPTIONS, "--out", run)
    assert done.code == 2, done.err
    assert full(done.complaint)
    opened = (run / "config.toml").exists()
    if opened:
        still = ikura("resume", run, "-q")
        assert still.code == 2
        assert full(still.complaint)
    small_disk(64 << 20)
    again = ikura("resume", run, "-q") if opened else ikura(*OPTIONS, "--out", run)
    assert again.code == 0, again.err
    assert content(run) == whole


@pytest.mark.parametrize("kibibytes", [60])
def test_files_that_may_not_grow(kibibytes: int, ikura: Run, tmp_path: Path, whole: dict[str, Any]) -> None:
    """A limit on the size of files, as a quota sets it, met by the store and by single files alike."""
    done = ikura(*OPTIONS, "--out", "run", file_size=kibibytes << 10)
    assert done.code == 2, done.err
    assert "ikura: error: " in done.complaint
    opened = (tmp_path / "run" / "config.toml").exists()
    again = ikura("resume", "run", "-q") if opened else ikura(*OPTIONS, "--out", "run")
    assert again.code == 0, again.err
    assert content(tmp_path / "run") == whole


def test_predictions_are_written_whole_or_not_at_all(ikura: Run, tmp_path: Path, undisturbed: Path) -> None:
    load_bundled("breast_cancer")[0].to_csv(tmp_path / "tumours.csv", index=False)
    done = ikura("predict", undisturbed, "tumours.csv", "-o", "predictions.csv", file_size=10_000)
    assert done.code == 2
    assert "predictions.csv" in done.complaint
    assert not list(tmp_path.glob("*predictions*"))


def test_a_folder_that_may_not_be_written(ikura: Run, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        place = Path("/proc/ikura")
    else:
        (tmp_path / "locked").mkdir(mode=0o500)
        place = tmp_path / "locked" / "run"
    done = ikura("tune", "iris", "--out", place, "-q")
    assert done.code == 2
    assert str(place) in done.complaint
