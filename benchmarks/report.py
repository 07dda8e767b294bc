"""The report: how long writing it takes, besides start-up, and what of that is the script that draws its charts.

A default study is made once; then a process of its own for each place of the script (`--report-script`) opens the run
and writes the report several times. The first time holds what Python imports for it; the goal is a report of 512 trials
in 0.15 s besides the script. On a machine that others use as well the processor's time says more than the clock's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, header, ikura_command
from benchmarks.output import command, give, say, table
from benchmarks.process import measure

__all__ = ["main", "report_seconds"]

SCRIPTS = ("none", "shared", "inline")
PROGRAM = """
import json, sys, time
moments = [time.perf_counter()]
import ikura
run, page, script, times = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
study = ikura.open_study(run)
moments.append(time.perf_counter())
processor = []
for _ in range(times):
    study = ikura.open_study(run)
    begun, worked = time.perf_counter(), time.process_time()
    study.report(page, report_script=script)
    moments.append(time.perf_counter() - begun)
    processor.append(time.process_time() - worked)
print(json.dumps({"open": moments[1] - moments[0], "reports": moments[2:], "processor": processor}))
"""


def report_seconds(run: Path, page: Path, script: str, times: int) -> dict[str, Any]:
    """Write the report of a run several times in one new process.

    Args:
        run: the run folder.
        page: the file to write.
        script: where it has the script that draws its charts.
        times: how often.

    Returns:
        Seconds to import ikura and open the run, of each report, of the processor for each, and the page's megabytes.
    """
    words = [sys.executable, "-c", PROGRAM, str(run), str(page), script, str(times)]
    found: dict[str, Any] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return {"script": script, **found, "mb": page.stat().st_size / 2**20}


def main(arguments: list[str] | None = None) -> None:
    """Time the report of one study."""
    parser = command("report", __doc__ or "", "", "--trials 64 --times 3 --json")
    parser.add_argument("--trials", type=int, default=512, help="trials of the study (512)")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of a trial (3)")
    parser.add_argument("--times", type=int, default=11, help="reports in a process (11)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ikura-report-") as folder:
        run = Path(folder) / "run"
        say(f"a study of {given.trials} trials")
        options = ["--trials", str(given.trials), "--epochs", str(given.epochs), "--out", str(run), "-q"]
        made = measure([*ikura_command(), "tune", "iris", *options])
        if made.code not in (0, 3):
            raise SystemExit(f"ikura tune failed with code {made.code}")
        rows = []
        for script in SCRIPTS:
            say(script)
            rows.append(report_seconds(run, Path(folder) / "page" / "report.html", script, given.times))
    give({"machine": describe(), "trials": given.trials, "rows": rows}, text(rows, given.trials), given.json)


def text(rows: list[dict[str, Any]], trials: int) -> str:
    """Lay the figures out."""
    names = ("script", "import and open s", "first report s", "report s", "least", "of the processor", "page MB")
    lines = []
    for row in rows:
        first, *again = row["reports"]
        again = again or [first]
        middle, least = statistics.median(again), min(again)
        worked = statistics.median(row["processor"][1:] or row["processor"])
        lines.append([row["script"], row["open"], first, middle, least, worked, row["mb"]])
    return f"{header()}\nreport of {trials:,} trials, medians of {len(rows[0]['reports']) - 1}\n{table(names, lines)}"


if __name__ == "__main__":
    main(sys.argv[1:])
