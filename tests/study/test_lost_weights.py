"""Weights and evidence that are missing or damaged are made again: the result is the one that it would have been."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

import ikura
from ikura.api.study import Study
from ikura.diagnose.findings import examine
from ikura.study.record.progress import Progress

from ..sweep import swept
from .comparing import assert_same
from .dying import KilledError, Life
from .unreported import short_report

BASE: dict[str, Any] = {"data": "iris", "trials": 8, "epochs": 4, "finalists": 2, "jobs": 1, "search": "random"}


class Listener(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, int]:
    """A study that nothing disturbed, and how many durable steps it took."""
    with pytest.MonkeyPatch.context() as patch, short_report():
        life = Life(patch)
        return ikura.tune(out=tmp_path_factory.mktemp("whole") / "run", **BASE), life.done


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Run folders of the study killed after so many durable steps; not to be changed."""

    @cache
    def make(point: int) -> Path:
        run = tmp_path_factory.mktemp("killed") / "run"
        with pytest.MonkeyPatch.context() as patch, short_report():
            Life(patch, point)
            with pytest.raises(KilledError):
                ikura.tune(out=run, **BASE)
        return run

    return make


def flipped(path: Path) -> None:
    """Change one bit of the numbers, which the file's own header does not tell."""
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)


HARM: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "a bit flipped": flipped,
    "junk": lambda path: path.write_bytes(b"junk" * 100),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("do_harm", swept(HARM, core=("a bit flipped",)))
@pytest.mark.parametrize("every", swept([1, 3], core=("3",)))
def test_resumed_without_what_the_choice_needs(
    do_harm: Callable[[Path], object],
    every: int,
    whole: tuple[Study, int],
    killed: Callable[[int], Path],
    tmp_path: Path,
) -> None:
    reference, total = whole
    harmed, said = 0, 0
    # The last steps before the choice is recorded and those behind it.
    for point in range(total - 12, total - 1, every):
        run = Path(copytree(killed(point), tmp_path / str(point)))
        files = sorted(run.glob("snapshots/*.safetensors"))
        for path in files:
            do_harm(path)
        harmed += len(files)
        listener = Listener()
        with short_report():
            assert_same(ikura.resume(run, progress=listener), reference)
        said += any("missing or damaged" in line for line in listener.lines)
    assert harmed
    assert said


def test_a_diagnosis_needs_no_weights_on_disk(whole: tuple[Study, int]) -> None:
    study, _ = whole
    before = examine(study, curve=False)
    for path in study.run.glob("snapshots/trial-*.safetensors"):
        flipped(path)
    again = examine(ikura.open_study(study.run), curve=False)
    assert again.diagnosis == before.diagnosis
