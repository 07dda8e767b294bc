"""A stretched schedule: the same learning rate at the same update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.large_batch.regime import stretch, stretched
from ikura.population.schedule import SHAPES, batch_size_at, learning_rates, pieces_of
from ikura.space import DEFAULTS


def rates(values: dict[str, Any], steps: int, epochs: int) -> np.ndarray:
    """Learning rate of every update of a training."""
    found = [learning_rates(values, epoch, steps, epochs) for epoch in range(epochs)]
    return np.concatenate([one * steps if len(one) == 1 else one for one in found])


@pytest.mark.parametrize("shape", ["constant", "step", "exponential", "cosine", "one_cycle"])
@given(st.integers(2, 6), st.integers(1, 4), st.integers(2, 6), st.integers(0, 2), st.floats(0.05, 1))
@settings(max_examples=40)
def test_as_many_updates_in_every_phase(
    shape: str, ratio: int, steps: int, epochs: int, warm_up: int, decay: float
) -> None:
    values = {
        **DEFAULTS, "schedule_shape": shape, "warm_up": warm_up, "learning_rate_decay": decay, "step_epochs": 2,
        "final_share": 0.1,
    }  # fmt: skip
    longer = stretched(values, epochs, None, ratio)
    assert longer.epochs == ratio * epochs
    small = rates(values, ratio * steps, epochs)
    large = rates({**values, **longer.changes}, steps, longer.epochs)
    # Ten roundings of 1e-16, in the exponent at most 1 · 6 epochs.
    np.testing.assert_allclose(large, small, rtol=1e-14)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True).map(sorted),
    st.integers(2, 8),
    st.integers(1, 4),
    st.integers(2, 40),
)
def test_pieces_and_the_growth_of_batches_come_at_the_same_update(
    begins: list[int], ratio: int, steps: int, epochs: int
) -> None:
    shares = [0.5 ** (place + 1) for place in range(len(begins))]
    values = {
        **DEFAULTS, "schedule_shape": "pieces",
        "pieces": " ".join(f"{begin}:{share:g}" for begin, share in zip(begins, shares, strict=True)),
        "batch_growth": " ".join(f"{begin}:{1 / share:g}" for begin, share in zip(begins, shares, strict=True)),
    }  # fmt: skip
    longer = stretched(values, epochs, None, ratio)
    late = {**values, **longer.changes}
    np.testing.assert_array_equal(rates(late, steps, longer.epochs), rates(values, ratio * steps, epochs))
    sizes = [batch_size_at(values, epoch // ratio) for epoch in range(longer.epochs)]
    assert [batch_size_at(late, epoch) for epoch in range(longer.epochs)] == sizes


@given(st.lists(st.integers(0, 200), min_size=1, max_size=8, unique=True).map(sorted), st.floats(1, 40))
def test_epochs_of_pieces_still_rise_after_rounding(begins: list[int], factor: float) -> None:
    values = {**DEFAULTS, "schedule_shape": "pieces", "pieces": " ".join(f"{begin}:0.1" for begin in begins)}
    found = stretched(values, 300, None, factor).changes
    late = [begin for begin, _ in pieces_of(str(found.get("pieces", values["pieces"])))]
    np.testing.assert_allclose(late, [factor * begin for begin in begins], atol=0.5)


def test_decay_by_inverse_time_meets_at_whole_epochs() -> None:
    values = {**DEFAULTS, "schedule_shape": "inverse_time", "learning_rate_decay": 0.3}
    longer = stretched(values, 5, None, 4)
    small, large = rates(values, 8, 5), rates({**values, **longer.changes}, 2, longer.epochs)
    np.testing.assert_allclose(large[::8], small[::8], rtol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_factor_of_one_changes_nothing(shape: str) -> None:
    values = {**DEFAULTS, "schedule_shape": shape, "warm_up": 2, "learning_rate_decay": 0.1}
    longer = stretched(values, 7, 5, 1)
    assert (longer.epochs, longer.patience, longer.changes) == (7, 5, {})


def test_patience_is_stretched_too() -> None:
    longer = stretched({**DEFAULTS, "schedule_shape": "plateau", "plateau_patience": 3}, 10, 5, 2.5)
    # The rate drops after 4 epochs without improvement, and after 10 then.
    assert (longer.epochs, longer.patience, longer.changes) == (25, 13, {"plateau_patience": 9})


@pytest.mark.parametrize(
    ("regime", "message"),
    [
        ("same-epoch", "did you mean 'same-epochs'"),
        ("0.5", "factor of at least 1"),
        ("inf", "factor of at least 1"),
        ("nan", "factor of at least 1"),
    ],
)
def test_what_is_no_regime_is_refused(regime: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        stretch(regime, 4)
