"""What textbooks say a regulariser does, seen in trained networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ikura.population.layout import Layout
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

from ..sweep import swept

EPOCHS = 100
BASE: dict[str, Any] = {"units": 12, "layers": 1, "optimizer": "sgd", "learning_rate": 0.1, "activation": "tanh"}
STRENGTHS = (0.0, 1e-3, 1e-2, 1e-1)


def trained(made: TrainingSetup, rows: list[dict[str, Any]]) -> tuple[list[np.ndarray], list[Layout]]:
    """Weights, without biases, at the end of training, and the members' layouts."""
    members = [Member(n, BASE | row, 1) for n, row in enumerate(rows)]
    training = made.training(members)
    training.run(EPOCHS)
    layouts = [made.layout(member) for member in members]
    return [training.tile.extract(k)["weights"][layout.penalised()] for k, layout in enumerate(layouts)], layouts


@pytest.mark.parametrize("stacked", swept([False, True], core=["False"]))
@pytest.mark.parametrize("name", ["l1", "l2", "weight_decay"])
def test_a_larger_strength_shrinks_the_weights(setup: Callable[..., TrainingSetup], name: str, stacked: bool) -> None:
    found, _ = trained(setup("regression", stacked=stacked), [{name: strength} for strength in STRENGTHS])
    norms = [np.linalg.norm(weights) for weights in found]
    assert np.diff(norms).max() < 0


def test_l1_makes_weights_sparse_and_l2_does_not(setup: Callable[..., TrainingSetup]) -> None:
    rows = [{name: 0.05, "learning_rate": 0.05} for name in ("l1", "l2")]
    (by_l1, by_l2), _ = trained(setup("regression"), rows)
    assert (by_l1 == 0).mean() > 0.5
    assert (by_l2 == 0).mean() == 0


@pytest.mark.parametrize("stacked", [False, True])
def test_no_unit_has_more_than_the_greatest_norm(setup: Callable[..., TrainingSetup], stacked: bool) -> None:
    made = setup("regression", (20,), stacked=stacked)
    member = Member(0, BASE | {"max_norm": 0.6}, 1)
    training = made.training([member])
    training.run(5)
    weights = training.tile.extract(0)["weights"]
    greatest = []
    for place, rows, columns in made.layout(member).matrices():
        norms = np.linalg.norm(weights[place : place + rows * columns].reshape(rows, columns), axis=1)
        greatest.append(norms.max())
    # A share and a product rounded, over a row of at most 12.
    np.testing.assert_allclose(greatest, 0.6, rtol=1e-14)


def test_smoothed_labels_keep_outputs_from_growing(setup: Callable[..., TrainingSetup]) -> None:
    made = setup("multiclass")
    members = [Member(n, BASE | {"label_smoothing": s, "learning_rate": 0.5}, 1) for n, s in enumerate((0.0, 0.1, 0.4))]
    training = made.training(members)
    training.run(EPOCHS)
    outputs = training.tile.outputs(made.train)
    spread = (outputs.max(2) - outputs.min(2)).mean(1)
    assert np.diff(spread).max() < 0
    # The dev loss knows nothing of it: it is that of the true classes, and of one example more of any class.
    losses, _ = made.scorer(training.tile.outputs(made.dev), made.dev.y, more=1)
    assert training.curve(1)[-1, 1] == losses[1]
