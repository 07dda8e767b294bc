"""A made-up table of any number of rows: numbers, categories of few and of many levels, dates, missing values."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["main", "wide_table"]

LEVELS = 5_000


def wide_table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Make 20 features and a target `label` of three classes.

    Ten columns are numeric, two of them with a tenth of their values missing; two are integers, one is boolean, one a
    date; five are categories of 3 to 40 levels, two of them with missing values; one has 5,000 levels.

    Args:
        rows: how many rows.
        seed: the same seed gives the same table.

    Returns:
        The table; its target depends on eight of the columns, with noise.
    """
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, 10)).astype(np.float32)
    frame = pd.DataFrame({f"number_{i}": x[:, i].round(4) for i in range(10)})
    frame["count"] = random.poisson(20, rows)
    frame["age"] = random.integers(18, 90, rows)
    frame["member"] = random.random(rows) < 0.3
    frame["day"] = (pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 1_500, rows), "D")).strftime(
        "%Y-%m-%d"
    )
    effects = []
    for name, levels in (("colour", 3), ("size", 5), ("region", 12), ("kind", 20), ("branch", 40), ("city", LEVELS)):
        codes = random.integers(0, levels, rows)
        effects.append(random.standard_normal(levels)[codes])
        frame[name] = np.array([f"{name} {level}" for level in range(levels)], dtype=object)[codes]
    score = x[:, 0] + 0.7 * x[:, 1] * x[:, 2] - 0.5 * np.abs(x[:, 3]) + 0.8 * effects[0] + 0.6 * effects[5]
    score += 0.02 * frame["age"].to_numpy() + 0.5 * frame["member"].to_numpy() + 0.5 * random.standard_normal(rows)
    frame["label"] = np.array(["low", "middle", "high"], dtype=object)[
        np.searchsorted(np.quantile(score, [0.4, 0.8]), score)
    ]
    for name in ("number_4", "number_5", "size", "branch"):
        frame.loc[random.random(rows) < 0.1, name] = None
    return frame


def main(arguments: list[str] | None = None) -> None:
    """Write the table as CSV."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.wide_table",
        description=__doc__,
        epilog="example:\n  python -m benchmarks.wide_table 300000 wide.csv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    wide_table(given.rows, given.seed).to_csv(given.path, index=False)


if __name__ == "__main__":
    main()
