"""Cost curves: J after each epoch with and without regularisation and dropout, measured with dropout switched off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ikura.diagnose.chosen_networks import Chosen
from ikura.population.changes import Course
from ikura.population.packing import fault_of_change, pack
from ikura.space._base import Configuration
from ikura.trial_state import State

__all__ = ["CostCurve", "cost_curves"]

PENALTIES = ("l2", "l1", "weight_decay", "max_norm", "label_smoothing", "label_noise")
NOISE = ("dropout", "dropout_input", "dropout_1", "dropout_2", "dropout_3", "dropconnect")
TYPICAL = {"l2": 1e-3, "dropout": 0.3}
"""What stands for regularisation and dropout where the chosen configuration has none."""
MOST_ROWS = 5000
TOLERANCE = 1e-3
"""A rise of J from one epoch to the next counts from a thousandth on."""
JUMP = 0.25
"""A rise above the lowest J so far is a jump from a quarter of all that J had fallen until then."""


@dataclass(frozen=True)
class CostCurve:
    """J of one variant of the chosen configuration.

    Attributes:
        name: what the variant is.
        chosen: whether it is the configuration as it was chosen.
        hyperparameters: what is otherwise in it.
        updates: updates of the weights after each epoch.
        trained: mean cost while training, dropout and penalties included.
        cost: J, mean loss on the training set with dropout off, plus penalties.
        state: complete or diverged.
    """

    name: str
    chosen: bool
    hyperparameters: Mapping[str, Any]
    updates: list[int]
    trained: list[float]
    cost: list[float]
    state: State

    @property
    def rises(self) -> float:
        """Share of epochs after which J was higher than before."""
        j = np.asarray(self.cost)
        return float((np.diff(j) > TOLERANCE * np.abs(j[:-1])).mean()) if len(j) > 1 else 0.0

    @property
    def jumps(self) -> int:
        """Epochs after which J had jumped up, by a quarter of all that it had fallen (on a logarithmic scale)."""
        j = np.log(np.maximum(np.asarray(self.cost, dtype=float), 1e-300))
        if len(j) < 3:
            return 0
        lowest = np.minimum.accumulate(j)[:-1]
        fallen = np.maximum(j[0] - lowest, 0.0)
        rise = np.diff(j)
        return int(((rise > np.log1p(JUMP)) & (j[1:] - lowest > JUMP * fallen) & (fallen > 0)).sum())

    @property
    def falls(self) -> bool:
        """Whether J fell as it should: in all, and after most epochs."""
        return self.state is State.COMPLETE and self.rises < 0.5 and self.cost[-1] < self.cost[0]


def variants(values: Mapping[str, Any], readable: Any) -> dict[str, Configuration]:
    """Name the variants of a configuration and say what is otherwise in each.

    Args:
        values: the configuration.
        readable: whether the network reads a hyperparameter, `readable(name)`.

    Example:
        >>> list(variants({"l2": 0.01, "dropout": 0.2}, lambda name: name in ("l2", "dropout")))
        ['as chosen', 'without dropout', 'without regularisation', 'without both']
        >>> variants({"learning_rate": 0.1}, lambda name: name == "l2")
        {'as chosen': {}, 'with l2 0.001': {'l2': 0.001}}
    """
    penalties = {name: 0.0 for name in PENALTIES if values.get(name)}
    noise = {name: 0.0 for name in NOISE if values.get(name)}
    found: dict[str, Configuration] = {"as chosen": {}}
    if noise:
        found["without dropout"] = noise
    elif readable("dropout"):
        found[f"with dropout {TYPICAL['dropout']:g}"] = {"dropout": TYPICAL["dropout"]}
    if penalties:
        found["without regularisation"] = penalties
    elif readable("l2"):
        found[f"with l2 {TYPICAL['l2']:g}"] = {"l2": TYPICAL["l2"]}
    if noise and penalties:
        found["without both"] = noise | penalties
    return found


def cost_curves(chosen: Chosen, epochs: int, readable: Any) -> list[CostCurve]:
    """Train the chosen configuration with and without regularisation and dropout, as one population.

    What a hand changed of it while it trained is changed here, too, but for what a curve is about.

    With dropout the cost of an update is not one function of the weights, so that it may rise though all is well. J is
    therefore measured after each epoch on (at most 5,000 of) the training examples with dropout off.

    Args:
        chosen: the choice of a study.
        epochs: to train each.
        readable: whether the network reads a hyperparameter.

    Source: Ng, Deep Learning Specialization, course 2, week 1: with dropout J is less well defined; switch it off, see
    that J falls from iteration to iteration, then switch it on.
    """
    setup = replace(chosen.setup, dev=chosen.setup.train.head(MOST_ROWS))
    row = chosen.rows[0]
    had = dict(row.hyperparameters)
    for _, values in chosen.course.steps:
        had |= {name: value for name, value in values.items() if value}
    changes = variants(had, readable)
    again = [chosen.again(place, row.seed, change) for place, change in enumerate(changes.values())]
    members, steered = [member for member, _ in again], [one for _, steps in again for one in steps]
    found: dict[int, CostCurve] = {}
    names = list(changes)
    for tile in pack(setup, members, len(members)):
        course = Course(tile, steered, partial(setup.training, more=0.0), partial(fault_of_change, setup))
        training = course.begin(0)
        penalties: list[np.ndarray] = []
        while training.epoch < epochs and training.tile.active.any():
            training = course.between_epochs(training)
            training.advance(epochs)
            penalties.append(np.array(training.tile.penalties(), dtype=float))
        for place, member in enumerate(tile):
            curve = training.curve(place)
            penalty = np.array([one[place] for one in penalties[: len(curve)]])
            sizes = [course.members_at(epoch)[place].values.batch_size for epoch in range(len(curve))]
            steps = np.cumsum([-(-len(setup.train) // min(int(size), len(setup.train))) for size in sizes])
            known = np.isfinite(curve[:, 1])
            name = names[member.number]
            found[member.number] = CostCurve(
                name,
                name == "as chosen",
                changes[name],
                steps[known].tolist(),
                curve[known, 0].tolist(),
                (curve[:, 1] + penalty)[known].tolist(),
                State.DIVERGED if training.diverged[place] else State.COMPLETE,
            )
    return [found[number] for number in sorted(found)]
