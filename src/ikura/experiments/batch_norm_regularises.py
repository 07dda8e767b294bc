"""Does batch normalisation regularise, and less so as the mini-batch grows?

The claim: statistics of a small mini-batch are noisy, which keeps a network from fitting the training set too well; the
noise shrinks with the size of the mini-batch. Here networks with and without batch normalisation are trained on the
bundled digits with mini-batches of several sizes and the same number of updates, from several seeds. Two things are
compared of the weights with the lowest dev loss on the way: the gap, dev loss minus training loss, which regularisation
narrows, and the training loss itself, which it holds up.

Run: python -m ikura.experiments.batch_norm_regularises
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from scipy import stats

import ikura

__all__ = ["main", "measure", "table"]

SIZES = (4, 16, 64, 512)
UPDATES = 1600
TRAINING_ROWS = 1078


def measure(size: int, normalisation: str, seeds: int, updates: int, folder: Path) -> pd.DataFrame:
    """Train one network from several seeds; every seed splits the data anew.

    Args:
        size: rows of a mini-batch.
        normalisation: "none" or "batch".
        seeds: 0, 1, …, seeds - 1.
        updates: updates at least, in whole epochs.
        folder: for the runs.

    Returns:
        One row a seed: size, normalisation, seed, gap (dev loss - training loss), dev (loss).
    """
    epochs = -(-updates * size // TRAINING_ROWS)
    space = {"learning_rate": 0.001, "units": 128, "layers": 2, "batch_size": size, "normalisation": normalisation}
    rows = []
    for seed in range(seeds):
        study = ikura.tune(
            "digits", space=space, trials=1, epochs=epochs, search="random", schedule="none", finalists=0,
            metric="log_loss", seed=seed, jobs=1, out=folder / f"{normalisation}-{size}-{seed}",
        )  # fmt: skip
        trial = study.trials.iloc[0]
        gap = trial["dev_loss"] - trial["train_loss"]
        rows.append({"size": size, "normalisation": normalisation, "seed": seed, "gap": gap, "dev": trial["dev_loss"]})
    return pd.DataFrame(rows)


def _interval(values: pd.Series) -> str:
    """Mean and half the width of its 95 % interval by Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.sem()
    return f"{values.mean():8.4f} ± {half:.4f}"


def table(found: pd.DataFrame) -> str:
    """Write training losses and gaps by size, without and with batch normalisation, and a verdict on each."""
    lines = ["batch  gap without       gap with batch norm  train loss without  train loss with    dev loss with"]
    narrowed, held_up = {}, {}
    for size in sorted(set(found["size"].tolist())):
        group = found[found["size"] == size].assign(train=lambda rows: rows["dev"] - rows["gap"])
        gaps, trains, devs = (
            group.pivot(index="seed", columns="normalisation", values=name) for name in ("gap", "train", "dev")
        )
        narrowed[size], held_up[size] = gaps["none"] - gaps["batch"], trains["batch"] - trains["none"]
        cells = [gaps["none"], gaps["batch"], trains["none"], trains["batch"], devs["batch"]]
        lines.append(f"{size:5d} " + "  ".join(map(_interval, cells)))
    lines.append(_verdict("narrows the gap", narrowed))
    lines.append(_verdict("holds the training loss up", held_up))
    return "\n".join(lines)


def _verdict(what: str, differences: dict[int, pd.Series]) -> str:
    """Compare the smallest mini-batch with the largest one, seed by seed."""
    smallest, largest = min(differences), max(differences)
    change = differences[smallest] - differences[largest]
    low, high = stats.t.interval(0.95, len(change) - 1, change.mean(), change.sem())
    verdict = "it does" if low > 0 else "the opposite" if high < 0 else "not decided"
    return (
        f"Batch normalisation {what} by {change.mean():.4f} (95 % from {low:.4f} to {high:.4f}) more at {smallest} "
        f"than at {largest}; less as the mini-batch grows: {verdict}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment and print its table."""
    parser = argparse.ArgumentParser(prog="python -m ikura.experiments.batch_norm_regularises", description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="seeds of each setting (at least 2)")
    parser.add_argument("--updates", type=int, default=UPDATES, help="updates of each network")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="mini-batch sizes")
    options = parser.parse_args(arguments)
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            for name in ("none", "batch"):
                print(f"mini-batches of {size}, normalisation {name}", file=sys.stderr)
                parts.append(measure(size, name, options.seeds, options.updates, Path(folder)))
    print(table(pd.concat(parts, ignore_index=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
