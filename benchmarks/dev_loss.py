"""Choosing networks by two dev losses: plain cross-entropy, and ikura's, which counts one example more of any class.

`python -m benchmarks.dev_loss` trains a population of random configurations on each of six small data sets, looks at
every network after every epoch, and chooses one as a study does, each network at its epoch of the lowest dev loss, of
these the one with the best dev accuracy, equal ones by their dev loss: once by the plain mean cross-entropy of the dev
examples, once by the dev loss that studies go by. Both choose from the same networks of the same training. What they
chose is then measured on the test set. In each seed split, configurations, weights and mini-batches are others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.machine import ROOT, describe, header
from benchmarks.output import command, give, say, table
from benchmarks.zoom import make_setup
from ikura.data import prepare
from ikura.data.options import DataOptions
from ikura.experiments.claim import mean_interval
from ikura.nn.loss import each_loss
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.training import TrainingRun
from ikura.process_state import one_thread_each
from ikura.search import Stage, proposer
from ikura.space import Space, choice, integer, linear, log

__all__ = ["SETS", "chosen", "main", "run"]

SETS: dict[str, tuple[str, str | None, int]] = {
    "iris": ("iris", None, 0),
    "wine": ("wine", None, 0),
    "penguins": (str(ROOT / "examples" / "penguins.csv"), "species", 0),
    "breast_cancer": ("breast_cancer", None, 0),
    "digits": ("digits", None, 0),
    "few digits": ("digits", None, 200),
}
"""Name to data, target column, and how many training and dev rows are left (0: all)."""

SPACE = Space(
    learning_rate=log(1e-3, 1e-1),
    optimizer=choice("momentum", "adam"),
    activation=choice("relu", "tanh"),
    layers=integer(1, 3),
    units=integer(16, 128, log=True),
    batch_size=choice(16, 32, 64),
    dropout=linear(0, 0.5),
    l2=log(1e-6, 1e-2),
)


def parts_of(name: str, seed: int) -> tuple[TrainingSetup, Examples]:
    """Prepare a data set: a training setup of its training and dev examples, and the test examples."""
    source, target, rows = SETS[name]
    data = prepare(source, DataOptions(target), seed=seed)
    setup, test = make_setup(data), Examples.of(data.test, "float32").flat()
    if rows:
        setup = replace(setup, train=setup.train.head(3 * rows // 4), dev=setup.dev.head(rows // 4))
    return setup, test


def chosen(losses: np.ndarray, scores: np.ndarray) -> tuple[int, int]:
    """Choose as a study does.

    Args:
        losses: dev losses, shape (epochs, members); NaN never counts.
        scores: dev accuracies, of the same shape.

    Returns:
        Epoch, from 0, and member: of each member's epoch of the lowest loss the one of the best score, then loss.

    Example:
        >>> chosen(np.array([[0.5, 0.3], [0.4, 0.6]]), np.array([[0.8, 0.7], [0.9, 0.9]]))
        (1, 0)
    """
    known = np.where(np.isfinite(losses), losses, np.inf)
    members = np.arange(known.shape[1])
    epochs = known.argmin(0)
    best = max(members.tolist(), key=lambda k: (scores[epochs[k], k], -known[epochs[k], k], -k))
    return int(epochs[best]), int(best)


def run(name: str, seed: int, members: int, epochs: int) -> dict[str, Any]:
    """Train one population and measure what the two losses choose: log loss and accuracy on the test set."""
    setup, test = parts_of(name, seed)
    asked = proposer("random", SPACE, seed).ask(Stage(0, "random", members, epochs), members, [])
    training = setup.training([Member(i, one.configuration, seed) for i, one in enumerate(asked)])
    looks: dict[str, list[np.ndarray]] = {"plain": [], "ikura": [], "dev": [], "loss": [], "test": []}

    def look(training: TrainingRun) -> None:
        for part, examples in (("dev", setup.dev), ("test", test)):
            outputs = training.tile.outputs(examples)
            y = torch.from_numpy(examples.y)
            plain = [each_loss(setup.task, torch.from_numpy(one).double(), y).mean() for one in outputs]
            looks["plain" if part == "dev" else "loss"].append(np.array(plain))
            own, scores = setup.scorer(outputs, examples.y, training.more)
            looks[part].append(scores)
            if part == "dev":
                looks["ikura"].append(own)

    training.run(epochs, look)
    seen = {what: np.stack(each) for what, each in looks.items()}
    found: dict[str, Any] = {"data": name, "seed": seed, "dev_rows": len(setup.dev)}
    for which in ("plain", "ikura"):
        place = chosen(seen[which], seen["dev"])
        found[which] = {"log_loss": float(seen["loss"][place]), "accuracy": float(seen["test"][place])}
    return found


def text(runs: list[dict[str, Any]]) -> str:
    """Lay the figures out: means over the seeds, and the mean difference with its 95 % interval."""
    rows = []
    for name in dict.fromkeys(one["data"] for one in runs):
        mine = [one for one in runs if one["data"] == name]
        row: list[Any] = [name, mine[0]["dev_rows"]]
        for what in ("log_loss", "accuracy"):
            plain, own = (np.array([one[which][what] for one in mine]) for which in ("plain", "ikura"))
            mean, low, high = mean_interval(own - plain)
            row += [f"{plain.mean():.3f}", f"{own.mean():.3f}", f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"]
        rows.append(row)
    names = ["data", "dev rows", "log loss, plain", "ikura", "difference", "accuracy, plain", "ikura", "difference"]
    return f"what two dev losses choose, on the test set ({header()})\n\n{table(names, rows)}"


def main(arguments: list[str] | None = None) -> None:
    """Train the populations."""
    parser = command("dev_loss", __doc__ or "", "", "--seeds 2 --sets wine --json")
    parser.add_argument("--seeds", type=int, default=20, help="seeds 0, 1, … of each data set (20)")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), help="which data sets (all)")
    parser.add_argument("--members", type=int, default=32, help="networks of a population (32)")
    parser.add_argument("--epochs", type=int, default=60, help="epochs (60)")
    given = parser.parse_args(arguments)
    if min(given.seeds, given.members, given.epochs) < 1:
        parser.error("--seeds, --members and --epochs must be at least 1")
    runs = []
    with one_thread_each():
        torch.set_num_threads(1)
        for name in given.sets:
            for seed in range(given.seeds):
                runs.append(run(name, seed, given.members, given.epochs))
                losses = " and ".join(f"{runs[-1][which]['log_loss']:.3f} ({which})" for which in ("plain", "ikura"))
                say(f"{name}, seed {seed}: test log loss {losses}")
    give({"machine": describe(), "runs": runs}, text(runs), given.json)


if __name__ == "__main__":
    main()
