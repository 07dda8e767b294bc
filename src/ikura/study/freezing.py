"""What of a pretrained network to freeze, decided on the data: each way is tried in cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ikura.data import Dataset, Part
from ikura.metric import metric as metric_of
from ikura.nn.freeze import FREEZE
from ikura.nn.loss import outputs_of
from ikura.nn.noise import key
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.population.warmup import warm_up
from ikura.process_state import one_thread_each
from ikura.space._base import Configuration
from ikura.study.record.pretrained import MANY, Pretrained
from ikura.study.training_setup import examples_of

__all__ = ["Freezing", "choose_freezing"]

FOLDS = 4
BATCH = 16
STEPS = 100
EPOCHS = (4, 40)
RATES = {"all": ((1e-3, 1.0), (1e-2, 1.0)), "most": ((1e-3, 1.0), (3e-3, 0.3)), "none": ((1e-3, 1.0), (3e-3, 0.3))}
"""Learning rates that are tried for each way, with the factor for pretrained weights."""


@dataclass(frozen=True)
class Freezing:
    """The ways that were compared, and the one that was chosen.

    Attributes:
        chosen: "all", "most" or "none".
        rows: examples it was decided on.
        losses: name of each compared way to its cross-validated loss; empty where nothing was compared.
    """

    chosen: str
    rows: int
    losses: dict[str, float]

    def __str__(self) -> str:
        if not self.losses:
            return f"{self.rows} examples are many: nothing of the pretrained network is frozen"
        compared = ", ".join(f"{way} {loss:.3g}" for way, loss in self.losses.items())
        return f"freeze = {self.chosen}, by the cross-validated loss on {self.rows} examples ({compared})"


def choose_freezing(
    network: Pretrained,
    dataset: Dataset,
    *,
    folded: bool,
    seed: int,
    dtype: str,
    say: Callable[[str], None] = lambda line: None,
) -> Freezing:
    """Choose what to freeze by cross-validation on training and dev examples; of many examples, nothing.

    Each way trains for about `STEPS` steps at a few learning rates; what counts is the loss averaged over the folds, at
    the rate and epoch where it is least. Of the ways that are within one standard error of the best, by the differences
    between them in each fold, the one that freezes most is taken: what learns less depends less on the few examples
    that trials are compared on.

    Args:
        network: the pretrained network.
        dataset: the data; the test set is not looked at.
        folded: whether rows may be dealt to folds at random; otherwise the dev set is the only fold.
        seed: key of folds, batches and new heads.
        dtype: precision of training.
        say: told if the training step has to be compiled first.

    Returns:
        The choice and what it rests on.

    References:
        Breiman et al. 1984, Classification and Regression Trees, section 3.4.3 (the one-standard-error rule).
    """
    rows = len(dataset.train) + len(dataset.dev)
    if rows >= MANY:
        return Freezing("none", rows, {})
    part = _joined(dataset.train, dataset.dev)
    folds = (
        _folds(part, dataset, seed)
        if folded
        else [(np.arange(len(dataset.train)), np.arange(len(dataset.train), rows))]
    )
    losses: dict[str, np.ndarray] = {}
    with one_thread_each():
        for way in FREEZE:
            start = replace(network, freeze=way)
            if way != "none" and not start.freezes:
                continue
            if start.convolutional:
                warm_up(dtype, say, convolutional=True)
            losses[way] = _loss(start, examples_of(part, dtype, start), folds, dataset, seed, dtype)
    means = {way: float(np.mean(folds)) for way, folds in losses.items()}
    return Freezing(_simplest(losses), rows, means)


def _simplest(losses: dict[str, np.ndarray]) -> str:
    """The first way whose mean loss is within one standard error of the least; "none" where every way diverged."""
    best = min(losses, key=lambda way: np.mean(losses[way]))
    if not np.isfinite(losses[best]).all():
        return "none"
    for way, folds in losses.items():
        more = folds - losses[best]
        if (
            np.isfinite(more).all() and more.mean() <= more.std(ddof=1) / len(more) ** 0.5
            if len(more) > 1
            else way == best
        ):
            return way
    return best


def _joined(train: Part, dev: Part) -> Part:
    x, codes, y = (np.concatenate([getattr(train, name), getattr(dev, name)]) for name in ("x", "codes", "y"))
    return replace(train, x=x, codes=codes, y=y)


def _folds(part: Part, dataset: Dataset, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import KFold, StratifiedKFold

    random = key(seed, "freezing") % 2**32
    counts = np.unique(part.y, return_counts=True)[1] if dataset.task.classes else np.array([0])
    if counts.min() >= FOLDS:
        return list(StratifiedKFold(FOLDS, shuffle=True, random_state=random).split(part.y, part.y))
    return list(KFold(FOLDS, shuffle=True, random_state=random).split(part.y))


def _loss(
    start: Pretrained,
    examples: Examples,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    dataset: Dataset,
    seed: int,
    dtype: str,
) -> np.ndarray:
    """Loss of one way in each fold, at its best rate and epoch: shape (folds,)."""
    task = dataset.task.name
    scorer = Scorer(
        task, metric_of("log_loss" if dataset.task.classes else "rmse", task), dataset.target_mean, dataset.target_std
    )
    outputs = outputs_of(task, len(dataset.task.classes or []))
    settings = _settings(start)
    curves = []
    for fold, (inside, outside) in enumerate(folds):
        setup = TrainingSetup(
            examples.rows(inside), examples.rows(outside), scorer, outputs, network=start, dtype=dtype
        )
        members = [Member(i, one, key(seed, "freezing", fold)) for i, one in enumerate(settings)]
        epochs = int(np.clip(round(STEPS * BATCH / len(inside)), *EPOCHS))
        curves.append(_curves(setup, members, epochs))
    shortest = min(curve.shape[1] for curve in curves)
    found = np.stack([curve[:, :shortest] for curve in curves])
    place = np.unravel_index(np.argmin(found.mean(axis=0)), found.shape[1:])
    return found[:, place[0], place[1]]


def _settings(start: Pretrained) -> list[Configuration]:
    return [
        {"optimizer": "adam", "learning_rate": rate, "pretrained_rate": factor, "batch_size": BATCH}
        for rate, factor in RATES[start.freeze]
    ]


def _curves(setup: TrainingSetup, members: list[Member], epochs: int) -> np.ndarray:
    """Loss of each member outside its fold after each epoch, infinite once it diverged: shape (members, epochs)."""
    found = np.full((len(members), epochs), np.inf)
    for tile in pack(setup, members, len(members)):
        training = setup.training(tile, None, epochs)
        training.run(epochs)
        for place, member in enumerate(tile):
            losses = training.curve(place)[:, 1]
            found[member.number, : len(losses)] = np.where(np.isfinite(losses), losses, np.inf)
    return found
