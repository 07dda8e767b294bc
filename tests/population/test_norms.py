"""How far each epoch moves the weights is measured where that is asked for, and changes no bit of the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ikura.population.job import Job, train
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

MEMBERS = tuple(Member(n, {"learning_rate": 0.05 * (n + 1), "units": 5, "batch_size": 32}, 7) for n in range(2))


@pytest.mark.parametrize("stacked", [False, True])
def test_norms_are_those_of_the_weights(setup: Callable[..., TrainingSetup], stacked: bool) -> None:
    made = setup("multiclass", stacked=stacked)
    weights: dict[int, list[np.ndarray]] = {n: [made.tile(MEMBERS).flat(n)] for n in range(2)}

    def watch(training: Any, place: int) -> None:
        weights[place].append(training.tile.flat(place))

    calm = train(made, Job(0, MEMBERS, 4))
    found = train(replace(made, norms=True), Job(0, MEMBERS, 4, watch=watch))
    for place, (one, other) in enumerate(zip(found, calm, strict=True)):
        np.testing.assert_array_equal(one.curve, other.curve)
        assert other.values == {}
        kept = np.array(weights[place], np.float64)
        # Sums of some fifty squares.
        np.testing.assert_allclose(one.values["weight_norm"], np.sqrt((kept[1:] ** 2).sum(axis=1)), rtol=1e-13)
        moved = np.sqrt((np.diff(kept, axis=0) ** 2).sum(axis=1))
        np.testing.assert_allclose(one.values["update_norm"], moved, rtol=1e-13)
