"""Files are written whole or not at all, and only where a file belongs."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import DataError, RunError, StorageError, UsageError
from ikura.files import (
    check_held,
    check_regular,
    check_target,
    held,
    named,
    run_files,
    shown,
    write_atomically,
    write_output,
)
from ikura.wording import STEERING, clean, one_line, shortened


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let no file grow beyond `room` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    for content in (b"one", b"a longer one", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("size", [5000, 1_000_000])
def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with full_disk(4096), pytest.raises(StorageError, match=rf"cannot write {path}: File too large"):
        write_atomically(path, b"n" * size)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_whole(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError, match="No space left on device") as caught:
        write_atomically(path, b"new")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(StorageError, match=rf"cannot write {tmp_path}/folder/file"):
        write_atomically(tmp_path / "folder" / "file", b"new")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(StorageError, match=rf"cannot write {tmp_path}/file"):
        write_atomically(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "a[1]*?.html", "%41?.html", "-x", "new\nline"])
def test_any_name_is_taken_literally(tmp_path: Path, name: str) -> None:
    write_output(tmp_path / name, b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 256, "ü" * 128, "/".join(["folder"] * 800), "caf\udce9"])
def test_a_name_that_can_be_none(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        named(name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "file")
    for content in (b"one", b"two"):
        write_output(link, content)
        assert link.is_symlink()
        assert (tmp_path / "there" / "file").read_bytes() == content
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["file"]


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match="symbolic links"):
        check_regular(tmp_path / "a")
    with pytest.raises(StorageError):
        write_output(tmp_path / "a", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_device_is_written_to_and_stays(tmp_path: Path) -> None:
    before = os.stat("/dev/null")
    write_output(Path("/dev/null"), b"page")
    (tmp_path / "nothing").symlink_to("/dev/null")
    write_output(tmp_path / "nothing", b"page")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (before.st_ino, before.st_rdev) == (after.st_ino, after.st_rdev)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no disk in memory here")
def test_a_shorter_file_on_a_disk_in_memory_leaves_nothing_of_the_longer_one() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        place = Path(folder) / "model.json"
        place.write_text("a long text")
        write_output(place, b"short")
        assert place.read_text() == "short"


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_what_is_open_is_written_to_where_it_stands(name: str, tmp_path: Path) -> None:
    program = f"from ikura.files import *; print('a'); write_output(Path({name!r}), b'b\\n'); print('c')"
    place = tmp_path / "log"
    place.write_text("before\n")
    with place.open("a") as log:
        subprocess.run([sys.executable, "-c", f"from pathlib import Path; {program}"], stdout=log, check=True)
    assert place.read_text() == "before\na\nb\nc\n"
    assert list(tmp_path.iterdir()) == [place]


def test_a_pipe_is_written_to_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    content = bytes(range(256)) * 1000
    write_output(pipe, content)
    reader.join()
    assert found == [content]
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)
    monkeypatch.setattr("ikura.files.WAIT_FOR_A_READER", 0.1)
    with pytest.raises(StorageError, match="nobody reads from this pipe"):
        write_output(pipe, content)


def test_only_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, kind in ((tmp_path / "pipe", "a named pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(DataError, match=kind):
            check_regular(place)
    check_regular(tmp_path)


def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o640)
    write_output(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_is_read_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("mine")
    (tmp_path / "link.csv").symlink_to("data.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "data.csv")
    for name in ("data.csv", "link.csv", "hard.csv"):
        with pytest.raises(UsageError, match="it is what is read"):
            check_target(tmp_path / name, tmp_path / "other.csv", tmp_path / "data.csv")
    check_target(tmp_path / "new.csv", tmp_path / "data.csv")


def test_what_a_run_keeps_is_not_overwritten(tmp_path: Path) -> None:
    kept = ["config.toml", "study.db", "dev.npz", "test.parquet", "snapshots/trial-3.safetensors", "diagnosis.json"]
    for name in [*kept, "report.html", "mine/trials.parquet"]:
        (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / name).touch()
    for name in kept:
        with pytest.raises(UsageError, match="it is what is read"):
            check_target(tmp_path / "run" / name, *run_files(tmp_path / "run"))
    for name in ("report.html", "mine/trials.parquet", "new.csv"):
        check_target(tmp_path / "run" / name, *run_files(tmp_path / "run"))
    assert run_files(tmp_path) == []


def test_leftovers_of_processes_that_ended_are_swept(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    kept = [f".file.{os.getppid()}.partial", f".other.{ended.pid}.partial", ".file.partial", "file.1.partial"]
    for name in (*kept, f".file.{ended.pid}.partial"):
        (tmp_path / name).touch()
    write_output(tmp_path / "file", b"new")
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "file"}


def test_nothing_is_written_in_the_place_of_a_folder_that_moved(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with held(run):
        write_atomically(run / "one", b"new")
        run.rename(tmp_path / "moved")
        for again in (False, True):
            if again:
                run.mkdir()
            with pytest.raises(RunError, match="moved, removed or replaced"):
                write_atomically(run / "snapshots" / "two", b"new")
        assert not list(run.iterdir())
        write_atomically(tmp_path / "elsewhere", b"new")
    check_held(run / "two")


def test_paths_are_shown_as_they_stand_in_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "runs" / "a b") == "runs/a b"
    assert shown("/elsewhere/run") == "/elsewhere/run"
    assert shown(tmp_path / "-x") == "./-x"
    os.rmdir(tmp_path)
    assert shown("/elsewhere/run") == "/elsewhere/run"


@given(st.text())
def test_clean_text_steers_nothing_and_plain_text_stays(text: str) -> None:
    assert not STEERING.search(clean(text))
    if not STEERING.search(text):
        assert clean(text) == text
    clean(text).encode()


@given(st.text(), st.integers(8, 200))
def test_one_line_is_one_of_a_length(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1
    assert len(shortened(text)) < 1000
