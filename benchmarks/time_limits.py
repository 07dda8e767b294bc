"""Is a time limit kept? `ikura tune DATA --time-limit T` as a whole process: finalists, test and report included.

A limit is kept within a tenth of it or within three seconds, whichever is more. What the limit was enough for is shown
beside it: how many trials the search had, and the test score.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, describe, header, ikura_command
from benchmarks.output import command, give, say, table
from benchmarks.process import measure

__all__ = ["main", "within"]

PENGUINS = [str(ROOT / "examples" / "penguins.csv"), "--target", "species"]
DATA: dict[str, list[str]] = {
    "penguins": PENGUINS,
    "wine": ["wine"],
    "diabetes": ["diabetes"],
    "digits": ["digits"],
    "breast_cancer": ["breast_cancer"],
    "fashion_mnist": ["fashion_mnist"],
}
LIMITS = (5, 20, 60)


def within(limit: float, seconds: float) -> bool:
    """Whether a limit was kept: within a tenth of it, or three seconds.

    Example:
        >>> within(5, 7.9), within(5, 8.1), within(300, 329), within(300, 331)
        (True, False, True, False)
    """
    return seconds <= limit + max(limit / 10, 3)


def run(data: Sequence[str], limit: float) -> dict[str, Any]:
    """Tune once under a limit: seconds of the process, trials of the search, the test score with its interval."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--time-limit", f"{limit:g}s", "--out", str(Path(folder) / "run"), "--json", "--quiet"]
        ended = measure([*ikura_command(), "tune", *data, *options], dict(os.environ), ROOT)
    if ended.code:
        raise SystemExit(f"ikura failed with code {ended.code}:\n" + "\n".join(line for _, line in ended.lines))
    found = json.loads(ended.stdout)
    return {
        "limit": limit, "seconds": ended.seconds, "kept": within(limit, ended.seconds),
        "trials": found["trials"], "test": found["test"],
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Measure whether time limits are kept, and print it."""
    parser = command("time_limits", __doc__ or "", "", "--data penguins fashion_mnist --limits 5 300")
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA), help="which (all six)")
    parser.add_argument("--limits", nargs="+", type=float, default=list(LIMITS), help="seconds (5 20 60)")
    given = parser.parse_args(arguments)
    runs = []
    for name in given.data:
        for limit in given.limits:
            say(f"{name}: {limit:g} s")
            runs.append({"data": name, **run(DATA[name], limit)})
    rows = [
        [
            *(one[name] for name in ("data", "limit", "seconds")),
            "yes" if one["kept"] else "no",
            one["trials"],
            f"{one['test']['value']:.4g} ({' to '.join(f'{end:.4g}' for end in one['test']['interval'])})",
        ]
        for one in runs
    ]
    text = "\n".join([header(), "", table(["data", "limit, s", "in all, s", "kept", "trials", "test score"], rows)])
    give({"machine": describe(), "runs": runs}, text, given.json)


if __name__ == "__main__":
    main()
