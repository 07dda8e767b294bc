"""A process that runs many commands in turn and tells what became of each.

Argument: a file of JSON: {"commands": [{"arguments", "inputs"}, ...], "setup": [[...], ...]}. Each command runs in the
folder of the file, as the command line does. Standard output is one JSON object a command: code, out, err, seconds,
megabytes (the most memory that the process has had), and changed, the files there that it changed.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any

from peak import kilobytes

from ikura.cli import main

SECONDS = 20


class TooSlow(BaseException):
    """A command took longer than it may."""


class Stream(io.TextIOWrapper):
    """A text stream in memory, with bytes below it as those of a process have."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


def _there(folder: Path) -> dict[str, Any]:
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            about = os.lstat(os.path.join(place, name))
            kind = stat.S_IFMT(about.st_mode)
            found[os.path.join(place, name)] = (
                [kind] if stat.S_ISDIR(kind) else [kind, about.st_size, about.st_mtime_ns]
            )
    return found


def _late(number: int, frame: Any) -> None:
    raise TooSlow


def run(arguments: list[str]) -> dict[str, Any]:
    """Run one command."""
    out, err = Stream(), Stream()
    began = time.monotonic()
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
    finally:
        signal.alarm(0)
    most = kilobytes() >> 10
    return {
        "code": code, "out": out.text(), "err": err.text(), "seconds": time.monotonic() - began, "megabytes": most,
    }  # fmt: skip


def _serve(path: Path) -> None:
    os.chdir(path.parent)
    asked = json.loads(path.read_text())
    for arguments in asked["setup"]:
        done = run(arguments)
        assert done["code"] == 0, done
    gc.collect()
    for arguments in asked["commands"]:
        before = _there(Path())
        told = run(arguments)
        after = _there(Path())
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        print(json.dumps({**told, "changed": changed}), flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
