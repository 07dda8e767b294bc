"""Scale: what a study costs besides training, from 1,000 to 100,000 trials: start-up, the store, the report.

Each size is a real study in processes of its own: random search over networks of 4 to 16 units on iris, two epochs
a trial. Start-up is what a study of a single trial takes, and its report. Overhead is the wall-clock time of
`ikura tune` less start-up and the time that its workers trained, for each trial. The store alone is given the same
trials and outcomes again, tile by tile, with nothing trained beside it, and reads them back. Then `ikura report` writes
the report again. On a machine that others use as well the processor's time says more than the clock's.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.machine import cores, header, ikura_command
from benchmarks.output import command, give, say, table
from benchmarks.process import Ended, measure

__all__ = ["main", "measure_scale", "measure_start", "store_alone"]

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


def _tune(trials: int, epochs: int, folder: Path) -> Ended:
    space = folder / "space.toml"
    space.write_text(SPACE)
    options = ["--search", "random", "--epochs", str(epochs), "--finalists", "0", "--space", str(space), "--json"]
    return _run("tune", "iris", "--trials", str(trials), *options, "--out", str(folder / "run"))


def _processor() -> float:
    """Seconds of the processor that all processes begun here have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _report(folder: Path) -> Ended:
    return _run("report", str(folder / "run"), "--out", str(folder / "report.html"))


def measure_start(epochs: int, folder: Path) -> tuple[float, float]:
    """Return the seconds of `ikura tune`, and of `ikura report`, with a single trial; code is compiled before."""
    for times in ("first", "second"):
        place = folder / times
        place.mkdir()
        tune, report = _tune(1, epochs, place).seconds, _report(place).seconds
    return tune, report


def store_alone(run: Path, file: Path) -> dict[str, float]:
    """Record a study's trials and outcomes again in an empty store, tile by tile, and read them back.

    Args:
        run: the study.
        file: where the other store is made.

    Returns:
        Seconds to add the trials, to record what became of them, and to read them, and those of the processor.
    """
    import ikura
    from ikura.population.outcome import Outcome
    from ikura.study.record.ledger import Ledger
    from ikura.study.record.store import COLUMNS, RESULTS, Store
    from ikura.trial_state import State

    study = ikura.open_study(run)
    trials = study.records()
    curves = {int(str(number)): rows[list(COLUMNS)].to_numpy() for number, rows in study.curves().groupby("number")}
    segments = [one for each in Ledger(study.store).segments([t.number for t in trials]).values() for one in each]
    tiles: dict[int, list[Outcome]] = {}
    for one in sorted(segments, key=lambda segment: (segment.tile, segment.place)):
        trial = trials[one.trial]
        results = {name: getattr(trial, name) for name in RESULTS if name not in ("epochs", "best_epoch")}
        known = {name: float("nan") if value is None else value for name, value in results.items()}
        curve, best = curves[one.trial], trial.best_epoch or 0
        made = Outcome(one.trial, one.tile, one.place, trial.state, curve, best, **known)
        tiles.setdefault(one.tile, []).append(made)
    empty = dict.fromkeys(RESULTS) | {"epochs": 0, "seconds": 0.0, "state": State.WAITING}
    waiting = [replace(trial, **empty) for trial in trials]
    store = Store(file, create=True).hold()
    moments, worked = [time.perf_counter()], time.process_time()
    store.add_trials(waiting)
    Ledger(store).add_segments(segments)
    moments.append(time.perf_counter())
    nothing = dict.fromkeys((trial.number for trial in trials), 0)
    for outcomes in tiles.values():
        store.record(outcomes, known=nothing)
    moments.append(time.perf_counter())
    store.trials()
    store.table()
    moments.append(time.perf_counter())
    worked = time.process_time() - worked
    store.close()
    spans = (end - begun for begun, end in pairwise(moments))
    return dict(zip(("add", "record", "read"), spans, strict=True)) | {"processor": worked}


def measure_scale(trials: int, epochs: int, folder: Path, start: tuple[float, float]) -> dict[str, Any]:
    """Run one study and its report.

    Args:
        trials: of the search.
        epochs: of a trial.
        folder: an empty one to work in.
        start: seconds of a study of one trial, and of its report.

    Returns:
        The figures of one row: seconds, milliseconds for a trial, megabytes.
    """
    import ikura

    run = folder / "run"
    before = _processor()
    tune = _tune(trials, epochs, folder)
    tuned = _processor()
    seconds = json.loads(tune.stdout)["seconds"]
    study = ikura.open_study(run)
    training = float(study.trials["seconds"].sum())
    besides = tune.seconds - start[0] - training / min(cores(), study.setting.jobs)
    reported = _processor()
    report = _report(folder)
    after = _processor()
    store = store_alone(run, folder / "alone.db")
    return {
        "trials": trials,
        "epochs": epochs,
        "whole_s": tune.seconds,
        "start_s": start[0],
        "search_s": seconds["random"],
        "training_s": training,
        "besides_training_s": besides,
        "overhead_ms": 1e3 * besides / trials,
        "store_s": store,
        "store_ms": 1e3 * (store["add"] + store["record"] + store["read"]) / trials,
        "store_processor_ms": 1e3 * store["processor"] / trials,
        "tune_mb": tune.largest,
        "report_s": report.seconds,
        "report_start_s": start[1],
        "tune_processor_s": tuned - before,
        "report_processor_s": after - reported,
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
    say("start-up")
    with tempfile.TemporaryDirectory(prefix="ikura-scale-") as folder:
        start = measure_start(given.epochs, Path(folder))
    for trials in given.trials:
        say(f"{trials:,} trials")
        with tempfile.TemporaryDirectory(prefix="ikura-scale-") as folder:
            rows.append(measure_scale(trials, given.epochs, Path(folder), start))
    give({"machine": header(), "rows": rows}, text(rows), given.json)


def text(rows: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    shown = {
        "trials": "trials",
        "whole_s": "tune s",
        "start_s": "start-up s",
        "training_s": "training s (all workers)",
        "overhead_ms": "overhead ms a trial",
        "store_ms": "store alone ms a trial",
        "store_processor_ms": "of the processor",
        "report_s": "report s",
        "report_start_s": "start-up of it s",
        "report_processor_s": "of the processor s",
        "tune_mb": "tune MB",
        "report_mb": "report MB",
        "page_mb": "page MB",
        "store_mb": "store MB",
    }
    lines = [[f"{row['trials']:,}", *(row[name] for name in list(shown)[1:])] for row in rows]
    note = "Overhead: the whole process less start-up and training, divided by the trials; the report is in it."
    return f"{header()}\n{table(list(shown.values()), lines)}\n{note}"


if __name__ == "__main__":
    main(sys.argv[1:])
