"""The power law of learning curves, against SciPy and against curves that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from ikura.diagnose.learning_curve import sizes_of
from ikura.diagnose.power_law import EXPONENTS, fit

SIZES = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5), st.lists(st.floats(0.1, 10), min_size=5, max_size=5))
def test_no_exponent_and_no_level_fits_better(errors: list[float], weights: list[float]) -> None:
    """For each exponent SciPy solves the same least squares with numbers of at least 0."""
    law = fit(SIZES, errors, weights)
    w = np.sqrt(np.array(weights) / np.sum(weights))
    best = min(
        nnls(np.column_stack([np.ones(5), (SIZES / SIZES.max()) ** -c]) * w[:, None], np.array(errors) * w)[1]
        for c in EXPONENTS
    )
    found = np.linalg.norm(w * (np.array([law(n)[0] for n in SIZES]) - errors))
    assert found == pytest.approx(best, abs=1e-7)
    assert law.a[0] >= 0
    assert law.b[0] >= 0


@pytest.mark.parametrize(("a", "b", "c"), [(0.05, 2.0, 0.5), (0.0, 0.8, 0.25), (0.1, 30.0, 1.0)])
def test_a_power_law_goes_on_as_it_was(a: float, b: float, c: float) -> None:
    """The exponents lie 8 % apart, which moves what is expected of 16 times the data by less than a hundredth."""
    law = fit(SIZES, a + b * SIZES**-c, np.ones(5))
    for times in (2, 4, 16):
        n = times * SIZES[-1]
        assert law(n)[0] == pytest.approx(a + b * n**-c, abs=0.01)


def test_many_curves_are_fitted_as_each_alone() -> None:
    curves = np.random.default_rng(0).random((7, 5))
    weights = [1, 2, 3, 2, 1]
    together = fit(SIZES, curves, weights)(5000)
    assert together == pytest.approx([fit(SIZES, one, weights)(5000)[0] for one in curves])


def test_the_level_cannot_undercut_what_is_known() -> None:
    law = fit(SIZES, 0.02 + 3 * SIZES**-0.7, np.ones(5), least=0.02)
    assert law(1e9)[0] >= 0.02
    assert law(3200)[0] == pytest.approx(0.02 + 3 * 3200**-0.7, abs=0.005)


def test_a_missing_error_is_missing_in_what_is_expected() -> None:
    assert np.isnan(fit(SIZES, [0.3, np.nan, 0.2, 0.1, 0.1], np.ones(5))(3200)).all()


def test_sizes_double_up_to_the_whole() -> None:
    assert sizes_of(1000) == [62, 125, 250, 500, 1000]
    assert sizes_of(1000, train_dev=True) == [62, 125, 250, 500, 800, 1000]
    assert sizes_of(50) == [25, 50]
    assert sizes_of(7) == [7]
