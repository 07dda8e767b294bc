"""The comparison's numbers against their definitions, on networks made by hand."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
import torch

from ikura.large_batch.clock import epochs_to
from ikura.large_batch.comparison import KEEPS, LOSES, NOT_TOLD_APART, Row, chosen, compare, margin_of
from ikura.large_batch.settings import Column
from ikura.large_batch.training import Trained
from ikura.metric import METRICS
from ikura.study.selection import difference

ACCURACY, N = METRICS["accuracy"], 1000


def network(right: int | np.ndarray, epochs: int = 3) -> Trained:
    """A network that is right on so many of the dev examples, and was better from epoch to epoch."""
    shown = np.arange(N) < right if isinstance(right, int) else right
    score = shown.mean()
    curve = [[0.0, 1 / (epoch + 1), score * (epoch + 1) / epochs] for epoch in range(epochs)]
    return Trained("complete", np.array(curve), epochs, shown.astype(np.uint8), np.zeros(1, np.float32))


DIVERGED = Trained("diverged", np.empty((0, 3)), 0, None, np.zeros(0, np.float32))


def column(name: str, batch: int = 8, **given: Any) -> Column:
    return Column(name, {"batch_size": batch, "learning_rate": 0.1, **given}, 3, None, {}, "")


def rows(small: list[Trained], large: list[Trained], margin: float = 0.003) -> list[Row]:
    names = [column("small batch"), column("large batch", 64)]
    return compare(names, {"small batch": small, "large batch": large}, ACCURACY, torch.ones(N), 130, margin)


def test_the_table_holds_what_its_names_say() -> None:
    small, large = [network(900), network(910)], [network(880), network(896)]
    first, row = rows(small, large)
    assert (first.batch_size, first.updates, row.batch_size, row.updates) == (8, 17 * 3, 64, 3 * 3)
    assert (first.dev, row.dev) == (pytest.approx(0.905), pytest.approx(0.888))
    # Of two values half of the squared difference is the variance.
    assert row.spread == pytest.approx(0.016 / 2**0.5)
    assert row.difference == pytest.approx(-0.017)
    told = difference(
        ACCURACY, *[[one.evidence for one in g if one.evidence is not None] for g in (large, small)], torch.ones(N)
    )
    assert (row.interval, row.p) == (told.interval, told.p)
    assert (first.verdict, first.difference, isnan(first.p)) == ("", 0, True)


def test_a_lower_score_that_is_better_is_read_so() -> None:
    names = [column("small batch"), column("large batch", 64)]
    small, large = ([network(right) for right in group] for group in ((100, 110), (300, 310)))
    loss = METRICS["mae"]
    found = compare(names, {"small batch": small, "large batch": large}, loss, torch.zeros(N), 130, 0.01)
    assert found[1].difference == pytest.approx(0.2)
    assert found[1].verdict == LOSES
    found = compare(names, {"small batch": large, "large batch": small}, loss, torch.zeros(N), 130, 0.01)
    assert found[1].verdict == KEEPS


@pytest.mark.parametrize(
    ("gain", "margin", "verdict"),
    # A difference in all seeds on so many of 1000 examples has the standard error √(share (1 - share) / 1000), some
    # .0014 for 2, .003 for 10 and .007 for 50, and twice that is half of the interval.
    [(0, 0.003, KEEPS), (-2, 0.01, KEEPS), (-2, 0.003, NOT_TOLD_APART), (-10, 0.003, LOSES), (-50, 0.003, LOSES),
     (50, 0.003, KEEPS), (-10, 0.02, KEEPS)],
)  # fmt: skip
def test_verdicts(gain: int, margin: float, verdict: str) -> None:
    small, large = [network(800)] * 3, [network(800 + gain)] * 3
    assert rows(small, large, margin)[1].verdict == verdict


def test_a_column_with_a_network_that_diverged_loses() -> None:
    row = rows([network(800)] * 2, [network(990), DIVERGED])[1]
    assert (row.verdict, row.diverged, row.epochs_to_score) == (LOSES, 1, inf)
    assert isnan(row.dev)
    assert isnan(row.difference)


def judged(name: str, verdict: str, dev: float, diverged: int = 0) -> Row:
    return Row(name, {}, "", 8, 0.1, 3, 9, dev, 0, 0, (nan, nan), nan, verdict, diverged, 2)


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        ((LOSES, KEEPS, KEEPS), 2),
        ((NOT_TOLD_APART, KEEPS, LOSES), 2),
        ((LOSES, NOT_TOLD_APART, NOT_TOLD_APART), 2),
        ((LOSES, LOSES, LOSES), 3),
    ],
)
def test_the_first_that_keeps_the_score_is_chosen(verdicts: tuple[str, ...], wanted: int) -> None:
    every = [judged("0", "", 0.9), *(judged(str(n), one, n / 10) for n, one in enumerate(verdicts, 1))]
    assert chosen(every, 1.0).name == str(wanted)
    if LOSES == verdicts[0] == verdicts[1]:
        assert chosen(every, -1.0).name == "1"
        assert chosen([*every, judged("4", LOSES, nan, 2)], 1.0).name == "3"


def test_the_margin_is_three_tenths_of_a_point_or_the_spread_over_seeds() -> None:
    small = [network(900), network(910)]
    assert margin_of(ACCURACY, None, small) == 0.003
    assert margin_of(METRICS["log_loss"], None, small) == pytest.approx(0.01 / 2**0.5)
    assert margin_of(ACCURACY, 0.0, small) == 0


def test_epochs_count_until_the_mean_of_the_kept_weights_is_there() -> None:
    # The second epoch has the better score and the worse loss: its weights are not kept.
    up = np.array([[0, 0.9, 0.5], [0, 0.95, 0.9], [0, 0.5, 0.7], [0, 0.4, 0.8]])
    early = np.array([[0, 0.9, 0.6]])
    assert epochs_to(0.5, [up], 1.0) == 1
    assert epochs_to(0.7, [up], 1.0) == 3
    assert epochs_to(0.7, [up, early], 1.0) == 4
    assert epochs_to(0.75, [up, early], 1.0) == inf
    assert epochs_to(0.5, [up], -1.0) == 1
    assert epochs_to(0.1, [up, np.empty((0, 3))], 1.0) == inf
