"""What comes from data steers no terminal, and a message is one line of a sensible length."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ikura.cli import main
from ikura.cli.session import Session
from ikura.cli.terminal import CleanConsole

EVIL = "\x1b]0;title\a\x1b[2J\u202etxt.exe\u2066\r[bold]"


def test_a_console_shows_codes_and_no_markup() -> None:
    from rich.table import Table

    out = io.StringIO()
    console = CleanConsole(file=out, force_terminal=True, width=200, color_system=None)
    table = Table("heading")
    table.add_row(EVIL)
    console.print(table, EVIL)
    for sign in ("\x1b", "\a", "\u202e", "\u2066"):
        assert sign not in out.getvalue()
    assert "[bold]" in out.getvalue()


def test_lines_on_stderr_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    Session().say(f"column {EVIL}\nikura: error: forged")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.parametrize("column", [EVIL, "x" * 100_000])
def test_a_name_of_a_column_in_a_message(column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "table.csv"
    quoted = json.dumps(column, ensure_ascii=False)[1:-1].replace("\\r", "\r")
    path.write_text(f'"{quoted}",kind\n' + "1,a\n2,b\n" * 20)
    assert main(["tune", str(path), "--target", "wrong", "--out", str(tmp_path / "run")]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("ikura: error: ")
    assert len(line) < 1100
    assert "\x1b" not in line
