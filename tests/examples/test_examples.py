"""Every example runs as its README says, and prints what the README shows but for its numbers."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from ..sweep import swept

FOLDER = Path(__file__).parents[2] / "examples"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))
SHOWN = dict(re.findall(r"^\$ python examples/(\w+\.py)\n(.*?)^```", README, re.MULTILINE | re.DOTALL))


def beginnings(printed: str) -> set[str]:
    """The words with which lines begin, up to the first number, name or choice: what no machine changes."""
    return {re.split(r"[\d:]", line.strip(), maxsplit=1)[0].strip() for line in printed.splitlines()}


def test_the_readme_lists_them() -> None:
    assert sorted(SHOWN) == SCRIPTS
    assert sorted(re.findall(r"^\| \[`(.*?)`\]\(\1\) \|", README, re.MULTILINE)) == SCRIPTS


@pytest.mark.parametrize("name", swept(SCRIPTS, core=[name for name in SCRIPTS if name != "autopilot.py"]))
def test_it_prints_what_the_readme_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    assert beginnings(capsys.readouterr().out) == beginnings(SHOWN[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_is_short(name: str) -> None:
    assert len((FOLDER / name).read_text(encoding="utf-8").splitlines()) <= 40
