"""The rule of the best epoch, against a plain loop."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ikura.best_epoch import best_epochs, improves
from ikura.search.schedule import Standing

# Few different values, so that ties are common.
LOSSES = st.lists(st.sampled_from([0.1, 0.2, 0.3, 1e300, math.nan, math.inf]), max_size=12)


def by_hand(losses: list[float]) -> list[int]:
    found, place = [], -1
    for epoch, loss in enumerate(losses):
        if math.isfinite(loss) and (place < 0 or loss < losses[place]):
            place = epoch
        found.append(place)
    return found


@given(LOSSES)
def test_the_best_epoch_is_the_first_of_the_lowest_finite_loss(losses: list[float]) -> None:
    assert best_epochs(losses).tolist() == by_hand(losses)


@given(LOSSES)
def test_a_loss_improves_where_the_best_epoch_moves(losses: list[float]) -> None:
    best, moved = math.inf, []
    for loss in losses:
        moved.append(bool(improves(loss, best)))
        best = loss if moved[-1] else best
    assert moved == [place == epoch for epoch, place in enumerate(by_hand(losses))]


def test_schedules_follow_it() -> None:
    losses, scores = np.array([0.3, 0.2, 0.2, 0.4]), np.array([0.6, 0.7, 0.9, 0.8])
    standing = Standing(0, "running", 4, scores, losses)
    assert [standing.score_after(epochs) for epochs in (1, 2, 3, 4)] == [0.6, 0.7, 0.7, 0.7]
