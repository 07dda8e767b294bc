"""The two stories of docs/rare_and_skewed.md: their commands run, and print what stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "rare_and_skewed.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?")
SAME_EVERYWHERE = ("6000 rows", "3000 rows", "Class ", "The positive class", "1 % of the rows")
"""How lines begin that say what was read: they are the same on every machine, whatever is trained."""
QUICK = " --epochs 1 --finalists 0 --ensemble none --no-checks --no-baselines --overwrite"


def shell(command: str, folder: Path) -> str:
    """Run lines of a shell as the reader does; both streams together."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / "ikura"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ikura "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", command], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout.replace(str(folder), "/home/you")


def steps() -> list[tuple[str, str, str]]:
    """Language, text and what is printed, of each piece of the page."""
    found = BLOCK.findall(PAGE)
    followed = [*found[1:], ("end", "")]
    return [
        (kind, text, after if name == "" else "")
        for (kind, text), (name, after) in zip(found, followed, strict=True)
        if kind
    ]


def made(kind: str, text: str, folder: Path) -> str:
    """Do what a piece says."""
    if kind == "toml":
        (folder / "space.toml").write_text(text)
        return ""
    if kind == "python":
        (folder / "make.py").write_text(text)
        return shell(f"{sys.executable} make.py", folder)
    assert kind == "sh"
    return shell(text, folder)


def in_words(text: str, numbers: bool = True) -> str:
    """Text without its lines' ends, and without its numbers."""
    joined = " ".join(text.split())
    return joined if numbers else NUMBER.sub("#", joined)


def test_what_is_read_is_as_it_is_told(tmp_path: Path) -> None:
    """The same commands with hardly any training: data, checks and what `tune` says of the data."""
    told = 0
    for kind, text, printed in steps():
        if "predict" in text or ("tune" in text and not re.search(f"^({'|'.join(SAME_EVERYWHERE)})", printed, re.M)):
            continue
        quick = re.sub(r"^(ikura tune .*) --trials 32(.*)$", r"\1 --trials 1\2" + QUICK, text, flags=re.MULTILINE)
        found = in_words(made(kind, quick.replace(" --baselines", ""), tmp_path))
        lines = printed.splitlines() if "tune" not in text else []
        lines += [line for line in printed.splitlines() if line.startswith(SAME_EVERYWHERE)]
        told += len(lines)
        assert [line for line in lines if in_words(line) not in found] == []
    assert told >= 11


@pytest.mark.sweep
def test_the_stories_come_out_as_they_are_told(tmp_path: Path) -> None:
    """In full: the same words in the same order, whatever the last digits are on this machine."""
    for kind, text, printed in steps():
        found, place = in_words(made(kind, text, tmp_path), numbers=False), 0
        for piece in printed.split("…\n"):
            words = in_words(piece, numbers=False)
            assert words in found[place:], f"{text}: {piece}"
            place = found.index(words, place) + len(words)
