"""Every scale through the same tests; a new scale joins by a row in KINDS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log1p, nan, nextafter
from math import log as ln

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import SpaceError
from ikura.space import Parameter, choice, fixed, integer, linear, log, log_complement, parameter

EPS = float(np.finfo(float).eps)
UNIT = st.floats(0, 1)


def ordered(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair))).filter(lambda pair: pair[0] < pair[1])


def apart(numbers: st.SearchStrategy[float], t: Callable[[float], float]) -> st.SearchStrategy[tuple[float, float]]:
    """Leave out ranges with so few floating-point numbers that a hundredth of them may hold none."""
    return ordered(numbers).filter(
        lambda pair: t(pair[1]) - t(pair[0]) > 1e-6 * (1 + abs(t(pair[0])) + abs(t(pair[1])))
    )


REALS = st.floats(-1e9, 1e9, allow_subnormal=False)
POSITIVE = st.floats(1e-200, 1e200)
BELOW_ONE = st.floats(-1e6, 1 - 1e-6)
OPTIONS = st.lists(st.text(max_size=5) | st.integers(2, 99) | st.booleans(), min_size=1, max_size=6, unique=True)


@dataclass(frozen=True)
class Kind:
    """A row of the table: parameters, and how far rounding may carry a value on its round trip.

    For a transformation t with T = |t(low)| + |t(high)|, going to the unit interval and back makes fewer than 16
    roundings, each of at most εT, so t moves by at most d = 16 εT, and the value by d times dx/dt, plus its own last
    roundings.
    """

    parameters: st.SearchStrategy[Parameter]
    slack: Callable[[Parameter, float], float]


def exact(one: Parameter, value: float) -> float:
    return 0.0


def size(one: Parameter, t: Callable[[float], float]) -> float:
    return 16 * EPS * (abs(t(one.low)) + abs(t(one.high)))  # type: ignore[attr-defined]


INTEGERS = st.integers(-(2**39), 2**39)
KINDS = {
    "linear": Kind(apart(REALS, float).map(lambda pair: linear(*pair)), lambda one, x: size(one, float)),
    "log": Kind(apart(POSITIVE, ln).map(lambda pair: log(*pair)), lambda one, x: abs(x) * (size(one, ln) + 4 * EPS)),
    "log-complement": Kind(
        apart(BELOW_ONE, lambda x: -log1p(-x)).map(lambda pair: log_complement(*pair)),
        lambda one, x: (1 - x) * size(one, lambda y: log1p(-y)) + 4 * EPS * abs(x),
    ),
    "integer": Kind(ordered(INTEGERS).map(lambda pair: integer(*pair)), exact),
    "integer-log": Kind(ordered(st.integers(1, 2**40)).map(lambda pair: integer(*pair, log=True)), exact),
    "choice": Kind(OPTIONS.map(lambda options: choice(*options)), exact),
    "fixed": Kind((REALS | INTEGERS | st.text() | st.booleans()).map(fixed), exact),
}
every_kind = pytest.mark.parametrize("name", KINDS)


@every_kind
@given(data=st.data())
def test_value_to_unit_and_back(name: str, data: st.DataObject) -> None:
    one = data.draw(KINDS[name].parameters)
    value = one.from_unit(data.draw(UNIT))
    assert one.contains(value)
    u = one.to_unit(value)
    assert 0 <= u <= 1
    back = one.from_unit(u)
    if one.numeric:
        assert abs(back - value) <= KINDS[name].slack(one, value)  # type: ignore[operator]
    else:
        assert type(back) is type(value)
        assert back == value


@every_kind
@given(data=st.data())
def test_order_is_kept(name: str, data: st.DataObject) -> None:
    one = data.draw(KINDS[name].parameters)
    first, second = sorted((data.draw(UNIT), data.draw(UNIT)))
    if one.numeric:
        assert one.from_unit(first) <= one.from_unit(second)  # type: ignore[operator]
        assert (one.from_unit(0), one.from_unit(1)) == (one.low, one.high)  # type: ignore[attr-defined]
    else:
        assert one.to_unit(one.from_unit(first)) <= one.to_unit(one.from_unit(second))


@every_kind
@given(data=st.data())
def test_written_form_comes_back(name: str, data: st.DataObject) -> None:
    one = data.draw(KINDS[name].parameters)
    assert one.scale == name
    assert parameter(one.as_dict()) == one
    assert hash(parameter(one.as_dict())) == hash(one)


@every_kind
@pytest.mark.parametrize("u", [nan, -0.1, 1.1, inf])
def test_only_the_unit_interval(name: str, u: float) -> None:
    with pytest.raises(SpaceError, match=r"lies in \[0, 1\]"):
        parameter(EXAMPLES[name].as_dict()).from_unit(u)


EXAMPLES: dict[str, Parameter] = {
    "linear": linear(0, 1),
    "log": log(1e-4, 1),
    "log-complement": log_complement(0.9, 0.999),
    "integer": integer(1, 4),
    "integer-log": integer(1, 100, log=True),
    "choice": choice("a", 2, True),
    "fixed": fixed(0.5),
}


@every_kind
@pytest.mark.parametrize("value", [nan, inf, "zzz", None, 1e9, [1]])
def test_what_is_no_value(name: str, value: object) -> None:
    one = EXAMPLES[name]
    assert not one.contains(value)
    with pytest.raises(SpaceError) as caught:
        one.to_unit(value)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_examples_cover_the_kinds() -> None:
    assert list(EXAMPLES) == list(KINDS)
    assert all(one.scale == name for name, one in EXAMPLES.items())


def test_numpy_values_are_understood() -> None:
    assert linear(0, 1).contains(np.float32(0.5))
    assert integer(1, 4).to_unit(np.int64(2)) == integer(1, 4).to_unit(2)
    assert choice(16, 32).contains(np.int32(32))
    assert fixed(np.float64(0.5)) == fixed(0.5)


def test_log_gives_each_decade_a_quarter() -> None:
    u = (np.arange(4000) + 0.5) / 4000
    decades = np.floor(np.log10([log(1e-4, 1).from_unit(x) for x in u])).astype(int)
    assert [int((decades == d).sum()) for d in (-4, -3, -2, -1)] == [1000] * 4


@given(st.floats(0.01, 0.9), st.floats(0.91, 0.9999), UNIT)
def test_log_complement_has_its_closed_form(low: float, high: float, u: float) -> None:
    expected = 1 - (1 - low) * ((1 - high) / (1 - low)) ** u
    # 1 - x is at most 1, and each side makes fewer than ten roundings of at most ε.
    assert log_complement(low, high).from_unit(u) == pytest.approx(expected, abs=20 * EPS)


def test_linear_integers_share_equally() -> None:
    u = (np.arange(7000) + 0.5) / 7000
    values = [integer(-3, 3).from_unit(x) for x in u]
    assert np.bincount(np.array(values) + 3).tolist() == [1000] * 7


def test_log_integers_share_by_the_logarithm() -> None:
    grid = 10_000
    values = [integer(1, 8, log=True).from_unit((i + 0.5) / grid) for i in range(grid)]
    share = [ln((v + 0.5) / (v - 0.5)) / ln(8.5 / 0.5) for v in range(1, 9)]
    # The edge of a share falls between two points of the grid: the count is off by at most one.
    assert np.bincount(values)[1:] == pytest.approx(np.array(share) * grid, abs=1)


def test_truth_values_are_not_numbers() -> None:
    assert choice(True, 1).options == (True, 1)
    assert not choice(0, 1).contains(True)
    assert choice(0.0, 0.5).contains(0)


def test_from_unit_never_leaves_the_range() -> None:
    one = log(exp(-1.0), exp(1.0))
    assert one.contains(one.from_unit(nextafter(1.0, 0.0)))
    assert one.contains(one.from_unit(nextafter(0.0, 1.0)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: linear(1, 1), "`low < high` must hold, but got (low=1, high=1)"),
        (lambda: linear(2, 1), "`low < high` must hold, but got (low=2, high=1)"),
        (lambda: linear(nan, 1), "low must be finite, but got nan"),
        (lambda: linear(0, inf), "high must be finite, but got inf"),
        (lambda: linear("0", 1), "low must be a number, but got '0'"),
        (lambda: linear(True, 3), "low must be a number, but got True"),
        (lambda: linear(0, 10**400), "high is too large"),
        (lambda: linear(-1.5e308, 1.5e308), "the range is too wide for floating point"),
        (lambda: log(1e300, nextafter(1e300, inf)), "the range is too narrow for floating point"),
        (lambda: log(0, 1), "a log scale needs `low > 0`, but got (low=0, high=1)"),
        (lambda: log_complement(0.9, 1), "a log-complement scale needs `high < 1`, but got (low=0.9, high=1)"),
        (lambda: integer(3, 3), "`low < high` must hold, but got (low=3, high=3)"),
        (lambda: integer(1, 2.5), "high must be an integer, but got 2.5"),
        (lambda: integer(1, 2**50), "high must lie between -2^40 and 2^40"),
        (lambda: integer(0, 8, log=True), "a log scale needs `low > 0`, but got (low=0, high=8)"),
        (lambda: integer(1, 8, log="yes"), "log must be true or false, but got 'yes'"),
        (lambda: choice(), "a choice needs at least one option"),
        (lambda: choice("a", "b", "a"), "option 'a' is given twice"),
        (lambda: choice(1, 1.0), "option 1.0 is given twice"),
        (lambda: choice("a", nan), "a value must be finite, but got nan"),
        (lambda: choice(None), "a value is a string, a number or true/false, but got None"),
        (lambda: fixed([1]), "a value is a string, a number or true/false, but got [1]"),
    ],
)
def test_refused(make: Callable[[], Parameter], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
