"""A study on a server where the package for it is not installed."""

from __future__ import annotations

import sys

import pytest

from ikura.cli import main

URL = "postgresql://ada@127.0.0.1:9/studies"


@pytest.mark.parametrize(
    "words",
    [
        ["tune", "iris", "--store", URL],
        ["resume", "--store", URL, "iris"],
        ["report", "--store", URL, "iris"],
        ["steer", "--store", URL, "iris"],
        ["serve", "--store", URL],
    ],
    ids=lambda words: words[0],
)
def test_what_to_install_is_said(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert main(words) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == "ikura: error: a store on a server needs the package psycopg: pip install 'ikura[postgres]'"
