"""Label noise: which labels are replaced, and who sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ikura.nn.loss import task_loss
from ikura.nn.noise import label_draws, permutation
from ikura.population.kernel.loss import CODES, relabel
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

DOUBLE = 1e-9  # as in test_solo
STILL: dict[str, Any] = {"layers": 1, "units": 5, "batch_size": 30, "optimizer": "sgd", "learning_rate": 0.0}


def noisy(task: str, y: np.ndarray, share: float, classes: int, epoch: int = 0) -> np.ndarray:
    """The labels that a member learns from in one epoch."""
    return relabel(CODES[task], y, *label_draws(0, epoch, len(y), classes), share) if share else y


@pytest.mark.parametrize(("task", "classes"), [("binary", 2), ("multiclass", 10)])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_share_of_the_labels_is_drawn_anew(task: str, classes: int, share: float) -> None:
    rows = 40_000
    y = np.random.default_rng(0).integers(0, classes, rows).astype(float)
    found = noisy(task, y, share, classes)
    # A label drawn anew is the old one once in `classes` times; five standard errors (the draws are fixed).
    changed = share * (1 - 1 / classes)
    assert abs((found != y).mean() - changed) < 5 * np.sqrt(changed * (1 - changed) / rows)
    assert set(found) == set(range(classes))
    if share == 1:
        even = np.bincount(found.astype(int)) / rows
        assert np.abs(even - 1 / classes).max() < 5 * np.sqrt(1 / classes / rows)


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.integers(2, 20))
def test_a_larger_share_contains_the_changes_of_a_smaller(one: float, other: float, classes: int) -> None:
    y = np.full(200, -1.0)
    few, many = (noisy("multiclass", y, share, classes) for share in sorted((one, other)))
    changed = few != y
    np.testing.assert_array_equal(many[changed], few[changed])
    assert not set(many) - {-1, *range(classes)}


def test_every_epoch_has_changes_of_its_own_and_rows_keep_theirs() -> None:
    y = np.full(400, -1.0)
    epochs = [noisy("multiclass", y, 0.5, 3, epoch) for epoch in range(3)]
    assert len({one.tobytes() for one in epochs}) == 3
    np.testing.assert_array_equal(noisy("multiclass", y[:50], 0.5, 3), epochs[0][:50])


def test_targets_of_regression_get_normal_noise() -> None:
    y = np.random.default_rng(0).normal(size=40_000)
    found = noisy("regression", y, 0.3, 0) - y
    # Standard errors: 0.3/200 of the mean, 0.3/283 of the deviation; five of them.
    assert abs(found.mean()) < 0.0075
    assert abs(found.std() - 0.3) < 0.0053
    np.testing.assert_allclose(noisy("regression", y, 0.6, 0) - y, 2 * found, atol=1e-15)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_train_loss_is_that_of_noisy_labels_and_the_dev_loss_is_not(
    task: str, stacked: bool, setup: Callable[..., TrainingSetup]
) -> None:
    made = setup(task, stacked=stacked)
    members = [Member(n, STILL | {"label_noise": share}, 0) for n, share in enumerate((0.0, 0.2, 0.9))]
    training = made.training(members)
    training.run(2)
    classes = {"binary": 2, "multiclass": made.outputs, "regression": 0}[task]
    net = made.module(members[0]).double()
    plain = training.curve(0)
    for place, member in enumerate(members):
        curve = training.curve(place)
        for epoch in range(2):
            order = permutation(0, epoch, len(made.train))
            y = torch.from_numpy(noisy(task, made.train.y[order], member.values.label_noise, classes, epoch))
            outputs = net(torch.from_numpy(made.train.x[order]))
            expected = task_loss(task, outputs, y.long() if task == "multiclass" else y).item()
            assert curve[epoch, 0] == pytest.approx(expected, rel=DOUBLE)
        np.testing.assert_array_equal(curve[:, 1:], plain[:, 1:])
    scores = training.train_scores()
    # The score of the best weights is that on the true labels, the same for all, since nothing was learnt.
    np.testing.assert_array_equal(scores[0], scores[0][0])


def test_no_share_is_off_to_the_bit(setup: Callable[..., TrainingSetup]) -> None:
    base = STILL | {"learning_rate": 0.1}
    members = [Member(n, base | more, 0) for n, more in enumerate(({}, {"label_noise": 0.0}, {"label_noise": 0.5}))]
    for stacked in (False, True):
        made = setup("multiclass", stacked=stacked)
        found = []
        for company in (members, [members[0]] * 3):
            training = made.training(company)
            training.run(3)
            found.append([training.curve(place) for place in range(3)])
        np.testing.assert_array_equal(found[0][0], found[0][1])
        np.testing.assert_array_equal(found[0][0], found[1][0])
        assert not np.array_equal(found[0][0], found[0][2])
