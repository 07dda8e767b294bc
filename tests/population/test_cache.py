"""Compiled code has a place, or it is said that there is none."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ikura.errors import StorageError, UsageError
from ikura.population import cache


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No usual place can be written; temporary files go to the folder that is returned."""
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    monkeypatch.setattr(cache, "_writable", lambda place: False)
    monkeypatch.setattr(cache, "_chosen", [])
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    return tmp_path / f"ikura-numba-{os.geteuid()}"


def test_a_usual_place_is_left_to_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    monkeypatch.setattr(cache, "_chosen", [])
    cache.find_place()
    assert cache.VARIABLE not in os.environ
    assert cache.place_note() is None
    cache.check_compiler()


def test_without_one_it_is_a_folder_of_this_user(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, "")
    for _ in range(2):
        cache.find_place()
        assert os.environ[cache.VARIABLE] == str(nowhere)
        assert stat.S_IMODE(nowhere.stat().st_mode) == 0o700
        assert str(nowhere) in str(cache.place_note())
        cache.check_compiler()
        monkeypatch.setenv(cache.VARIABLE, "")


@pytest.mark.parametrize("kind", ["link", "open", "file"])
def test_a_folder_that_others_could_have_made_is_not_trusted(
    kind: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "link":
        (nowhere.parent / "theirs").mkdir()
        nowhere.symlink_to("theirs")
    elif kind == "open":
        nowhere.mkdir()
        nowhere.chmod(0o777)
    else:
        nowhere.touch()
    cache.find_place()
    assert cache.VARIABLE not in os.environ
    with pytest.raises(StorageError, match=cache.VARIABLE):
        cache.check_compiler()


def test_a_compiler_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.config.DISABLE_JIT", 1)
    with pytest.raises(UsageError, match="NUMBA_DISABLE_JIT is set"):
        cache.check_compiler()
