"""Runs commands on edited run folders, one after another in one process, and says how each ended.

Reads the edits as JSON lines from stdin; writes for each a line of JSON: exit code, what stands on stderr, seconds,
and the most memory so far.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from peak import kilobytes

SECONDS = 20


def _edits() -> Any:
    about = importlib.util.spec_from_file_location("edits", Path(__file__).with_name("edits.py"))
    assert about is not None
    assert about.loader is not None
    module = importlib.util.module_from_spec(about)
    about.loader.exec_module(module)
    return module


def too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"not done in {SECONDS} seconds")


def ended(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code of `ikura …` in this process, and what it wrote."""
    from ikura.cli import main

    kept = sys.stdout, sys.stderr
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    sys.stdout, sys.stderr = out, err
    try:
        code = int(main(arguments))
    finally:
        sys.stdout, sys.stderr = kept
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return code, texts[0], texts[1]


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    edits = _edits()
    signal.signal(signal.SIGALRM, too_long)
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate(sys.stdin):
            task = json.loads(line)
            run = Path(folder) / f"{number}" / "run"
            shutil.copytree(task["run"], run)
            try:
                edits.carry_out(task["edit"], run)
            except (sqlite3.Error, TypeError, KeyError):
                print(json.dumps({"code": None}), flush=True)
                continue
            began = time.monotonic()
            signal.alarm(SECONDS)
            try:
                code, _, err = ended([str(run) if part == "RUN" else part for part in task["command"]])
            except BaseException as error:
                code, err = -1, f"{type(error).__name__}: {error}"
            signal.alarm(0)
            found = {"code": code, "err": err, "seconds": time.monotonic() - began, "kilobytes": kilobytes()}
            print(json.dumps(found), flush=True)
            shutil.rmtree(run.parent)


if __name__ == "__main__":
    main()
