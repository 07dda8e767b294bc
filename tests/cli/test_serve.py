"""`ikura serve`: one address on stdout, the page behind it, an end without noise."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ikura.cli import main


def test_it_serves_the_folder_that_is_named(
    calls: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tmp_path), "--read-only", "--port", "0"]) == 0
    assert capsys.readouterr().out == "http://127.0.0.1:8710/?token=key\n"
    assert calls["serve"][0] == (tmp_path, "127.0.0.1", 0, None, True)
    assert calls["serve"][1] == {"strict": True}


@pytest.mark.usefixtures("calls")
def test_runs_is_what_is_served_where_it_is_there(
    calls: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for there in (Path(), Path("runs")):
        there.mkdir(exist_ok=True)
        assert main(["serve", "-q"]) == 0
        assert calls["serve"][0][0] == there


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "nowhere"], "no such folder: nowhere"),
        (["serve", ".", "--port", "70000"], "--port must be at most 65535"),
        (["serve", ".", "--host", "0.0.0.0"], "--host 0.0.0.0 lets other machines in: say with --token"),
        (["serve", ".", "--token", "short"], "--token must be at least 16"),
        (["serve", ".", "--host", "203.0.113.1", "--token", "a" * 16], "cannot listen on 203.0.113.1"),
    ],
)
def test_mistakes_are_told_in_a_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "ikura.web.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(tmp_path)]) == 2
    assert "pip install 'ikura[serve]'" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_of_its_own_answers_without_pytorch_and_ends_quietly(tmp_path: Path, number: int) -> None:
    program = (
        # Tests that run in the background of a shell are born deaf to SIGINT.
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from ikura.cli import main; code = main(sys.argv[1:]); "
        "print([name for name in ('torch', 'pandas', 'sqlalchemy', 'plotly') if name in sys.modules]); sys.exit(code)"
    )
    command = [sys.executable, "-c", program, "serve", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", url)
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(number)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "[]\n")
    assert err.splitlines() == ["Open this address in a browser; Ctrl-C ends the page, not the studies."]
