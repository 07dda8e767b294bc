"""Reading a run without changing anything in it: its networks and their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ikura.diagnose.best_achievable import MOST_QUERIES, MOST_ROWS, nearest_neighbour
from ikura.diagnose.chosen_networks import Chosen, chosen_rows
from ikura.diagnose.error_rates import compared, error_of, measured_by
from ikura.metric import Metric, interval
from ikura.population.setup import TrainingSetup
from ikura.process_state import one_thread_each
from ikura.study.record.diagnosis import WORTH, Errors, ErrorsRecord, Neighbour
from ikura.study.record.facts import ERRORS, BestRecord
from ikura.study.record.trial import Trial
from ikura.study.steered import ConfigurationCourse

if TYPE_CHECKING:
    from ikura.study.record.record import Record

__all__ = ["measure", "read_errors", "recorded_errors"]


MOST_BYTES = 1 << 28
"""Examples that take more memory than this as numbers have no nearest neighbours looked for."""


def measure(chosen: Chosen) -> tuple[Errors, Neighbour | None]:
    """Measure the errors of a choice, and of the nearest neighbour.

    The interval of the dev error is that of the study's dev score, where both are the same measure.
    """
    setup = chosen.setup
    by, name = measured_by(chosen.metric)
    told = [(chosen.predicted(part), setup.scorer.target(part.y)) for part in (chosen.train, setup.dev)]
    found = [error_of(by, *one, chosen.seed) for one in told]
    errors = compared(name, found[0], found[1], (len(chosen.train), len(setup.dev)))
    if by.name == chosen.metric.name:
        low, high = interval(by, *told[1], seed=chosen.seed)
        errors = replace(errors, dev=replace(errors.dev, low=1 - high, high=1 - low))
    if by.name in ("accuracy", "label_accuracy"):
        errors = replace(errors, constant=_error_of_constant(told[0][1], told[1][1]))
    return errors, _neighbour(chosen) if name in ("error rate", "unexplained variance") else None


def _error_of_constant(known: np.ndarray, asked: np.ndarray) -> float | None:
    """How often the answer that is most common among known classes or labels is wrong of those asked; None of none."""
    if not len(known) or not len(asked):
        return None
    columns = zip(known.reshape(len(known), -1).T, asked.reshape(len(asked), -1).T, strict=True)
    wrong = [(other != np.bincount(one.astype(np.int64)).argmax()).mean() for one, other in columns]
    return float(np.mean(wrong))


def recorded_errors(
    run: Path,
    best: BestRecord,
    rows: Sequence[Trial],
    setup: TrainingSetup,
    metric: Metric,
    seed: int,
    epochs: int,
    course: ConfigurationCourse,
    losses: Callable[[int], Sequence[float]],
    in_time: bool = True,
) -> ErrorsRecord:
    """Measure a study's errors at its end, so that a diagnosis later needs no data.

    Args:
        run: the run folder.
        best: the choice.
        rows: all trials.
        setup: training and dev examples.
        metric: what the study compared by.
        seed: the study's.
        epochs: of a trial at most.
        course: how the configuration came to its weights.
        losses: training loss of a trial after each epoch.
        in_time: whether there is time to train the choice once more, where early stopping kept an epoch after which the
            training loss fell on.
    """
    from ikura.diagnose.reachable_error import loss_fell_further, with_reachable_errors

    chosen = Chosen(run, setup, chosen_rows(run, best, rows), metric, seed, course)
    errors, neighbour = measure(chosen)
    if errors.train.high > WORTH and loss_fell_further(chosen, losses):
        errors = with_reachable_errors(chosen, errors, epochs) if in_time else replace(errors, cut=True)
    return ErrorsRecord(errors, neighbour)


def _neighbour(chosen: Chosen) -> Neighbour | None:
    setup = chosen.setup
    if setup.train.y.ndim > 1:
        return None
    if 4 * np.prod(setup.train.shape) * (MOST_ROWS + MOST_QUERIES) > MOST_BYTES:
        return None
    known = chosen.train.sample(MOST_ROWS, chosen.seed, "diagnosis")
    asked = setup.dev.sample(MOST_QUERIES, chosen.seed, "diagnosis")
    train, dev = (part.table() for part in (known, asked))
    classes = 0 if setup.task == "regression" else max(setup.outputs, 2)
    return nearest_neighbour(train, known.y, dev, asked.y, classes, chosen.seed)


def read_errors(record: Record) -> tuple[Errors, Neighbour | None]:
    """Errors of a study's choice, and of the nearest neighbour: recorded at its end, or measured anew."""
    recorded = record.store.fact(ERRORS)
    if recorded is not None:
        return recorded.errors, recorded.neighbour
    with one_thread_each(record.setting.network != "mlp"):
        from ikura.study.training_setup import setup_again

        return measure(Chosen.of(record, setup_again(record.setting, record.run, record.network)[1]))
