"""From a small batch's settings to a large one's: one measure after another, as in the columns of Hoffer's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from ikura.errors import UsageError
from ikura.large_batch.regime import stretched
from ikura.large_batch.scaling_rules import scaled
from ikura.population import update_rules
from ikura.population.member import Hyperparameters, Member
from ikura.population.schedule import batch_size_at
from ikura.population.update_rules import StepSize
from ikura.space._base import Configuration

__all__ = ["LARGE", "SMALL", "Column", "Winner", "check_batch", "columns", "updates"]

SMALL, LARGE = "small batch", "large batch"
FEWEST_CLIPPED = 10
WARM_UP = 5.0
"""Epochs of warm-up at most."""
EARLY = 0.1
"""Share of the training in which gradients are clipped, and that warm-up takes at most."""


@dataclass(frozen=True)
class Winner:
    """The tuned network that is to be trained with a larger batch.

    Attributes:
        hyperparameters: as the run chose them.
        rows: examples in the training set.
        epochs, patience: of its training.
        normalisation: "batch", "ghost", or "" where nothing is normalised over the mini-batch.
        first_norm: norm of the gradients that the small batch's training begins with.
        without: why there are no ghosts where `normalisation` is "".
        drops: whether the network has the hyperparameter dropout.
    """

    hyperparameters: Mapping[str, Any]
    rows: int
    epochs: int
    patience: int | None
    normalisation: str
    first_norm: float
    without: str = "the network has no batch normalisation"
    drops: bool = True

    @property
    def values(self) -> Hyperparameters:
        """All hyperparameters, defaults included."""
        return Member(0, self.hyperparameters, 0).values

    @property
    def batch(self) -> int:
        """Examples in a mini-batch."""
        return min(int(self.values.batch_size), self.rows)

    def updates(self, batch: int, epochs: int) -> int:
        """Number of updates in so many epochs that begin with this batch."""
        return updates({**self.values, "batch_size": batch}, self.rows, epochs)


@dataclass(frozen=True)
class Column:
    """One column of the comparison: a network's settings.

    Attributes:
        name: "small batch", "large batch", or the measure that is added to the column before, with a plus sign.
        hyperparameters: all that are given.
        epochs, patience: of the training.
        changes: hyperparameter to its new value, beside the column before (of a control, beside the large batch).
        reason: why, in a sentence.
        control: whether it is noise of another kind, added to the large batch alone to be compared with.
    """

    name: str
    hyperparameters: Configuration
    epochs: int
    patience: int | None
    changes: Configuration
    reason: str
    control: bool = False

    @property
    def values(self) -> Hyperparameters:
        """All hyperparameters, defaults included."""
        return Member(0, self.hyperparameters, 0).values


def updates(values: Mapping[str, Any], rows: int, epochs: int) -> int:
    """Number of updates in so many epochs, mini-batches growing as `batch_growth` says.

    Example:
        >>> [updates({"batch_size": 10, "batch_growth": growth}, 100, 3) for growth in ("", "2:5")]
        [30, 22]
    """
    return sum(ceil(rows / min(batch_size_at(values, epoch), rows)) for epoch in range(epochs))


def columns(
    winner: Winner, batch: int, rule: str, *, ghost: int | None = None, factor: float = 1.0, controls: bool = False
) -> tuple[list[Column], list[str]]:
    """Derive the settings of every column for one rule.

    Args:
        winner: the tuned network.
        batch: examples in the large mini-batch.
        rule: "sqrt", "linear" or "none".
        ghost: examples in a ghost; by default those of the small mini-batch.
        factor: by which the schedule is stretched in the last of them; 1 for no such column.
        controls: whether noise of several kinds follows, each in a column of its own, added to the large batch alone.

    Returns:
        The columns, each with all measures of those before it, and a sentence for each measure that does not apply.

    Raises:
        UsageError: the large batch is no larger than the small one, or larger than the training set; ghosts do not fit.
    """
    small, values = winner.batch, winner.values
    check_batch(winner, batch)
    ratio = batch / small
    found = [
        Column(SMALL, dict(winner.hyperparameters), winner.epochs, winner.patience, {}, "as the run chose it"),
    ]
    skipped: list[str] = []

    def add(name: str, changes: Mapping[str, Any], reason: str, **training: Any) -> None:
        last = found[-1]
        epochs, patience = training.get("epochs", last.epochs), training.get("patience", last.patience)
        more = {"epochs": epochs} if epochs != last.epochs else {}
        found.append(Column(name, {**last.hyperparameters, **changes}, epochs, patience, {**changes, **more}, reason))

    add(LARGE, {"batch_size": batch}, f"{ratio:.4g} times the batch and nothing else")
    step = scaled(values, ratio, rule, winner.updates(batch, winner.epochs))
    if step.changes:
        add("+ learning rate", step.changes, step.reason)
    else:
        skipped.append(f"learning rate: {step.reason}")
    _ghosts(winner, batch, ghost, add, skipped)
    _gently(winner, batch, rule, add, skipped)
    if factor > 1:
        longer = stretched(values | _warm_up(found), winner.epochs, winner.patience, factor)
        add(
            "+ regime adaptation",
            longer.changes,
            f"every phase of the training × {factor:.3g}: {winner.updates(batch, longer.epochs):,} updates, where the "
            f"small batch makes {winner.updates(small, winner.epochs):,} (Hoffer 2017)",
            epochs=longer.epochs,
            patience=longer.patience,
        )
    if controls:
        _controls(winner, found[1], found, skipped)
    return found, skipped


def _controls(winner: Winner, large: Column, found: list[Column], skipped: list[str]) -> None:
    """Add to the large batch the small one's noise, by a factor on each gradient, and noise of three other kinds."""
    ratio = large.values.batch_size / winner.batch
    noise = float(f"{sqrt(ratio - 1):.4g}")
    kinds = {
        "gradient noise": (
            "gradient_noise", noise, f"factors N(1, {noise:g}²) on the gradients of single examples make the "
            f"covariance of a step {ratio:.4g} times as large, that of the small batch (Hoffer 2017)",
        ),
        "dropout": ("dropout", 0.5, "half of the hidden units left out (Srivastava 2014): noise of another kind"),
        "DropConnect": ("dropconnect", 0.5, "half of the weights left out (Wan 2013): noise of another kind"),
        "label noise": ("label_noise", 0.1, "a tenth of the labels drawn at random: noise of another kind"),
    }  # fmt: skip
    for words, (name, value, reason) in kinds.items():
        own = getattr(large.values, name)
        if name == "dropout" and not winner.drops:
            skipped.append(f"control {words}: the network has no hyperparameter of that name")
        elif own > 0:
            skipped.append(f"control {words}: the run has it already, at {own:g}")
        else:
            changes = {name: value}
            found.append(
                Column(f"control: {words}", {**large.hyperparameters, **changes}, large.epochs, large.patience, changes,
                       reason, control=True)
            )  # fmt: skip


def check_batch(winner: Winner, batch: int) -> None:
    """Refuse a batch that is no large one.

    Raises:
        UsageError: it is no larger than the small one, or larger than the training set.
    """
    if batch <= winner.batch:
        raise UsageError(f"the batch size must be larger than the run's, which is {winner.batch}, but is {batch}")
    if batch > winner.rows:
        raise UsageError(
            f"the batch size must be at most {winner.rows}, the number of training examples, but is {batch}"
        )


def _warm_up(found: list[Column]) -> Configuration:
    return {"warm_up": found[-1].values.warm_up}


def _ghosts(winner: Winner, batch: int, ghost: int | None, add: Any, skipped: list[str]) -> None:
    if not winner.normalisation:
        if ghost is not None:
            raise UsageError(f"ghosts are for networks with batch normalisation, but {winner.without}")
        skipped.append(f"ghost normalisation: {winner.without}")
        return
    if winner.normalisation == "ghost" and ghost is None:
        size = int(winner.values.ghost_size)
        skipped.append(f"ghost normalisation: the run's network has it already, with ghosts of {size}")
        return
    size = winner.batch if ghost is None else ghost
    if not 2 <= size <= batch:
        raise UsageError(f"a ghost has at least 2 examples and at most the mini-batch's {batch}, but ghost is {size}")
    add(
        "+ ghost normalisation",
        {"normalisation": "ghost", "ghost_size": size},
        f"statistics over {size} examples, as in the small batch, keep their noise (Hoffer 2017)",
    )


def _gently(winner: Winner, batch: int, rule: str, add: Any, skipped: list[str]) -> None:
    """Keep the first steps from going too far: by clipping, or by warm-up where clipping would be no help."""
    values, epochs = winner.values, winner.epochs
    clips = update_rules.rule(values.optimizer).step_size is StepSize.GRADIENT and rule != "linear"
    if clips and values.clip_norm == 0:
        steps = max(FEWEST_CLIPPED, ceil(EARLY * winner.updates(batch, epochs)))
        norm = float(f"{winner.first_norm:.3g}")
        add(
            "+ clipping",
            {"clip_norm": norm, "clip_steps": steps},
            f"in the first {steps} updates no gradient is larger than those the small batch began with, {norm:g}",
        )
    elif clips:
        skipped.append(f"clipping: the run clips already, at {values.clip_norm:g}")
    elif values.warm_up == 0 and values.schedule_shape != "one_cycle":
        length = float(f"{min(WARM_UP, EARLY * epochs):.3g}")
        why = "with the linear rule (Goyal 2017)" if rule == "linear" else "until the moving averages have settled"
        add("+ warm-up", {"warm_up": length}, f"the learning rate grows over the first {length:g} epochs, {why}")
    else:
        skipped.append("warm-up: the run's schedule has it already")
