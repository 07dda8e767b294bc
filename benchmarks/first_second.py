"""The first second: how long a user waits for help, for the first sign of progress, and for the whole."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, describe, header, ikura_command
from benchmarks.output import command, give, say, table
from benchmarks.process import Ended, measure

__all__ = ["main"]

TABLE = ROOT / "examples" / "penguins.csv"


def _run(arguments: list[str], environment: dict[str, str], where: Path) -> Ended:
    ended = measure([*ikura_command(), *arguments], environment, where)
    if ended.code:
        raise SystemExit(f"ikura failed with code {ended.code}:\n" + "\n".join(line for _, line in ended.lines))
    return ended


def help_seconds(times: int) -> list[float]:
    """Time `ikura --help`."""
    return [_run(["--help"], dict(os.environ), ROOT).seconds for _ in range(times)]


def tune_seconds(cache: Path | None, options: list[str]) -> dict[str, Any]:
    """Time one `ikura tune`.

    Args:
        cache: folder of compiled code; None for the usual place.
        options: further options of the command.

    Returns:
        Seconds until the first line, until training began, until the first count of epochs (None if it ended sooner),
        and in all; and the lines with their times.
    """
    environment = dict(os.environ) | ({} if cache is None else {"NUMBA_CACHE_DIR": str(cache)})
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["tune", str(TABLE), "--target", "species", "--out", str(Path(folder) / "run"), *options]
        ended = _run(arguments, environment, ROOT)

    def first(*words: str) -> float | None:
        return next((at for at, line in ended.lines if all(word in line for word in words)), None)

    return {
        "first_line": first(),
        "training": first("epochs to train"),
        "first_count": first("/", "epochs", "trials"),
        "total": ended.seconds,
        "lines": ended.lines,
    }


def main(arguments: list[str] | None = None) -> None:
    """Time help, and tuning with an empty and with a filled cache of compiled code."""
    parser = command("first_second", __doc__ or "", "", "--times 3 --trials 16 --epochs 10 --json")
    parser.add_argument("--times", type=int, default=10, help="runs of `ikura --help` (10)")
    parser.add_argument("--trials", type=int, help="trials; by default ikura's own number")
    parser.add_argument("--epochs", type=int, help="epochs; by default ikura's own number")
    given = parser.parse_args(arguments)
    options = [
        word
        for name in ("trials", "epochs")
        if getattr(given, name) is not None
        for word in (f"--{name}", str(getattr(given, name)))
    ]
    say("ikura --help")
    helps = help_seconds(given.times)
    with tempfile.TemporaryDirectory() as cache:
        say("cold")
        cold = tune_seconds(Path(cache), options)
        say("warm")
        warm = tune_seconds(Path(cache), options)
    rows = [
        (label, one["first_line"], one["training"], one["first_count"], one["total"])
        for label, one in (("cold", cold), ("warm", warm))
    ]
    names = ("cache", "first line s", "training begins s", "first count s", "total s")
    lines = [
        header(),
        "",
        f"ikura --help: median {statistics.median(helps):.3f} s of {len(helps)}, {min(helps):.3f} to {max(helps):.3f}",
        "",
        "ikura tune examples/penguins.csv --target species " + " ".join(options),
        table(names, rows),
        *(
            line
            for label, one in (("cold", cold), ("warm", warm))
            for line in ("", f"lines of the {label} run", *(f"{at:7.2f} s  {said}" for at, said in one["lines"]))
        ),
    ]
    figures = {"machine": describe(), "help": helps, "cold": cold, "warm": warm}
    give(figures, "\n".join(lines), given.json)


if __name__ == "__main__":
    main()
