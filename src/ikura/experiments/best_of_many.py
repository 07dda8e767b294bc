"""How far does the best of many dev scores flatter, and does the correction undo it?

Networks are made up whose true accuracy is known: an example is right when ability + difficulty of the example + what
the configuration finds hard + what the seed finds hard is above 0, all normal, so that a network's true accuracy is
Φ(ability / deviation). The best of N on n dev examples is picked, at once or by finalists with three seeds each, and
its dev score, as it stands and corrected as `ikura tune` corrects it, is compared with the true accuracy of what was
picked. The first finalist is tested against the next.

Run: python -m ikura.experiments.best_of_many
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from ikura.metric import METRICS, interval
from ikura.study.selection_bias import corrected, difference

__all__ = ["main", "measure", "table"]

DIFFICULTY, CONFIGURATION, SEED = 1.5, 0.5, 0.7
DEVIATION = float(np.sqrt(DIFFICULTY**2 + CONFIGURATION**2 + SEED**2))
ACCURACY = METRICS["accuracy"]


def measure(trials: int, rows: int, spread: float, finalists: int, seed: int, resamples: int = 300) -> dict[str, float]:
    """Choose once among networks of known accuracy.

    Args:
        trials: candidates.
        rows: dev examples.
        spread: standard deviation of the configurations' abilities, in deviations; 0 makes them equal.
        finalists: configurations that are trained again with three other seeds; 0 for none.
        seed: keys everything.
        resamples: of the correction.

    Returns:
        Truth, dev score, corrected score, whether their intervals hold the truth, the test's p-value (NaN without
        finalists) and whether the picked is truly no worse than the next.
    """
    random = np.random.default_rng(seed)
    abilities = DEVIATION * (norm.ppf(0.85) + spread * random.standard_normal(trials))
    examples = DIFFICULTY * random.standard_normal(rows)
    hard = CONFIGURATION * random.standard_normal((trials, rows)) + examples

    def network(trial: int) -> np.ndarray:
        right: np.ndarray = (abilities[trial] + hard[trial] + SEED * random.standard_normal(rows) > 0).astype(np.uint8)
        return right

    searched = [network(trial) for trial in range(trials)]
    target = np.ones(rows)
    order = np.argsort([-one.mean() for one in searched], kind="stable")
    replicates = {int(place): [network(place) for _ in range(3)] for place in order[:finalists]}
    ranked = sorted(replicates, key=lambda place: -np.mean(replicates[place]))
    best = ranked[0] if ranked else int(order[0])
    group = replicates.get(best, [searched[best]])
    dev = float(np.mean(group))
    low, high = interval(ACCURACY, [one.astype(np.float32) for one in group], target, resamples=resamples)
    pool = order[:64].tolist()
    found = corrected(
        ACCURACY, [searched[i] for i in pool], target, dev, (low, high),
        replicates={pool.index(place): group for place, group in replicates.items()}, seed=seed, resamples=resamples,
    )  # fmt: skip
    truth = float(norm.cdf(abilities[best] / DEVIATION))
    p, wrong = np.nan, np.nan
    if len(ranked) > 1:
        p = difference(ACCURACY, group, replicates[ranked[1]], target, seed=seed, resamples=resamples).p
        wrong = float(abilities[ranked[1]] >= abilities[best])
    return {
        "trials": trials, "rows": rows, "spread": spread, "finalists": finalists, "truth": truth, "dev": dev,
        "corrected": found.value, "dev_holds": low <= truth <= high,
        "corrected_holds": found.interval[0] <= truth <= found.interval[1], "p": p, "wrong": wrong,
    }  # fmt: skip


def table(found: pd.DataFrame) -> str:
    """Write bias and coverage of both scores by setting, and how often the test is fooled."""
    lines = [
        "trials  rows  spread  finalists   truth  bias of dev        bias, corrected    holds: dev  corrected  "
        "p < 0.05 and wrong"
    ]
    for (trials, rows, spread, finalists), group in found.groupby(["trials", "rows", "spread", "finalists"]):
        bias = [_interval(group[name] - group["truth"]) for name in ("dev", "corrected")]
        holds = [f"{group[name].mean():.0%}" for name in ("dev_holds", "corrected_holds")]
        fooled = (group["p"] < 0.05) & (group["wrong"] > 0)
        wrong = "" if group["p"].isna().all() else f"{int(fooled.sum())} of {len(group)}"
        lines.append(
            f"{trials:6d} {rows:5d} {spread:7.2f} {finalists:10d}  {group['truth'].mean():.4f}  {bias[0]}  {bias[1]}  "
            f"{holds[0]:>10}  {holds[1]:>9}  {wrong}".rstrip()
        )
    return "\n".join(lines)


def _interval(values: pd.Series) -> str:
    """Mean and half the width of its 95 % interval."""
    return f"{values.mean():+.4f} ± {norm.ppf(0.975) * values.sem():.4f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and print its table."""
    parser = argparse.ArgumentParser(prog="python -m ikura.experiments.best_of_many", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200, help="choices of each setting (at least 2)")
    parser.add_argument("--trials", type=int, nargs="+", default=(16, 128), help="candidates")
    parser.add_argument("--rows", type=int, nargs="+", default=(100, 1000), help="dev examples")
    parser.add_argument("--spread", type=float, nargs="+", default=(0.0, 0.1), help="spread of the true abilities")
    parser.add_argument("--finalists", type=int, nargs="+", default=(0, 4), help="configurations trained again")
    options = parser.parse_args(arguments)
    every = []
    for trials in options.trials:
        for rows in options.rows:
            for spread in options.spread:
                for finalists in options.finalists:
                    print(f"best of {trials} on {rows}, spread {spread}, {finalists} finalists", file=sys.stderr)
                    every += [measure(trials, rows, spread, finalists, seed) for seed in range(options.repetitions)]
    print(table(pd.DataFrame(every)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
