"""Constraints: the language against Python itself, draws that meet them, errors that name them."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from ikura.errors import SpaceError
from ikura.search import PROPOSERS, Observation, proposer
from ikura.space import (
    Constraint,
    Space,
    check_feasible,
    choice,
    constraint,
    feasible_draw,
    feasible_share,
    integer,
    linear,
    load_space,
    log,
    log_complement,
    when,
)

from ..sweep import swept

NUMBERS = ("units", "rate", "layers")
TEXTS = {"optimizer": ("adam", "sgd", "rmsprop")}
PARAMETERS = {
    "units": integer(-4, 512),
    "layers": integer(0, 9),
    "rate": linear(-2, 2),
    "nesterov": choice(True, False),
    "optimizer": choice("adam", "sgd", "rmsprop"),
}


def number(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%", "**"]), inner).map(lambda p: f"({' '.join(p)})"),
        st.tuples(st.sampled_from(["-", "+"]), inner).map(lambda p: f"({p[0]}{p[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
        st.tuples(st.sampled_from(["abs", "log10"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
    )


LITERALS = st.one_of(st.sampled_from(NUMBERS), st.integers(-9, 9).map(str), st.floats(-3, 3).map(repr))
ARITHMETIC = st.recursive(LITERALS, number, max_leaves=6)
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
COMPARISON = st.one_of(
    st.tuples(ARITHMETIC, SIGNS, ARITHMETIC).map(" ".join),
    st.tuples(ARITHMETIC, SIGNS, ARITHMETIC, SIGNS, ARITHMETIC).map(" ".join),
    st.tuples(st.sampled_from(["==", "!="]), st.sampled_from(TEXTS["optimizer"])).map(
        lambda p: f"optimizer {p[0]} '{p[1]}'"
    ),
    st.tuples(st.sampled_from(["in", "not in"]), st.lists(st.integers(0, 9), min_size=1)).map(
        lambda p: f"layers {p[0]} {p[1]}"
    ),
    st.just("nesterov"),
)
EXPRESSION = st.recursive(
    COMPARISON,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({' '.join(p)})"),
        inner.map(lambda text: f"(not {text})"),
    ),
    max_leaves=4,
)


@given(
    EXPRESSION,
    st.integers(-4, 512),
    st.floats(-2, 2),
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from(("adam", "sgd")),
)
def test_means_what_it_means_in_python(
    text: str, units: int, rate: float, layers: int, nesterov: bool, optimizer: str
) -> None:
    if not any(name in text for name in PARAMETERS):
        return
    one = constraint(text)
    one.check(PARAMETERS)
    values = {"units": units, "rate": rate, "layers": layers, "nesterov": nesterov, "optimizer": optimizer}
    try:
        expected = bool(
            eval(text, {"__builtins__": {}}, {**values, "min": min, "max": max, "abs": abs, "log10": math.log10})
        )
    except (ArithmeticError, ValueError, TypeError):
        # A TypeError is Python's for comparisons with a complex power, which here counts as not worked out.
        expected = False
    if "**" in text and one.met(values) != expected:
        # The one place where less is worked out than Python would: integer powers beyond 4,096 bits, complex powers.
        with pytest.raises((OverflowError, ValueError)):
            one._evaluate(values)
    else:
        assert one.met(values) == expected


@pytest.mark.parametrize("text", ["9**9**9**9 < units", "units ** 1000 ** 1000 > 1", "(((2**63)**63)**63)**63 > units"])
def test_giant_powers_cost_nothing(text: str) -> None:
    assert constraint(text).met({"units": 512}) is False


@pytest.mark.parametrize("text", ["1 / units > 0", "log10(units) < 3", "units % 0 < 1", "0.0 ** (0 - 1) > units"])
def test_what_cannot_be_worked_out_is_not_met(text: str) -> None:
    assert constraint(text).met({"units": 0}) is False


def test_inactive_names_count_as_met() -> None:
    one = constraint("beta2 > 0.95 and units < 8")
    assert one.met({"units": 100})
    assert not one.met({"units": 100, "beta2": 0.99})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('true') == 0", "is not of its language"),
        ("units.__class__ == 3", "is not of its language"),
        ("open('/etc/passwd') == 3", "unknown function 'open'"),
        ("(lambda: units)() > 3", "is not of its language"),
        ("[one for one in (1, 2)] == units", "is not of its language"),
        ("units[0] > 3", "is not of its language"),
        ("units if layers else 3", "is not of its language"),
        ("f'{units}' == '3'", "is not of its language"),
        ("units // 2 > 3", "is not of its language"),
        ("units & 3 > 1", "is not of its language"),
        ("(units := 3) > 1", "is not of its language"),
        ("max(*[units], 3) > 1", "is not of its language"),
        ("max(units, key=3) > 1", "is not of its language"),
        ("units is 3", "is not of its language"),
        ("units == None", "is not of its language"),
        ("units > 3j", "is not of its language"),
        ("units > 3 <", "it cannot be read"),
        ("", "it cannot be read"),
        ("units\x00 > 3", "it cannot be read"),
        ("units > " + "(" * 400 + "3" + ")" * 400, "it cannot be read"),
        ("units > " + "-" * 900 + "3", "it cannot be read"),
        ("units > " + "1" * 2000, "it has 2008 characters"),
        ("abs(units, 3) > 1", "abs takes 1 numbers"),
        ("max(units) > 1", "max takes 2 or more numbers"),
        ("lg10(units) > 1", "unknown function 'lg10', did you mean 'log10'?"),
        ("optimizer in 'adam'", "`in` takes a list"),
        ("units == (1, 2)", "`in` takes a list"),
        ("3 > 2", "names no hyperparameter"),
        ("unit > 3", "'unit' is not in the space, did you mean 'units'?"),
        ("units", "it must be a comparison, but units is a number"),
        ("optimizer == 'adam' or 'sgd'", "`or` joins comparisons, but 'sgd' is text"),
        ("not units", "`not` turns a comparison round, but units is a number"),
        ("units * optimizer > 3", "`*` needs numbers, but optimizer is text"),
        ("-optimizer > 3", "a sign needs a number, but optimizer is text"),
        ("abs(optimizer) > 3", "abs needs numbers, but optimizer is text"),
        ("optimizer < 'b'", "`<` compares numbers, but optimizer is text"),
        ("optimizer == 3", "`==` compares a number with text in optimizer == 3"),
        ("units in ('adam', 'sgd')", "`in` compares a number with text in units in 'adam'"),
        ("layers in (1, 2) == nesterov", "cannot follow the list"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Space(constraint(text), **PARAMETERS)
    assert str(caught.value).startswith("constraint ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizer != 'adma'", "'optimizer' is never 'adma', did you mean 'adam'?"),
        ("optimizer in ('sgd', 'xyzzy')", "'optimizer' is never 'xyzzy': it is adam, sgd, rmsprop"),
        ("units < -3.9 and rate > 1.9", "next to nothing is feasible"),
    ],
)
def test_space_that_cannot_be_meant(text: str, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        check_feasible(Space(constraint(text), **PARAMETERS))
    assert message in str(caught.value)


def test_narrow_space_states_its_share_and_the_narrowest_constraint() -> None:
    wide, narrow = constraint("a < 0.9"), constraint("a * b > 0.9999")
    with pytest.raises(SpaceError, match=r'"a \* b > 0.9999": .* 0 % of 1,000 draws .*by itself it leaves 0 %'):
        check_feasible(Space(wide, narrow, a=linear(0, 1), b=linear(0, 1)))


NESTED = Space(
    when(optimizer=("adam", "rmsprop"), beta2=log_complement(0.9, 0.999)),
    when(optimizer="adam", amsgrad=choice(True, False)),
    when(amsgrad=True, layers=2, second=integer(8, 64)),
    constraint("units * layers <= 512"),
    constraint("learning_rate < 0.1 or optimizer != 'sgd'"),
    constraint("second <= units"),
    constraint("beta2 > 0.99 or learning_rate < 0.01"),
    learning_rate=log(1e-4, 1),
    optimizer=choice("sgd", "rmsprop", "adam"),
    layers=integer(1, 8),
    units=integer(8, 512, log=True),
)


def holds(one: dict[str, Any]) -> bool:
    """The constraints of NESTED in Python."""
    return (
        one["units"] * one["layers"] <= 512
        and (one["learning_rate"] < 0.1 or one["optimizer"] != "sgd")
        and ("second" not in one or one["second"] <= one["units"])
        and ("beta2" not in one or one["beta2"] > 0.99 or one["learning_rate"] < 0.01)
    )


@pytest.mark.parametrize("name", PROPOSERS)
@pytest.mark.parametrize("trials", swept([7, 60], core=["7"]))
def test_every_proposal_is_feasible(name: str, trials: int) -> None:
    trials = min(trials, 20) if name == "gp" else trials  # a Gaussian process of 60 takes a minute
    search = proposer(name, NESTED, 5)
    history: list[Observation] = []
    for stage in search.stages(trials, 20):
        asked = search.ask(stage, stage.trials, history)
        assert all(holds(one.configuration) for one in asked)
        assert all(list(one.configuration) == NESTED.active(one.configuration) for one in asked)
        assert search.ask(stage, stage.trials // 2, history) == asked[: stage.trials // 2]
        for one in asked:
            score = -abs(math.log10(one.configuration["learning_rate"]) + 2)
            history.append(Observation(len(history), stage.index, one.configuration, score, -score))
    assert len(history) == trials


def test_feasible_points_stay_as_they_are() -> None:
    free = Space.from_dict({name: one for name, one in NESTED.as_dict().items() if name != "constraints"})
    random = np.random.default_rng(0)
    for _ in range(300):
        point = {name: float(u) for name, u in zip(NESTED.dimensions, random.random(8), strict=False)}
        own = free.from_unit(point)
        drawn = feasible_draw(NESTED, point, 3)
        assert (drawn == own) == holds(own)
        assert holds(drawn)
        assert drawn == feasible_draw(NESTED, point, 3)
        if not holds(own):
            assert drawn != feasible_draw(NESTED, point, 4)


def test_uniform_points_give_uniform_feasible_ones() -> None:
    space = Space(constraint("a + b < 1"), a=linear(0, 1), b=linear(0, 1))
    points = np.random.default_rng(0).random((4000, 2))
    drawn = [feasible_draw(space, {"a": float(a), "b": float(b)}) for a, b in points]
    # On the triangle a has the distribution function 1 - (1 - a)²; a false alarm once in 10,000 seeds.
    assert kstest([one["a"] for one in drawn], lambda a: 1 - (1 - a) ** 2).pvalue > 1e-4


def test_near_points_stay_near() -> None:
    space = Space(constraint("a < 0.5"), a=linear(0, 1), b=linear(0, 1))
    points = np.random.default_rng(1).uniform(0.5, 0.55, (200, 2))
    for a, b in points:
        drawn = feasible_draw(space, {"a": float(a), "b": float(b)}, reach=0.1)
        # 32 draws from a box of which at least a quarter is feasible all fail with a chance of 1e-4 a point.
        assert abs(drawn["a"] - a) <= 0.2
        assert abs(drawn["b"] - b) <= 0.2


def test_share_is_the_area() -> None:
    space = Space(constraint("a + b < 1"), a=linear(0, 1), b=linear(0, 1))
    # Four standard deviations of 4,000 draws.
    assert feasible_share(space, 4000) == pytest.approx(0.5, abs=4 * 0.5 / 4000**0.5)
    assert feasible_share(Space(a=linear(0, 1))) == 1.0


def test_nothing_feasible_is_an_error_also_where_nobody_checked() -> None:
    space = Space(constraint("a > 2"), a=linear(0, 1))
    with pytest.raises(SpaceError, match=r"next to nothing is feasible, 0 % of 10,000 draws"):
        feasible_draw(space, {"a": 0.5})


COPIES: list[Callable[[Space], Space]] = [
    lambda space: Space.from_dict(json.loads(json.dumps(space.as_dict()))),
    lambda space: pickle.loads(pickle.dumps(space)),
    deepcopy,
    lambda space: space.replace(),
]


@pytest.mark.parametrize("copy", COPIES)
def test_round_trip(copy: Callable[[Space], Space]) -> None:
    again = copy(NESTED)
    assert again == NESTED
    assert again.constraints == NESTED.constraints
    assert list(again) == list(NESTED)
    assert not again.feasible({"units": 512, "layers": 8, "learning_rate": 0.01, "optimizer": "sgd"})


def test_space_without_constraints_is_written_as_before() -> None:
    assert "constraints" not in Space(a=linear(0, 1)).as_dict()
    assert Space(constraint("a < 1"), a=linear(0, 2)) != Space(a=linear(0, 2))


def test_replace_drops_constraints_on_what_is_gone() -> None:
    narrow = NESTED.replace(optimizer="sgd")
    assert "second" not in narrow
    assert [one.text for one in narrow.constraints] == [
        "units * layers <= 512",
        "learning_rate < 0.1 or optimizer != 'sgd'",
    ]
    assert Space.from_dict(narrow.as_dict()) == narrow


def test_mapping_in_python() -> None:
    given = {"units": integer(8, 64), "layers": 2, "constraints": ["units * layers <= 64", constraint("units > 9")]}
    space = Space.coerce(given)
    assert space.constraints == (Constraint("units * layers <= 64"), Constraint("units > 9"))
    assert Space.coerce({"constraints": {"value": 3}})["constraints"].from_unit(0) == 3
    for wrong in ("units < 3", [3]):
        with pytest.raises(SpaceError, match="constraints is a list of texts"):
            Space.coerce({"units": 8, "constraints": wrong})


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(
        """
        constraints = ["units * layers <= 512", "learning_rate < 0.1 or optimizer != 'sgd'"]
        [units]
        scale = "integer"
        low = 8
        high = 512
        [layers]
        scale = "integer"
        low = 1
        high = 8
        [learning_rate]
        scale = "log"
        low = 1e-4
        high = 1
        [optimizer]
        choices = ["sgd", "adam"]
        """
    )
    assert [one.text for one in load_space(file).constraints] == [
        "units * layers <= 512",
        "learning_rate < 0.1 or optimizer != 'sgd'",
    ]
    file.write_text(file.read_text().replace("units * layers", "unit * layers"))
    with pytest.raises(SpaceError) as caught:
        load_space(file)
    assert str(caught.value) == (
        f"{file}: constraint \"unit * layers <= 512\": 'unit' is not in the space, did you mean 'units'?"
    )


def test_documented_spaces_are_the_same(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "spaces.md").read_text(encoding="utf-8")
    blocks = {kind: page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "toml")}
    file = tmp_path / "space.toml"
    file.write_text(blocks["toml"], encoding="utf-8")
    made: dict[str, Any] = {}
    exec(blocks["python"], made)
    assert load_space(file) == made["space"]
    check_feasible(made["space"])
