"""The search: seconds until the dev score comes within 1 % of the best known, on six tasks, against four others.

Every contender is a process of its own on the same two cores, with the same arrays, the same dev set, the same space
and the same epochs for a trial at most; it writes down when it reaches what, and is ended when it is within 1 %, or at
the limit. The best known score of a task is the best that any run has reached, reference runs of a longer time
included; when a run raises it, runs that were ended too early for the new target run again. A run that does not get
there counts as longer than the limit. Seconds are those from the start of the process, imports included.

Results are appended to FOLDER/runs.jsonl as they come; --resume goes on with what is missing there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.contest import CONTENDERS, Contender, contender, run
from benchmarks.machine import ROOT, cores, describe
from benchmarks.output import command, give, say
from benchmarks.runs import Book, Run, best_known, pending, target
from benchmarks.standing import draw, standings, text
from benchmarks.tasks import TASKS, write
from ikura.json_values import jsonable

__all__ = ["main"]

REFERENCES = ("ikura", "optuna")
REFERENCE_SEED = 1_000_000


def prepare(tasks: list[str], folder: Path) -> dict[str, Any]:
    """Write the tasks' data, unless they are there."""
    data, sizes = folder / "data", folder / "data" / "sizes.json"
    data.mkdir(parents=True, exist_ok=True)
    known = json.loads(sizes.read_text(encoding="utf-8")) if sizes.exists() else {}
    for name in tasks:
        if name not in known:
            say(f"{name}: preparing the data")
            known[name] = write(TASKS[name], data)
            sizes.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return known


def _references(book: Book, tasks: list[str], contenders: list[Contender], data: Path, seconds: float) -> None:
    for task in tasks:
        for who in contenders:
            done = [r for r in book.runs if r.purpose == "reference" and (r.task, r.contender) == (task, who.name)]
            if seconds > 0 and not any(one.limit >= seconds and not one.failure for one in done):
                found = run(who, task, REFERENCE_SEED, data, seconds, None, "reference")
                book.add(found)
                say(f"{task}: reference run of {who.label}: {_words(found, None)}")


def _words(found: Run, score: float | None) -> str:
    if found.failure:
        return f"failed: {found.failure.splitlines()[-1]}"
    at = None if score is None else found.reached(score)
    best = "no score" if found.best is None else f"best {found.best:.4f}"
    return f"{best} in {found.seconds:.1f} s" if at is None else f"within 1 % after {at:.2f} s"


def _compete(book: Book, given: argparse.Namespace, contenders: list[Contender], data: Path) -> None:
    names = [one.name for one in contenders]
    who = {one.name: one for one in contenders}
    begun, done = time.monotonic(), 0
    while waiting := pending(book.runs, given.tasks, given.seeds, names, given.limit):
        task, seed, name = waiting[0]
        score = target(best_known(book.runs, task))
        found = run(who[name], task, seed, data, given.limit, score if score == score else None, "timed")
        book.add(found)
        done += 1
        left = (time.monotonic() - begun) / done * (len(waiting) - 1)
        say(f"{task}, seed {seed}, {who[name].label}: {_words(found, score)} ({len(waiting) - 1} to go, {left:.0f} s)")


def _warm_up(contenders: list[Contender], task: str, data: Path) -> None:
    """Run each once, so that compiled code and the files of all libraries are in their caches."""
    for who in contenders:
        say(f"{who.label}: one run to warm up")
        found = run(who, task, REFERENCE_SEED, data, 120.0, -1e9, "warm-up")
        if found.best is None:
            raise SystemExit(f"{who.label} does not run: {found.failure or 'no score within 120 s'}")


def _parser() -> argparse.ArgumentParser:
    parser = command(
        "search",
        __doc__ or "",
        "",
        "--resume",
        "--tasks digits --seeds 2 --limit 15 --reference 15 --contenders ikura optuna",
        "--contenders ikura ikura:tpe:racing ikura-random --out runs/benchmark-of-searches",
    )
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="which tasks (all)")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0, 1, … of each contender on each task (10)")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds of a run at most (20)")
    parser.add_argument("--reference", type=float, default=45.0, help="seconds of each reference run (45)")
    parser.add_argument(
        "--contenders",
        nargs="+",
        default=list(CONTENDERS),
        metavar="NAME",
        help=f"who takes part ({', '.join(CONTENDERS)}); ikura:SEARCH:SCHEDULE is ikura with these",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "benchmark-search", help="folder of the results")
    parser.add_argument("--resume", action="store_true", help="go on with the runs that are missing in the folder")
    parser.add_argument("--table", action="store_true", help="run nothing, lay out what is in the folder")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for, and lay the results out."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.seeds < 1 or not given.limit > 0:
        parser.error("--seeds must be at least 1 and --limit above 0")
    try:
        contenders = [contender(name) for name in given.contenders]
    except ValueError as error:
        parser.error(str(error))
    for who in contenders:
        if who.needs and importlib.util.find_spec(who.needs) is None and not given.table:
            parser.error(f"{who.label} needs {who.needs}: pip install 'ikura[bench]', or leave it out of --contenders")
    if not given.table and not given.resume and (given.out / "runs.jsonl").exists():
        parser.error(f"{given.out} holds results: --resume goes on with them, or give another --out")
    if given.table and not (given.out / "runs.jsonl").exists():
        parser.error(f"{given.out} holds no results")
    given.out.mkdir(parents=True, exist_ok=True)
    book = Book(given.out)
    sizes = prepare(given.tasks, given.out)
    if not given.table:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; --resume goes on"))
        if cores() > 2:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
        data = given.out / "data"
        _warm_up(contenders, given.tasks[0], data)
        _references(book, given.tasks, [c for c in contenders if c.name in REFERENCES], data, given.reference)
        _compete(book, given, contenders, data)
    figures = standings(book.runs, given.tasks, contenders, given.seeds, given.limit)
    figures |= {"machine": describe(), "sizes": sizes}
    laid_out = text(figures)
    draw(figures, given.out / "results.html")
    figures = jsonable(figures)
    (given.out / "results.md").write_text(laid_out + "\n", encoding="utf-8")
    (given.out / "results.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    say(f"written: {given.out}/results.md, results.json, results.html")
    give(figures, laid_out, given.json)


if __name__ == "__main__":
    main()
