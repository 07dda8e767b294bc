"""Examples: their precision, their order, their parts."""

from __future__ import annotations

import numpy as np
import pytest

from ikura.data import Part
from ikura.nn.noise import permutation
from ikura.population.examples import Examples


def example(rows: int = 20) -> Examples:
    """Examples whose rows can be told apart."""
    number = np.arange(rows)
    return Examples(number[:, None] * np.ones((1, 2)), number[:, None].astype(np.int32), number.astype(float))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_a_part(dtype: str) -> None:
    part = Part(np.ones((3, 4), np.float32)[:, ::2], np.ones((3, 1), np.int32), np.array([0, 2, 1]))
    examples = Examples.of(part, dtype)
    assert examples.x.dtype == examples.y.dtype == dtype
    assert examples.codes.dtype == np.int32
    assert examples.x.flags.c_contiguous
    assert examples.y.tolist() == [0, 2, 1]
    assert len(examples) == 3


def test_rows_stay_together_in_the_order_of_the_epoch() -> None:
    ordered = example().ordered(3, 5)
    np.testing.assert_array_equal(ordered.y, permutation(3, 5, 20))
    np.testing.assert_array_equal(ordered.x[:, 1], ordered.y)
    np.testing.assert_array_equal(ordered.codes[:, 0], ordered.y)


def test_parts() -> None:
    assert example().head(3).y.tolist() == [0, 1, 2]
    assert len(example().head(100)) == 20
    folded = Examples(np.arange(24.0).reshape(2, 3, 4), np.zeros((2, 0), np.int32), np.zeros(2))
    np.testing.assert_array_equal(folded.flat().x, np.arange(24.0).reshape(2, 12))


def test_a_sample_of_sorted_rows_is_one_of_all_rows() -> None:
    examples = example(10_000)
    sample = examples.sample(1000, 3, "here")
    assert len(np.unique(sample.y)) == 1000
    np.testing.assert_array_equal(sample.y, np.sort(sample.y))
    np.testing.assert_array_equal(sample.x[:, 0], sample.y)
    np.testing.assert_array_equal(sample.codes[:, 0], sample.y)
    # Hypergeometric with a deviation of 15: six of them.
    assert abs(int((sample.y < 5000).sum()) - 500) < 90
    np.testing.assert_array_equal(sample.y, examples.sample(1000, 3, "here").y)
    assert sample.y.tolist() != examples.sample(1000, 4, "here").y.tolist()
    assert sample.y.tolist() != examples.sample(1000, 3, "there").y.tolist()
    assert examples.sample(10_000, 3, "here") is examples
