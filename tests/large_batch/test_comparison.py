"""The comparison's numbers against their definitions, on networks made by hand."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ikura.large_batch.column_training import Trained
from ikura.large_batch.comparison import Row, choose_column, compare, margin_of
from ikura.large_batch.scaling_columns import Column
from ikura.large_batch.timing import epochs_to
from ikura.large_batch.verdict import Verdict, Wanted, verdict_of, wanted
from ikura.metric import METRICS
from ikura.study.selection_bias import Difference, difference
from ikura.trial_state import State

HOLDS, LOSES, CANT_TELL = Verdict.HOLDS, Verdict.LOSES, Verdict.CANT_TELL
ACCURACY, N = METRICS["accuracy"], 1000


def network(right: int | np.ndarray, epochs: int = 3) -> Trained:
    """A network that is right on so many of the dev examples, and was better from epoch to epoch."""
    shown = np.arange(N) < right if isinstance(right, int) else right
    score = shown.mean()
    curve = [[0.0, 1 / (epoch + 1), score * (epoch + 1) / epochs] for epoch in range(epochs)]
    return Trained(State.COMPLETE, np.array(curve), epochs, shown.astype(np.uint8), np.zeros(1, np.float32))


DIVERGED = Trained(State.DIVERGED, np.empty((0, 3)), 0, None, np.zeros(0, np.float32))


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
    assert (first.verdict, first.difference, isnan(first.p)) == (None, 0, True)


def test_a_lower_score_that_is_better_is_read_so() -> None:
    names = [column("small batch"), column("large batch", 64)]
    small, large = ([network(right) for right in group] for group in ((100, 110), (300, 310)))
    loss = METRICS["mae"]
    found = compare(names, {"small batch": small, "large batch": large}, loss, torch.zeros(N), 130, 0.01)
    assert found[1].difference == pytest.approx(0.2)
    assert found[1].verdict == LOSES
    found = compare(names, {"small batch": large, "large batch": small}, loss, torch.zeros(N), 130, 0.01)
    assert found[1].verdict == HOLDS


@pytest.mark.parametrize(
    ("gain", "margin", "verdict"),
    # A difference in all seeds on so many of 1000 examples has the standard error √(share (1 - share) / 1000), some
    # .0014 for 2, .003 for 10 and .007 for 50, and twice that is half of the interval.
    [(0, 0.003, HOLDS), (-2, 0.01, HOLDS), (-2, 0.003, CANT_TELL), (-10, 0.003, LOSES), (-10, 0.009, CANT_TELL),
     (-50, 0.003, LOSES), (50, 0.003, HOLDS), (-10, 0.02, HOLDS)],
)  # fmt: skip
def test_verdicts(gain: int, margin: float, verdict: str) -> None:
    small, large = [network(800)] * 3, [network(800 + gain)] * 3
    assert rows(small, large, margin)[1].verdict == verdict


def test_a_measures_gain_is_over_the_column_before() -> None:
    names = [column("small batch"), column("large batch", 64), column("+ learning rate", 64)]
    groups = [[network(right) for right in pair] for pair in ((900, 910), (800, 820), (890, 905))]
    trained = dict(zip((one.name for one in names), groups, strict=True))
    small, large, more = compare(names, trained, ACCURACY, torch.ones(N), 130, 0.003)
    assert isnan(small.gain)
    assert isnan(large.gain)
    shown = [[one.evidence for one in group if one.evidence is not None] for group in (groups[2], groups[1])]
    told = difference(ACCURACY, *shown, torch.ones(N))
    assert (more.gain, more.gain_interval) == (pytest.approx(0.0875), told.interval)


def test_a_column_with_a_network_that_diverged_loses() -> None:
    row = rows([network(800)] * 2, [network(990), DIVERGED])[1]
    assert (row.verdict, row.diverged, row.epochs_to_score) == (LOSES, 1, inf)
    assert isnan(row.dev)
    assert isnan(row.difference)


@pytest.mark.parametrize(
    ("interval", "margin", "verdict"),
    [((-0.0229, 0.0136), 0.003, CANT_TELL), ((-0.0079, 0.0034), 0.003, CANT_TELL), ((-0.0029, 0.01), 0.003, HOLDS),
     ((-0.02, -0.0031), 0.003, LOSES), ((-0.02, -0.001), 0.003, CANT_TELL), ((0.0, 0.0), 0.0, HOLDS),
     ((nan, nan), 0.003, CANT_TELL)],
)  # fmt: skip
def test_a_verdict_is_the_intervals(interval: tuple[float, float], margin: float, verdict: Verdict) -> None:
    assert verdict_of(interval, margin) is verdict


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.2))
def test_the_point_alone_decides_nothing(gain: float, below: float, above: float, margin: float) -> None:
    verdict = verdict_of((gain - below, gain + above), margin)
    if verdict is LOSES:
        assert gain + above < -margin
    elif verdict is HOLDS:
        assert gain - below >= -margin
    else:
        assert gain - below < -margin <= gain + above


def told(value: float, over_seeds: float, over_examples: float, seeds: int = 5, examples: int = 100) -> Difference:
    return Difference(value, (nan, nan), nan, seeds, over_examples, over_seeds, examples)


def test_seeds_are_wanted_where_their_spread_decides() -> None:
    found = wanted(told(-0.01, 0.02**2, 0.0), -0.01, 0.0)
    assert found.examples is None
    assert found.seeds is not None
    # t .02 / √R < .01 for R seeds, t being Student's at R - 1: 18 are enough and 17 are not; asked for in steps of 5 %.
    needed = next(r for r in range(6, 100) if stats.t.ppf(0.975, r - 1) * 0.02 / r**0.5 < 0.01)
    assert needed <= found.seeds <= needed + 1


def test_examples_are_wanted_where_seeds_would_not_do() -> None:
    found = wanted(told(-0.01, 0.001**2, 0.02**2), -0.01, 0.0)
    # 1.96 · .02 · √(100 / n) < .01: n of some 1540, a few more for the spread over seeds.
    assert found.examples is not None
    assert 1500 <= found.examples <= 1700
    assert wanted(told(-0.003, 0.01, 0.01), -0.003, 0.003) == Wanted()


def test_an_open_verdict_says_what_would_settle_it() -> None:
    generator = np.random.default_rng(1)
    small = [network(generator.random(N) < 0.8) for _ in range(3)]
    large = [network(generator.random(N) < 0.795) for _ in range(3)]
    row = rows(small, large)[1]
    assert row.verdict is CANT_TELL
    assert row.wanted is not None
    assert rows(small, small)[1].wanted is None


def test_a_control_is_measured_against_the_large_batch() -> None:
    control = replace(column("control: dropout", 64), control=True)
    names = [column("small batch"), column("large batch", 64), column("+ learning rate", 64), control]
    groups = [[network(right) for right in pair] for pair in ((900, 910), (800, 820), (890, 905), (700, 730))]
    trained = dict(zip((one.name for one in names), groups, strict=True))
    found = compare(names, trained, ACCURACY, torch.ones(N), 130, 0.003)[3]
    assert found.gain == pytest.approx(-0.095)
    better = [judged("small batch", None, 0.9), judged("large batch", LOSES, 0.8), replace(found, verdict=HOLDS)]
    assert choose_column(better, 1.0).name == "large batch"


@pytest.mark.parametrize(("lost", "kept"), [(1, False), (4, True), (5, True)])
def test_a_measure_that_stops_divergence_gains_beyond_chance(lost: int, kept: bool) -> None:
    names = [column("small batch"), column("large batch", 64), column("+ clipping", 64)]
    groups = [[network(800)] * 5, [DIVERGED] * lost + [network(800)] * (5 - lost), [network(800)] * 5]
    trained = dict(zip((one.name for one in names), groups, strict=True))
    row = compare(names, trained, ACCURACY, torch.ones(N), 130, 0.003)[2]
    # Fisher's exact test: of five and five, four against none have p = .048, one against none p = 1.
    assert row.gains is kept


def judged(name: str, verdict: Verdict | None, dev: float, diverged: int = 0) -> Row:
    low = nan if diverged else dev - 1
    return Row(name, {}, "", 8, 0.1, 3, 9, dev, 0, 0, (low, low + 0.5), nan, verdict, diverged, 2)


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        ((LOSES, HOLDS, HOLDS), 2),
        ((CANT_TELL, HOLDS, LOSES), 2),
        ((LOSES, CANT_TELL, CANT_TELL), 3),
        ((LOSES, LOSES, LOSES), 3),
    ],
)
def test_the_first_that_holds_is_chosen_else_the_least_loss_at_worst(
    verdicts: tuple[Verdict, ...], wanted: int
) -> None:
    every = [judged("0", None, 0.9), *(judged(str(n), one, n / 10) for n, one in enumerate(verdicts, 1))]
    assert choose_column(every, 1.0).name == str(wanted)
    if LOSES == verdicts[0] == verdicts[1]:
        assert choose_column(every, -1.0).name == "1"
        assert choose_column([*every, judged("4", LOSES, nan, 2)], 1.0).name == "3"


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
