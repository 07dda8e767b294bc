"""Which law is named, and when none is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.large_batch.distance import LAWS
from ikura.large_batch.distance_law import growth_of

T = np.arange(1, 201) * 30.0


def distances(law: str, first: float, second: float) -> np.ndarray:
    return {"log": first + second * np.log(T), "sqrt": first + second * np.sqrt(T), "power": first * T**second}[law]


@pytest.mark.parametrize("law", LAWS)
@settings(deadline=None, max_examples=30)
@given(st.floats(0.5, 2), st.floats(0.2, 0.4))
def test_a_law_without_noise_is_named(law: str, first: float, second: float) -> None:
    found = growth_of(T, distances(law, first, second))
    assert (found.law, found.verdict) == (law, LAWS[law])


def test_what_no_law_predicts() -> None:
    # It stops in the middle of the last third of log t, and then comes back.
    found = growth_of(T, np.where(T < 1000, T, 1000 * (1000 / T) ** 2))
    assert (found.law, found.verdict) == (None, "none of them")


def test_laws_that_predict_alike_are_not_decided() -> None:
    noise = 1 + 0.02 * np.random.default_rng(0).standard_normal(T.size)
    # A power of 0.02 and a logarithm are one line within the noise.
    found = growth_of(T, 5 * T**0.02 * noise)
    assert (found.law, found.verdict) == (None, "not decided")


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_epochs(count: int) -> None:
    found = growth_of(T[:count], T[:count])
    assert (found.law, found.alpha, found.verdict) == (None, None, "too few epochs")
    assert np.isnan(found.distance) if not count else found.distance == T[count - 1]


def test_nothing_counts_after_a_divergence() -> None:
    exact = distances("log", 1, 0.5)
    broken = np.concatenate([exact, [np.inf, 3.0]])
    assert growth_of(np.arange(1, 203) * 30.0, broken) == growth_of(T, exact)


def test_a_layer_that_stays_has_no_law() -> None:
    found = growth_of(T, np.zeros(200))
    assert (found.distance, found.law, found.verdict) == (0.0, None, "too few epochs")


def test_a_law_is_seldom_named_wrongly() -> None:
    rng, named, wrong, trainings = np.random.default_rng(0), 0, 0, 150
    t = T[:20]
    for number in range(trainings):
        law = list(LAWS)[number % 3]
        slopes = {"log": (0.2, 1.0), "sqrt": (0.02, 0.3), "power": (0.15, 0.45)}
        exact = distances(law, rng.uniform(0.5, 1.5), rng.uniform(*slopes[law]))[:20]
        noise = [rng.standard_normal()]
        for _ in range(19):
            noise.append(0.9 * noise[-1] + (1 - 0.9**2) ** 0.5 * rng.standard_normal())
        found = growth_of(t, exact * (1 + 0.01 * np.array(noise)))
        named += found.law is not None
        wrong += found.law not in (None, law)
    assert named > trainings / 2
    assert wrong < named / 20
