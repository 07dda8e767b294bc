"""Pools of trials trained in full, on which schedules are compared by simulation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.machine import ROOT, cores
from ikura.data.options import DataOptions
from ikura.population.packing import pack

if TYPE_CHECKING:
    from ikura.population.training import TrainingRun

__all__ = ["MEASURED", "TASKS", "Pool", "pool"]

TILE = 25
"""Members of a tile: several tiles for each core, so that all cores end at about the same time."""

DRAWS_OF = 64
"""Trials of the study whose default space is sampled."""


def _clusters() -> tuple[np.ndarray, np.ndarray]:
    """600 rows of 16 features in three classes of two overlapping clusters each."""
    from sklearn.datasets import make_classification

    return make_classification(
        600, 16, n_informative=8, n_redundant=4, n_classes=3, n_clusters_per_class=2, class_sep=1.0, random_state=0
    )


def _friedman() -> tuple[np.ndarray, np.ndarray]:
    """500 rows of ten features, half of them without influence, and a noisy target that is not linear in the others."""
    from sklearn.datasets import make_friedman1

    return make_friedman1(500, noise=1.0, random_state=0)


def _shells() -> tuple[np.ndarray, np.ndarray]:
    """500 rows of six features in three classes, one inside the other, a tenth of them mislabelled."""
    from sklearn.datasets import make_gaussian_quantiles

    x, y = make_gaussian_quantiles(n_samples=500, n_features=6, n_classes=3, random_state=0)
    random = np.random.default_rng(0)
    wrong = random.random(len(y)) < 0.1
    return x, np.where(wrong, random.integers(0, 3, len(y)), y)


TASKS: dict[str, Callable[[], Any]] = {
    "digits": lambda: "digits",
    "breast_cancer": lambda: "breast_cancer",
    "wine": lambda: "wine",
    "diabetes": lambda: "diabetes",
    "clusters": _clusters,
    "penguins": lambda: str(ROOT / "examples" / "penguins.csv"),
    "friedman": _friedman,
    "shells": _shells,
}
"""Name to data as `ikura.data.prepare` takes them."""

MEASURED = ("digits", "breast_cancer", "wine", "diabetes", "clusters")
"""Tasks whose pools of seed 0 gave racing its shares of the field; the others are held out."""


@dataclass(frozen=True)
class Pool:
    """Trials of one task, every one trained for all epochs unless it diverged.

    Attributes:
        losses: dev loss after each epoch, float64 of shape (trials, epochs); NaN after a divergence.
        scores: dev score after each epoch, higher is better, the same shape.
        dev_losses: loss on each dev example after each epoch, float32 of shape (trials, epochs, examples).
    """

    losses: np.ndarray
    scores: np.ndarray
    dev_losses: np.ndarray

    def __len__(self) -> int:
        return len(self.losses)


def example_losses(task: str, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Loss of each member on each example: outputs (members, rows, outputs), y (rows,); float32 (members, rows)."""
    z = outputs.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        if task == "binary":
            found = np.logaddexp(0.0, z[..., 0]) - y * z[..., 0]
        elif task == "multiclass":
            found = np.logaddexp.reduce(z, axis=-1) - z[:, np.arange(len(y)), y.astype(np.int64)]
        else:
            found = (z[..., 0] - y) ** 2
        return found.astype(np.float32)


def pool(name: str, trials: int, epochs: int, seed: int, folder: Path) -> Pool:
    """Train a pool, or read it from the folder.

    Args:
        name: one of `TASKS`.
        trials: configurations drawn at random from the default space.
        epochs: epochs of each.
        seed: of the draws, the split and the training.
        folder: where pools are kept.

    Returns:
        The pool.
    """
    path = folder / f"{name}-{trials}-{epochs}-{seed}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        trained = _train(name, trials, epochs, seed)
        part = path.with_suffix(".part.npz")
        np.savez(part, losses=trained.losses, scores=trained.scores, dev_losses=trained.dev_losses)
        part.rename(path)
    with np.load(path) as arrays:
        return Pool(arrays["losses"], arrays["scores"], arrays["dev_losses"])


def _train(name: str, trials: int, epochs: int, seed: int) -> Pool:
    from ikura.data import prepare
    from ikura.metric import default_metric
    from ikura.nn.loss import outputs_of
    from ikura.population.examples import Examples
    from ikura.population.member import Member
    from ikura.population.scoring import Scorer
    from ikura.population.setup import TrainingSetup
    from ikura.process_state import one_thread_each
    from ikura.search import proposer
    from ikura.space import default_space

    dataset = prepare(TASKS[name](), DataOptions("species" if name == "penguins" else None), seed=seed)
    task, metric = dataset.task.name, default_metric(dataset.task.name)
    train, dev = (Examples.of(part).flat() for part in (dataset.train, dataset.dev))
    setup = TrainingSetup(
        train=train,
        dev=dev,
        judge=Scorer(task, metric, dataset.target_mean, dataset.target_std),
        outputs=outputs_of(task, len(dataset.task.classes or [])),
        cardinalities=tuple(dataset.encoder.cardinalities),
    )
    rows = len(dataset.train) + len(dataset.dev) + len(dataset.test)
    space = default_space(DRAWS_OF, rows, int(dataset.train.x[0].size)).space
    search = proposer("random", space, seed)
    [stage] = search.stages(trials, epochs)
    members = [Member(i, p.configuration, seed) for i, p in enumerate(search.ask(stage, trials, []))]
    losses, scores = np.full((2, trials, epochs), np.nan)
    dev_losses = np.full((trials, epochs, len(dev)), np.nan, np.float32)

    def run(tile: list[Member]) -> None:
        training = setup.training(tile)
        numbers = [member.number for member in tile]

        def after(training: TrainingRun) -> None:
            epoch = training.epoch - 1
            dev_losses[numbers, epoch] = example_losses(task, training.tile.outputs(dev), dev.y)

        training.run(epochs, after)
        for place, number in enumerate(numbers):
            curve = training.curve(place)
            losses[number, : len(curve)], scores[number, : len(curve)] = curve[:, 1], curve[:, 2]

    with one_thread_each(), ThreadPoolExecutor(cores()) as workers:
        list(workers.map(run, pack(setup, members, TILE)))
    return Pool(losses, scores if metric.greater_is_better else -scores, dev_losses)
