"""Killing studies at random moments: processes that resume them, without the seconds that imports take."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import ikura
from ikura.cli import main

from ..study.unreported import short_report

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__, "ikura.api.run", "ikura.api.resume", "ikura.population.compiled"])
LEAST = 0.02
"""Seconds before which no process is killed."""


def resume(run: Path) -> None:
    """Resume a study, quietly."""
    with short_report(), open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
        code = main(["resume", str(run), "-q"])
    os._exit(code)


def begun(run: Path) -> ForkServerProcess:
    """A process that resumes a study."""
    process = CONTEXT.Process(target=resume, args=(run,), daemon=True)
    process.start()
    return process


def undisturbed(run: Path) -> float:
    """Resume a study to its end; return the seconds that it took."""
    began, process = time.monotonic(), begun(run)
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - began


def killed(run: Path, seconds: float) -> bool:
    """Resume a study and kill the process by SIGKILL after some seconds; say whether it still ran."""
    process = begun(run)
    process.join(max(seconds, LEAST))
    process.kill()
    process.join()
    return process.exitcode != 0


def told(run: Path) -> tuple[list[tuple[str, int | None, int | None, str]], list[list[object]]]:
    """What became of each request, and all curves, a row for each epoch with its loss and score to the bit."""
    study = ikura.open_study(run)
    asked = [(str(one.state), one.epoch, one.made, one.reason) for one in study.interventions]
    rows = study.curves().sort_values(["number", "epoch"]).astype(object).to_numpy()
    curves = [[value.hex() if isinstance(value, float) else int(value) for value in row] for row in rows]
    study.close()
    return asked, curves
