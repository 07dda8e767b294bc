"""The level of the check `learnable`: how often tables of noise seem to hold something."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from ikura.checks import forest
from ikura.checks.learnable import LearnableCheck
from ikura.checks.subject import Subject
from ikura.population.examples import Examples

from ..sweep import swept

FEW, MANY = 40, 200


def subject(x: np.ndarray, y: np.ndarray, regression: bool, seed: int) -> Subject:
    train = Examples(x.astype(np.float32), np.zeros((len(x), 0), np.int32), y.astype(np.float32))
    return Subject(
        "a table", "regression" if regression else "binary", train, classes=0 if regression else 2, seed=seed
    )


@pytest.mark.parametrize("regression", swept([False, True], core=["False"]))
@pytest.mark.parametrize("tables", swept([FEW, MANY], core=[f"{FEW}"]))
@pytest.mark.filterwarnings("ignore")
def test_noise_passes_at_most_as_often_as_the_level_says(
    tables: int, regression: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables of noise pass as often as they may, in 5 % (binomial, one-sided, at 1e-3).

    Forests of few trees make the test quick; the level does not depend on their number.
    """
    monkeypatch.setattr(forest, "TREES", 15)
    passed = 0
    for seed in range(tables):
        random = np.random.default_rng([7, seed, regression])
        x = random.normal(size=(60, 4))
        y = random.normal(size=60) if regression else random.integers(0, 2, 60)
        passed += LearnableCheck().run(subject(x, y, regression, seed)).verdict == "pass"
    assert binomtest(passed, tables, 0.05, alternative="greater").pvalue > 1e-3


@pytest.mark.parametrize("regression", [False, True])
def test_what_can_be_learned_is_seen(regression: bool) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(120, 4))
    signal = x[:, 0] + random.normal(size=120)
    found = LearnableCheck().run(subject(x, signal if regression else signal > 0, regression, 0))
    assert found.verdict == "pass"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("share", [0.008, 0.02])
def test_a_rare_class_that_can_be_learned_is_seen(share: float) -> None:
    """No learner names a rare class at one half; what is asked is whether it lies where it is named."""
    random = np.random.default_rng(2)
    x = random.normal(size=(3000, 4))
    height = x[:, 0] ** 2 + x[:, 1] + random.normal(size=3000)
    found = LearnableCheck().run(subject(x, height > np.quantile(height, 1 - share), False, 0))
    assert (found.verdict, found.figures["score"] > 0.6) == ("pass", True)
    shuffled = random.permutation(height) > np.quantile(height, 1 - share)
    assert LearnableCheck().run(subject(x, shuffled, False, 0)).verdict == "fail"
