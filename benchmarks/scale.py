"""Scale: what a study costs besides training, from 1,000 to 100,000 trials.

Each size is a real study in processes of its own: random search over networks of 4 to 16 units on iris, two epochs
a trial. Overhead is the wall-clock time of the search less the time its workers trained, for each trial; then the store
is opened and `ikura report` writes the report again.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import cores, header, ikura_command
from benchmarks.output import command, give, say, table
from benchmarks.process import Ended, measure

__all__ = ["main", "measure_scale"]

SPACE = """
[learning_rate]
scale = "log"
low = 1e-4
high = 1
[units]
scale = "integer"
low = 4
high = 16
[batch_size]
choices = [32, 64]
[optimizer]
choices = ["adam", "momentum"]
[momentum]
scale = "log-complement"
low = 0.5
high = 0.99
when = { optimizer = "momentum" }
"""
MEGABYTE = 2**20


def _run(*arguments: str) -> Ended:
    ended = measure([*ikura_command(), *arguments])
    if ended.code not in (0, 3):
        raise SystemExit(
            f"ikura {arguments[0]} failed with code {ended.code}:\n" + "\n".join(t for _, t in ended.lines)
        )
    return ended


def measure_scale(trials: int, epochs: int, folder: Path) -> dict[str, Any]:
    """Run one study and its report.

    Args:
        trials: of the search.
        epochs: of a trial.
        folder: an empty one to work in.

    Returns:
        The figures of one row: seconds, milliseconds for a trial, megabytes.
    """
    import ikura

    space, run = folder / "space.toml", folder / "run"
    space.write_text(SPACE)
    options = ["--search", "random", "--epochs", str(epochs), "--finalists", "0", "--space", str(space), "--json"]
    tune = _run("tune", "iris", "--trials", str(trials), *options, "--out", str(run))
    seconds = json.loads(tune.stdout)["seconds"]
    study = ikura.open_study(run)
    training = float(study.trials["seconds"].sum())
    besides = tune.seconds - seconds.get("compile", 0.0) - training / min(cores(), study.setting.jobs)
    report = _run("report", str(run), "--out", str(folder / "report.html"))
    return {
        "trials": trials,
        "epochs": epochs,
        "whole_s": tune.seconds,
        "search_s": seconds["random"],
        "training_s": training,
        "besides_training_s": besides,
        "overhead_ms": 1e3 * besides / trials,
        "tune_mb": tune.largest,
        "report_s": report.seconds,
        "report_mb": report.largest,
        "page_mb": (folder / "report.html").stat().st_size / MEGABYTE,
        "store_mb": (run / "study.db").stat().st_size / MEGABYTE,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure studies of several sizes."""
    parser = command("scale", __doc__ or "", "", "--trials 1000 10000 --json")
    parser.add_argument(
        "--trials", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="sizes (1000 10000 100000)"
    )
    parser.add_argument("--epochs", type=int, default=2, help="epochs of a trial (2)")
    given = parser.parse_args(arguments)
    rows = []
    for trials in given.trials:
        say(f"{trials:,} trials")
        with tempfile.TemporaryDirectory(prefix="ikura-scale-") as folder:
            rows.append(measure_scale(trials, given.epochs, Path(folder)))
    give({"machine": header(), "rows": rows}, text(rows), given.json)


def text(rows: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    shown = {
        "trials": "trials",
        "whole_s": "tune s",
        "training_s": "training s (all workers)",
        "overhead_ms": "overhead ms a trial",
        "tune_mb": "tune MB",
        "report_s": "report s",
        "report_mb": "report MB",
        "page_mb": "page MB",
        "store_mb": "store MB",
    }
    first, last = rows[0], rows[-1]
    more = last["trials"] - first["trials"]
    lines = [[f"{row['trials']:,}", *(row[name] for name in list(shown)[1:])] for row in rows]
    note = "Overhead: the whole process, compiling left out, less training, divided by the trials; start-up is in it."
    if more > 0:
        added = 1e3 * (last["besides_training_s"] - first["besides_training_s"]) / more
        note += f"\nEach trial between the smallest and the largest study adds {added:.3f} ms of it."
    return f"{header()}\n{table(list(shown.values()), lines)}\n{note}"


if __name__ == "__main__":
    main(sys.argv[1:])
