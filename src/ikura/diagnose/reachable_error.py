"""The fit that training reaches, where early stopping kept the weights of an epoch before its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ikura.diagnose.chosen_networks import Chosen
from ikura.diagnose.error_rates import compared, error_of, measured_by
from ikura.population.job import Job, train
from ikura.study.choice import predictions
from ikura.study.record.diagnosis import Errors

__all__ = ["Losses", "loss_fell_further", "with_reachable_errors"]

Losses = Callable[[int], Sequence[float]]
"""Gives the training loss of a trial after each of its epochs."""

STILL = 0.1
"""Share by which the training loss must have fallen after the epoch that was kept for it to count as falling on."""


def loss_fell_further(chosen: Chosen, losses: Losses) -> bool:
    """Whether the training loss of a network fell on after the epoch whose weights were kept."""
    for row in chosen.rows:
        kept, curve = row.best_epoch or 0, losses(row.number)
        after = [one for one in curve[kept:] if one == one]
        if kept and after and min(after) < (1 - STILL) * curve[kept - 1]:
            return True
    return False


def with_reachable_errors(chosen: Chosen, errors: Errors, epochs: int) -> Errors:
    """Measure the training error that the chosen networks reach when nothing stops them early.

    Each is trained again as it was, with what a hand changed on the way, to the end of its epochs; of these the one
    with the lowest training loss counts. Which epoch generalises best is another question.

    Args:
        chosen: the choice of a study, or its leader.
        errors: of the networks kept.
        epochs: of a trial at most.

    Returns:
        The errors with what is reached; as they were where a training diverged, or reached no better fit.
    """
    part = replace(chosen.setup, dev=chosen.train)
    by, measure = measured_by(chosen.metric)
    target, found = part.scorer.target(chosen.train.y), list[np.ndarray]()
    for row in chosen.rows:
        member, changes = chosen.again(row.number, row.seed)
        [outcome] = train(part, Job(0, (member,), epochs, keep_weights=True, changes=changes))
        if not outcome.scored or outcome.weights is None:
            return replace(errors, cut=False)
        network = part.trained_network(member, outcome.weights, outcome.buffers or {})
        found.append(predictions(part, network, chosen.train))
    reached = error_of(by, found, target, chosen.seed)
    if not reached[0].value < errors.train.value:
        return replace(errors, cut=False)
    dev = error_of(by, chosen.predicted(chosen.setup.dev), part.scorer.target(chosen.setup.dev.y), chosen.seed)
    whole = compared(measure, reached, dev, (errors.train_rows, errors.dev_rows))
    return replace(errors, reached=whole.train, reached_gap=whole.gap, cut=False)
