"""Keyed noise: a pure function of what it is for, and as good as random."""

from __future__ import annotations

import hashlib
import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ikura.nn.noise import Draws, bits, current_draws, drawing, key, layer_stream, normal, permutation, row_keys

STREAMS = [key(seed, "noise", epoch) for seed in (0, 1) for epoch in (0, 1, 2)]

# The draws below are fixed, so a bound of five standard errors either always holds or never; a generator that is as
# good as random has a chance of 6e-7 to break one of them.
SIGMAS = 5.0


def lowbias32(number: int) -> int:
    """Wellons's 32-bit finaliser on Python integers."""
    number ^= number >> 16
    number = number * 0x7FEB352D & 0xFFFFFFFF
    number ^= number >> 15
    number = number * 0x846CA68B & 0xFFFFFFFF
    return number ^ number >> 16


def test_row_keys_are_the_upper_halves_of_splitmix64() -> None:
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert row_keys(0, 0, 3).tolist() == [number >> 32 for number in published]


def test_bits_are_the_finaliser_of_row_and_column() -> None:
    rows = row_keys(STREAMS[0], 0, 3).tolist()
    expected = [[lowbias32(row ^ (column * 0x9E3779B1 & 0xFFFFFFFF)) for column in (1, 2, 3, 4)] for row in rows]
    assert bits(STREAMS[0], 3, 4).tolist() == expected


def test_a_key_is_a_hash_of_all_that_it_is_for() -> None:
    digest = hashlib.blake2b(b"3:order:1:2", digest_size=8).digest()
    assert key(3, "order", 1, 2) == int.from_bytes(digest, "little") // 2
    uses: list[tuple[int, str, tuple[int, ...]]] = [
        (0, "order", (1,)), (1, "order", (0,)), (0, "noise", (1,)), (0, "noise", (1, 0)), (0, "noise", (10,)),
        (10, "noise", (1,)), (0, "noise", ()),
    ]  # fmt: skip
    assert len({key(seed, purpose, *numbers) for seed, purpose, numbers in uses}) == len(uses)


@given(st.integers(-(2**40), 2**40), st.text(max_size=8), st.lists(st.integers(0, 2**40), max_size=3))
def test_keys_are_63_bits_wide(seed: int, purpose: str, numbers: list[int]) -> None:
    assert 0 <= key(seed, purpose, *numbers) < 2**63


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.integers(1, 12),
    st.integers(0, 2**33),
)
def test_bits_do_not_depend_on_how_rows_are_grouped(stream: int, sizes: list[int], columns: int, first: int) -> None:
    whole = bits(stream, sum(sizes), columns, first)
    starts = first + np.concatenate([[0], np.cumsum(sizes)])
    parts = [bits(stream, size, columns, int(start)) for size, start in zip(sizes, starts, strict=False)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@given(st.integers(0, 2**63 - 1), st.integers(1, 8), st.integers(1, 8))
def test_a_smaller_table_is_the_corner_of_a_larger_one(stream: int, rows: int, columns: int) -> None:
    np.testing.assert_array_equal(bits(stream, rows, columns), bits(stream, 9, 9)[:rows, :columns])
    np.testing.assert_array_equal(normal(stream, rows, columns), normal(stream, 9, 9)[:rows, :columns])


@pytest.mark.parametrize("stream", STREAMS)
def test_bits_are_uniform(stream: int) -> None:
    table = bits(stream, 400, 250)
    assert table.dtype == np.uint32
    u = table / 2.0**32
    # u has variance 1/12 and (u - 1/2)² has variance 1/80 - 1/144 = 1/180.
    assert abs(u.mean() - 1 / 2) < SIGMAS * np.sqrt(1 / 12 / u.size)
    assert abs(u.var() - 1 / 12) < SIGMAS * np.sqrt(1 / 180 / u.size)
    shares = [(table >> np.uint32(place) & np.uint32(1)).mean() for place in range(32)]
    assert max(abs(share - 1 / 2) for share in shares) < SIGMAS * 0.5 / np.sqrt(u.size)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation in standard errors of independent draws."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1] * np.sqrt(a.size))


@pytest.mark.parametrize("stream", STREAMS)
def test_neighbours_are_not_correlated(stream: int) -> None:
    u = bits(stream, 400, 250) / 2.0**32
    layer = bits(layer_stream(stream, 1), 400, 250) / 2.0**32
    for a, b in ((u[1:], u[:-1]), (u[:, 1:], u[:, :-1]), (u[1:, 1:], u[:-1, :-1]), (u, layer), (u[:, ::-1], u)):
        # The mirrored table holds every pair twice, which widens the error by √2.
        assert abs(correlation(a, b)) < SIGMAS * np.sqrt(2)


def test_epochs_and_seeds_are_not_correlated() -> None:
    tables = [bits(stream, 400, 250) for stream in STREAMS]
    assert max(abs(correlation(a, b)) for a, b in pairwise(tables)) < SIGMAS


@pytest.mark.parametrize("stream", STREAMS)
def test_normal_numbers_are_normal(stream: int) -> None:
    z = normal(stream, 200, 250)
    assert z.dtype == np.float64
    assert np.isfinite(z).all()
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-6
    assert abs(correlation(z[1:], z[:-1])) < SIGMAS
    assert abs(correlation(z[:, 1:], z[:, :-1])) < SIGMAS


def test_the_same_permutation_for_the_same_key_only() -> None:
    orders = {(seed, epoch): permutation(seed, epoch, 100) for seed in (0, 1) for epoch in (0, 1, 2)}
    for (seed, epoch), order in orders.items():
        np.testing.assert_array_equal(np.sort(order), np.arange(100))
        np.testing.assert_array_equal(order, permutation(seed, epoch, 100))
    assert len({order.tobytes() for order in orders.values()}) == len(orders)


def test_every_example_comes_first_equally_often() -> None:
    firsts = [int(permutation(0, epoch, 6)[0]) for epoch in range(600)]
    assert stats.chisquare(np.bincount(firsts, minlength=6)).pvalue > 1e-6


def test_layers_draw_from_streams_of_their_own() -> None:
    draws = Draws(STREAMS[0], first=7)
    np.testing.assert_array_equal(draws.bits(0, 5, 4), bits(STREAMS[0], 5, 4, first=7))
    assert len({layer_stream(STREAMS[0], layer) for layer in range(64)}) == 64
    assert all(0 <= layer_stream(2**63 - 1, layer) < 2**63 for layer in range(64))


def fail_while_drawing() -> None:
    with drawing(Draws(2)):
        raise ZeroDivisionError


def test_draws_hold_inside_the_block_and_in_its_thread_only() -> None:
    seen: list[Draws | None] = []
    with drawing(Draws(1)):
        with pytest.raises(ZeroDivisionError):
            fail_while_drawing()
        assert current_draws() == Draws(1)
        thread = threading.Thread(target=lambda: seen.append(current_draws()))
        thread.start()
        thread.join()
    assert seen == [None]
    assert current_draws() is None
