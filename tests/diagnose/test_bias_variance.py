"""Bias and variance from errors: the textbook's answers, intervals, and what is still missing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    d2_pinball_score,
    f1_score,
    r2_score,
    roc_auc_score,
)
from sklearn.neighbors import KNeighborsClassifier

from ikura.diagnose import Diagnosis, Estimate, judge_errors
from ikura.diagnose.best_achievable import best_achievable, cover_hart, nearest_neighbour
from ikura.diagnose.bias_variance import MARGIN
from ikura.diagnose.error_rates import compared, error_of, measured_by, rates
from ikura.errors import UsageError
from ikura.json_values import typed
from ikura.metric import METRICS
from ikura.metric.estimate import difference, known_error, percent, with_seeds
from ikura.metric.interval import wilson
from ikura.study.record.diagnosis import Errors, Neighbour

ZERO = Estimate.exactly(0.0)


@pytest.mark.parametrize(
    ("train", "dev", "optimal", "bias", "variance"),
    [
        (0.01, 0.11, 0.0, "low", "high"),
        (0.15, 0.16, 0.0, "high", "low"),
        (0.15, 0.16, 0.15, "low", "low"),
        (0.15, 0.30, 0.0, "high", "high"),
        (0.005, 0.01, 0.0, "low", "low"),
    ],
)
def test_the_textbooks_answers(train: float, dev: float, optimal: float, bias: str, variance: str) -> None:
    found = judge_errors(rates(train, dev, 50_000, 50_000), Estimate.exactly(optimal))
    assert (found.bias.verdict, found.variance.verdict) == (bias, variance)
    named = {name for name in ("bias", "variance") if f"high {name}" in found.sentence.lower()}
    assert named == {one.name for one in (found.bias, found.variance) if one.verdict == "high"}
    assert typed(Diagnosis, found.as_dict()) == found


@pytest.mark.parametrize(("train", "dev"), [(0.01, 0.11), (0.15, 0.16), (0.15, 0.30), (0.005, 0.01)])
def test_of_a_handful_of_dev_examples_nothing_is_told(train: float, dev: float) -> None:
    found = judge_errors(rates(train, dev, 5000, 10), ZERO).variance
    assert found.verdict == "cannot tell"
    assert found.examples_needed is not None
    assert found.examples_needed > 5


@pytest.mark.parametrize(("train", "dev"), [(0.01, 0.08), (0.05, 0.051), (0.2, 0.3), (0.0, 0.004), (0.3, 0.5)])
@pytest.mark.parametrize("rows", [10, 15, 20])
def test_with_the_examples_that_were_missing_there_is_a_verdict(train: float, dev: float, rows: int) -> None:
    """About: a hundredth more is enough, a hundredth less is not."""
    few = judge_errors(rates(train, dev, 200_000, rows), ZERO).variance
    assert few.verdict == "cannot tell"
    assert few.examples_needed is not None
    enough = round(1.01 * (rows + few.examples_needed)) + 1
    wanted = "high" if dev - train > 0.02 else "low"
    assert judge_errors(rates(train, dev, 200_000, enough), ZERO).variance.verdict == wanted
    sparse = round(0.98 * (rows + few.examples_needed)) - 1
    assert judge_errors(rates(train, dev, 200_000, sparse), ZERO).variance.verdict == "cannot tell"


def test_a_bias_asks_for_training_examples() -> None:
    few = judge_errors(rates(0.05, 0.05, 50, 100_000), ZERO).bias
    assert (few.verdict, few.of) == ("cannot tell", "training")
    enough = 52 + round(1.01 * (few.examples_needed or 0))
    assert judge_errors(rates(0.05, 0.05, enough, 100_000), ZERO).bias.verdict == "high"


def test_what_cannot_be_told_says_which_error_is_measured_on_too_few() -> None:
    found = judge_errors(rates(2 / 206, 2 / 69, 206, 69), ZERO)
    assert [gap.verdict for gap in found.gaps] == ["cannot tell", "cannot tell"]
    assert [(gap.of, gap.rows) for gap in found.gaps] == [("training", 206), ("dev", 69)]
    for gap in found.gaps:
        more = f"about {gap.examples_needed:,} more"
        measured = f"the {gap.of} error is measured on {gap.rows} examples, and {more} would settle it."
        assert f"Can't tell yet whether the {gap.name} is high: {measured}" in found.sentence
        assert gap.missing == f"{more} {gap.of} examples to measure on"
    assert "does not say that training on more would help" in found.sentence


def test_a_bound_that_is_too_loose_asks_for_no_examples() -> None:
    found = judge_errors(rates(0.15, 0.15, 10_000, 10_000), Estimate(0.08, 0.01, 0.155), "estimate")
    assert found.bias.missing == ""
    assert "the bias is high: the best achievable error is not known well enough." in found.sentence
    assert "measure" not in found.sentence


def test_a_gap_right_at_the_border_asks_for_a_finite_number() -> None:
    found = judge_errors(rates(0.01, 0.03, 1000, 1000), ZERO).variance
    assert found.verdict == "cannot tell"
    assert 1000 < (found.examples_needed or 0) < 100_000


@given(st.floats(0, 0.6), st.floats(0, 0.6), st.floats(0, 0.5), st.integers(5, 10**5), st.integers(5, 10**5))
def test_gaps_lie_in_their_intervals_and_verdicts_follow(
    train: float, dev: float, optimal: float, rows: int, dev_rows: int
) -> None:
    found = judge_errors(rates(train, dev, rows, dev_rows), Estimate.exactly(optimal))
    for gap, value in ((found.bias, train - optimal), (found.variance, dev - train)):
        # Differences are rounded to 12 digits.
        assert gap.value == pytest.approx(value, abs=2e-12)
        assert gap.low <= gap.value <= gap.high
        assert (gap.verdict == "high") == (gap.low > found.worth)
        small = gap.high <= (1 + MARGIN) * found.worth
        assert (gap.verdict == "low") == (small and gap.verdict != "high")
        assert (gap.examples_needed is None and gap.border is None) == (gap.verdict != "cannot tell")
        assert gap.examples_needed is None or gap.border is None


@given(st.floats(0, 0.5), st.floats(0, 0.5), st.integers(5, 10**5))
def test_a_border_is_named_where_no_sensible_number_of_examples_would_tell(train: float, dev: float, rows: int) -> None:
    found = judge_errors(rates(train, dev, 10**9, rows), ZERO).variance
    if found.border is None:
        assert (found.examples_needed or 0) < max(50_000, 100 * rows)
        return
    assert found.missing == f"too near the border of {percent(found.border)} to be told"
    assert found.border in (found.worth, 1.25 * found.worth)
    many = round(0.98 * (rows + max(50_000, 100 * rows)))
    assert judge_errors(rates(train, dev, 10**9, many), ZERO).variance.verdict == "cannot tell"


def test_what_lies_at_the_border_asks_for_nothing() -> None:
    found = judge_errors(over_seeds(0.0222, 0.01, 3, 69), ZERO)
    assert found.variance.border == 0.025
    assert (found.variance.examples_needed, found.variance.seeds_needed) == (None, None)
    assert "it lies too near the border of 2.5 % to be told from 69 dev examples and 3 seeds" in found.sentence


def test_newcombes_own_example() -> None:
    """56/70 against 48/80: 0.0524 to 0.3339 by his method 10 (table II, example a)."""
    first, second = (Estimate(a / n, *wilson(a, n, 0.95)) for a, n in ((56, 70), (48, 80)))
    found = difference(first, second)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_an_estimate_of_the_best_achievable_error_is_a_pair_of_bounds() -> None:
    errors = rates(0.15, 0.16, 10_000, 10_000)
    wide = judge_errors(errors, Estimate(0.08, 0.01, 0.155), "estimate", note="an estimate: …")
    assert wide.bias.verdict == "cannot tell"
    assert wide.bias.examples_needed is None
    assert "estimate" in wide.optimal_note
    narrow = judge_errors(errors, Estimate(0.02, 0.01, 0.03), "estimate")
    assert narrow.bias.verdict == "high"
    # The training error itself is only known to about 0.7 points, and the bound is nearer than that.
    near = judge_errors(rates(0.15, 0.16, 1000, 1000), Estimate(0.05, 0.01, 0.12), "estimate")
    assert near.bias.verdict == "cannot tell"
    assert near.bias.examples_needed is not None


def test_with_nothing_known_of_the_optimum_a_small_training_error_is_no_bias() -> None:
    assert judge_errors(rates(0.001, 0.1, 10_000, 10_000)).bias.verdict == "low"
    assert judge_errors(rates(0.1, 0.12, 10_000, 10_000)).bias.verdict == "cannot tell"


def test_mismatch_takes_its_share_of_the_variance() -> None:
    errors = rates(0.01, 0.20, 20_000, 20_000)
    apart = rates(0.02, 0.20, 20_000, 20_000)
    found = judge_errors(errors, ZERO, apart=apart)
    assert [gap.verdict for gap in found.gaps] == ["low", "low", "high"]
    assert found.mismatch is not None
    assert found.mismatch.value == pytest.approx(0.18)
    assert found.train_dev == apart.train
    assert [(gap.of, gap.rows) for gap in found.gaps] == [("training", 20_000), ("train-dev", 20_000), ("dev", 20_000)]
    assert "mismatch" in found.sentence


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_an_error_that_is_no_share_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match="share"):
        known_error(value, None)
    with pytest.raises(UsageError, match="exclude"):
        known_error(0.1, 0.2)


def test_errors_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 200)
    share = np.clip(0.3 * truth + 0.7 * random.random(200), 0, 1)
    prediction, target = torch.from_numpy(share), torch.from_numpy(truth).double()
    answer = share > 0.5
    wanted = {
        "accuracy": 1 - (answer == truth).mean(),
        "log_loss": 1 - (answer == truth).mean(),
        "balanced_accuracy": 1 - balanced_accuracy_score(truth, answer),
        "f1": 1 - f1_score(truth, answer),
        "roc_auc": 1 - roc_auc_score(truth, share),
        "rmse": 1 - r2_score(truth, share),
        "brier": 1 - (answer == truth).mean(),
        "mcc": 1 - balanced_accuracy_score(truth, answer),
        "average_precision": 1 - average_precision_score(truth, share),
        "quantile:0.9": 1 - d2_pinball_score(truth, share, alpha=0.9),
    }
    for name, value in wanted.items():
        by, _ = measured_by(METRICS[name])
        # Squared errors are kept in float32.
        found, by_seed = error_of(by, [prediction, prediction], target)
        assert found.value == pytest.approx(value, abs=1e-7), name
        assert by_seed == pytest.approx([value] * 2, abs=1e-7)
        assert found.low < value < found.high


def test_the_interval_over_examples_and_seeds_covers() -> None:
    """Networks whose own accuracies vary around 0.8 by 0.03, three at a time, on 150 examples.

    400 repetitions: 95 % has a standard error of 1.1 %, so that below 91 % is an accident of 1 in 5000. The interval
    errs on the cautious side, so there is no bound above.
    """
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        skill = random.normal(0.8, 0.03, 3)
        hard = random.random(150)
        right = [torch.from_numpy((hard < one).astype(float)) for one in skill]
        found, by_seed = error_of(METRICS["accuracy"], right, torch.ones(150))
        whole = with_seeds(found, by_seed, 150)
        covered += whole.low <= 0.2 <= whole.high
    assert covered / 400 > 0.91


def test_one_network_or_equal_ones_widen_nothing() -> None:
    found = Estimate(0.2, 0.1, 0.3)
    assert with_seeds(found, [0.2], 50) == found
    assert with_seeds(found, [0.2, 0.2], 50) == found
    wider = with_seeds(found, [0.1, 0.2, 0.3], 50)
    assert wider.low < 0.1
    assert wider.high > 0.3


def test_the_gap_is_measured_network_by_network() -> None:
    """Errors that rise and fall together leave a gap that is sure."""
    train, dev = ((Estimate(v, v - 0.01, v + 0.01), [v - 0.1, v, v + 0.1]) for v in (0.2, 0.3))
    found = compared("error rate", train, dev, (100, 100))
    assert found.dev.high - found.dev.low > 0.4
    assert found.gap.high - found.gap.low == pytest.approx(0.02 * 2**0.5, abs=1e-9)


def test_the_nearest_neighbour_is_scikit_learns() -> None:
    random = np.random.default_rng(1)
    x, asked = random.normal(size=(300, 4)), random.normal(size=(90, 4))
    y, truth = (np.digitize(one[:, 0], [-0.5, 0.5]) for one in (x, asked))
    found = nearest_neighbour(x, y, asked, truth, 3)
    peer = KNeighborsClassifier(1).fit(x.astype(np.float32), y).score(asked.astype(np.float32), truth)
    assert found.error == pytest.approx(1 - peer)
    assert 0 <= found.limit <= found.error
    target = 2 * x[:, 0] + 1
    level = nearest_neighbour(x, target, x, target, 0)
    assert level.error == 0


@pytest.mark.parametrize("noise", [0.1, 0.25])
def test_the_bound_finds_the_error_of_noisy_labels(noise: float) -> None:
    """Labels flipped at random: nobody can be right more often. The bound's error is that of 2000 dev examples."""
    random = np.random.default_rng(2)
    x, asked = random.random((4000, 1)), random.random((2000, 1))
    y, truth = ((one[:, 0] > 0.5) ^ (random.random(len(one)) < noise) for one in (x, asked))
    neighbour = nearest_neighbour(x, y.astype(float), asked, truth.astype(float), 2)
    assert cover_hart(neighbour.error, 2) == pytest.approx(noise, abs=0.035)
    assert neighbour.limit <= neighbour.error
    found, note = best_achievable(neighbour, {"this study": Estimate(noise + 0.03, noise, noise + 0.05)})
    assert noise / 2 < found.low < noise + 0.035
    assert found.high >= noise
    assert note.startswith("an estimate")


def test_neighbours_that_still_come_nearer_bound_little() -> None:
    """Classes that never overlap, in 20 dimensions: nobody need be wrong, though the nearest neighbour often is."""
    random = np.random.default_rng(4)
    x, asked = random.normal(size=(3000, 20)), random.normal(size=(1500, 20))
    y, truth = ((one[:, :3].sum(axis=1) > 0).astype(float) for one in (x, asked))
    neighbour = nearest_neighbour(x, y, asked, truth, 2)
    assert neighbour.error > 0.2
    assert cover_hart(neighbour.limit, 2) < cover_hart(neighbour.error, 2) / 2


def test_neighbours_too_far_away_bound_nothing() -> None:
    reached = {"this study": Estimate(0.02, 0.01, 0.03), "a random forest": Estimate(0.015, 0.01, 0.02)}
    found, note = best_achievable(Neighbour(0.4, 0.35, 10, 500), reached)
    assert (found.low, found.high) == (0.0, 0.02)
    assert "a random forest" in note
    assert "too far away" in note
    assert best_achievable(None, reached)[0].low == 0


@pytest.mark.parametrize(("train", "rows", "dev_rows"), [(0.01, 2000, 500), (0.15, 300, 100), (0.0, 5000, 60)])
@pytest.mark.parametrize(("gap", "wrong"), [(0.02, "high"), (0.02 * (1 + MARGIN), "low")])
def test_verdicts_are_wrong_no_more_often_than_they_say(
    train: float, rows: int, dev_rows: int, gap: float, wrong: str
) -> None:
    """At the border of a verdict one end of a 95 % interval decides.

    Of 3000 draws a share of 2.5 % has a standard error of 0.3 %, and Newcombe's one end misses up to 4 % here: 5 % is
    an accident of less than 1 in 100, and the draws are always the same.
    """
    random = np.random.default_rng(5)
    told = 0
    for _ in range(3000):
        found = rates(
            random.binomial(rows, train) / rows, random.binomial(dev_rows, train + gap) / dev_rows, rows, dev_rows
        )
        told += judge_errors(found, ZERO).variance.verdict == wrong
    assert told / 3000 < 0.05


def over_seeds(gap: float, spread: float, seeds: int, rows: int, train: float = 0.01) -> Errors:
    """Errors of networks whose dev errors vary from seed to seed by exactly so much."""
    shape = np.arange(seeds) - (seeds - 1) / 2
    shape = shape / shape.std(ddof=1) * spread
    found = []
    for value, own in ((train, 0 * shape), (train + gap, shape)):
        low, high = wilson(value * rows, rows, 0.95)  # type: ignore[arg-type]
        found.append((Estimate(value, low, high), (value + own).tolist()))
    return compared("error rate", found[0], found[1], (rows, rows))


@given(st.floats(0.0, 0.2), st.floats(0.001, 0.1), st.integers(2, 8), st.sampled_from([50, 400, 20_000, 10**6]))
@settings(max_examples=200)
def test_with_the_seeds_and_examples_that_were_asked_for_there_is_a_verdict(
    gap: float, spread: float, seeds: int, rows: int
) -> None:
    """About: the spread that is found later is taken to be the one found now."""
    found = judge_errors(over_seeds(gap, spread, seeds, rows), ZERO).variance
    if found.verdict != "cannot tell":
        assert found.missing == ""
        return
    more_seeds, more_rows = found.seeds_needed or 0, found.examples_needed or 0
    if found.border is not None:
        assert not more_seeds
        assert not more_rows
        return
    assert more_seeds or more_rows
    # Examples are asked for of the dev set; the training error's part is at most as long here, so both grow.
    later = over_seeds(gap, spread, seeds + more_seeds, round(1.3 * (rows + 2 * more_rows)))
    assert judge_errors(later, ZERO).variance.verdict != "cannot tell"


def test_seeds_are_asked_for_where_seeds_decide_and_examples_where_examples_do() -> None:
    wild = judge_errors(over_seeds(0.03, 0.05, 3, 10**6), ZERO).variance
    assert (wild.verdict, wild.examples_needed) == ("cannot tell", None)
    assert 5 < (wild.seeds_needed or 0) < 500
    assert "more seeds" in wild.missing
    assert "examples" not in wild.missing
    calm = judge_errors(over_seeds(0.05, 0.0005, 5, 200), ZERO).variance
    assert (calm.verdict, calm.seeds_needed) == ("cannot tell", None)
    assert "dev examples" in calm.missing
    both = judge_errors(over_seeds(0.03, 0.05, 3, 100), ZERO).variance
    assert both.seeds_needed
    assert both.examples_needed
    words = judge_errors(over_seeds(0.03, 0.05, 3, 10**6), ZERO).sentence
    assert f"it varies between 3 seeds, and about {wild.seeds_needed:,} more would settle it." in words


@pytest.mark.parametrize("difference", [0.0, 0.01, 0.019, 0.02, 0.0205, 0.0225, 0.023, 0.04])
def test_every_difference_is_told_with_examples_enough(difference: float) -> None:
    assert judge_errors(rates(0.15, 0.15 + difference, 10**7, 10**7), ZERO).variance.verdict != "cannot tell"


def test_bias_and_variance_are_judged_by_the_fit_that_training_reaches() -> None:
    """Early stopping kept an epoch with 13.7 % of the training set wrong; training to its end leaves none wrong."""
    kept, whole = rates(0.137, 0.2, 20_000, 20_000), rates(0.0, 0.2, 20_000, 20_000)
    assert judge_errors(kept, ZERO).bias.verdict == "high"
    found = judge_errors(replace(kept, reached=whole.train, reached_gap=whole.gap), ZERO)
    assert [gap.verdict for gap in found.gaps] == ["low", "high"]
    assert found.variance.value == pytest.approx(0.2)
    assert "13.7 % on the training set, which training to its end brings to 0 %" in found.sentence
    assert typed(Diagnosis, json.loads(json.dumps(found.as_dict()))) == found
    unknown = judge_errors(replace(kept, cut=True), ZERO)
    assert unknown.bias.verdict == "cannot tell"
    assert "early stopping kept an epoch after which the training loss still fell" in unknown.sentence
