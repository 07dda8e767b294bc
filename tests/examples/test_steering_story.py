"""The story of docs/steering.md runs as it is written, and what it prints is what stands there."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from ikura.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "steering.md").read_text(encoding="utf-8")
STORY = PAGE.split("## A story", 1)[1].split("\n## ", 1)[0]


def same(one: str, other: str) -> bool:
    """Whether two words are the same text, or nearly the same number."""
    try:
        return float(one) == pytest.approx(float(other), abs=2e-3, rel=0.02)
    except ValueError:
        return one == other


@pytest.mark.sweep
def test_the_story_comes_out_as_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    pieces = STORY.split("```python\n")[1:]
    assert len(pieces) == 4
    for piece in pieces:
        code, _, rest = piece.partition("```")
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(code, names)
        told = rest.split("```\n", 2)[1]
        words, expected = printed.getvalue().split(), told.split()
        assert len(words) == len(expected)
        assert [one for one, other in zip(words, expected, strict=True) if not same(one, other)] == []
    [line] = [piece.split("\n")[0] for piece in STORY.split("```sh\n")[1:]]
    capsys.readouterr()
    assert main(line.split()[1:]) == 0
    listed = capsys.readouterr().out
    assert [words in listed for words in ("it hardly moves", "fork trial 0 learning_rate=0.003 as trial 1")] == [
        True
    ] * 2


def test_the_pictures_are_there_and_small() -> None:
    pictures = Path(__file__).parents[2] / "docs"
    for name in ("trial", "compare", "log"):
        assert f"pictures/{name}.png" in STORY
        assert (pictures / "pictures" / f"{name}.png").stat().st_size < 150_000
