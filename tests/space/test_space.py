from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import SpaceError
from ikura.space import Space, choice, fixed, integer, linear, log, log_complement, parameter, when

NESTED = Space(
    when(optimizer=("adam", "rmsprop"), beta2=log_complement(0.9, 0.999)),
    when(optimizer="adam", amsgrad=choice(True, False)),
    when(amsgrad=True, layers=2, second=integer(8, 64)),
    when(flat=0.5, hidden=linear(0, 1)),
    learning_rate=log(1e-4, 1),
    optimizer=choice("sgd", "rmsprop", "adam"),
    layers=integer(1, 3),
    flat=0.5,
)


@st.composite
def points(draw: st.DrawFn) -> dict[str, float]:
    return {name: draw(st.floats(0, 1)) for name in NESTED.dimensions}


@given(points())
def test_configuration_holds_exactly_the_active_names(point: dict[str, float]) -> None:
    found = NESTED.from_unit(point)
    assert list(found) == NESTED.active(found)
    assert ("beta2" in found) == (found["optimizer"] in ("adam", "rmsprop"))
    assert ("amsgrad" in found) == (found["optimizer"] == "adam")
    assert ("second" in found) == (found.get("amsgrad") is True and found["layers"] == 2)
    assert found["flat"] == 0.5
    assert "hidden" in found


@given(points())
def test_space_round_trip(point: dict[str, float]) -> None:
    found = NESTED.from_unit(point)
    back = NESTED.to_unit(found)
    assert set(back) == set(found) - {"flat"}
    again = NESTED.from_unit(back)
    # Rounding is bounded scale by scale in test_parameter.py; on these ranges it stays below 16 ε (1 + ln 1e4) < 1e-13.
    for name, value in found.items():
        assert again[name] == (pytest.approx(value, rel=1e-13, abs=1e-13) if isinstance(value, float) else value)


TABLES = st.sampled_from(
    [linear(0, 0.5), log(1e-4, 1), log_complement(0.9, 0.999), integer(1, 9), integer(1, 9, log=True), fixed("x")]
)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    parents = {f"p{i}": choice(*range(draw(st.integers(1, 4)))) for i in range(draw(st.integers(1, 3)))}
    conditions = []
    for i in range(draw(st.integers(0, 4))):
        parent = draw(st.sampled_from(sorted(parents)))
        options = draw(st.lists(st.sampled_from(parents[parent].options), min_size=1, unique=True))
        conditions.append(when(**{parent: options, f"c{i}": draw(TABLES)}))
    return Space(*conditions, **parents, free=draw(TABLES))


@given(spaces())
def test_json_round_trip(space: Space) -> None:
    back = Space.from_dict(json.loads(json.dumps(space.as_dict())))
    assert back == space
    assert list(back) == list(space)
    assert [back.condition(name) for name in back] == [space.condition(name) for name in space]


@given(spaces())
def test_replace_by_nothing_changes_nothing(space: Space) -> None:
    assert space.replace() == space


def test_equal_only_with_equal_conditions() -> None:
    free = Space(optimizer=choice("a", "b"), beta=linear(0, 1))
    bound = Space(when(optimizer="a", beta=linear(0, 1)), optimizer=choice("a", "b"))
    assert free != bound
    assert free != Space(optimizer=choice("a", "b"), beta=linear(0, 2))
    assert free != dict(free)


def test_dimensions_are_what_varies() -> None:
    assert Space(a=1, b=choice("only"), c=choice("x", "y"), d=linear(0, 1)).dimensions == ["c", "d"]


def test_mapping() -> None:
    assert len(NESTED) == 8
    assert NESTED["layers"] == integer(1, 3)
    assert NESTED.condition("learning_rate") is None
    assert NESTED.condition("second") == {"amsgrad": (True,), "layers": (2,)}
    assert "Space(" in repr(NESTED)


def test_names_of_python_words_are_allowed() -> None:
    tables = {"self": {"scale": "linear", "low": 0.0, "high": 1.0}, "lambda": {"value": 1}}
    assert Space.from_dict(tables).as_dict() == tables


def test_replace_keeps_conditions_and_drops_what_cannot_open() -> None:
    narrow = NESTED.replace(optimizer=choice("sgd", "rmsprop"), beta2=0.99)
    assert list(narrow) == ["learning_rate", "optimizer", "layers", "flat", "beta2", "hidden"]
    assert narrow["beta2"] == fixed(0.99)
    assert narrow.condition("beta2") == {"optimizer": ("rmsprop",)}
    assert narrow.from_unit({"learning_rate": 0, "optimizer": 0, "layers": 0, "hidden": 0}) == {
        "learning_rate": 1e-4,
        "optimizer": "sgd",
        "layers": 1,
        "flat": 0.5,
        "hidden": 0.0,
    }


def test_replace_adds_with_a_condition() -> None:
    added = NESTED.replace(momentum={"value": 0.9, "when": {"optimizer": "sgd"}})
    assert added.condition("momentum") == {"optimizer": ("sgd",)}


def test_what_is_given_for_the_closed_cannot_be_lost() -> None:
    with pytest.raises(SpaceError, match=r"\[beta2\] 'optimizer' is never 'adam'"):
        NESTED.replace(optimizer="sgd", beta2=0.9)


def test_coerce() -> None:
    assert Space.coerce(NESTED) is NESTED
    mixed = {"learning_rate": log(1e-4, 1), "layers": 2, "dropout": {"scale": "linear", "low": 0, "high": 0.5}}
    assert Space.coerce(mixed) == Space(learning_rate=log(1e-4, 1), layers=fixed(2), dropout=linear(0, 0.5))
    with pytest.raises(SpaceError, match="a space is a Space or a mapping from name to parameter, but got list"):
        Space.coerce([1])


def test_inactive_values_are_ignored() -> None:
    configuration = {"learning_rate": 0.1, "optimizer": "sgd", "layers": 1, "flat": 0.5, "hidden": 0, "beta2": None}
    assert set(NESTED.to_unit(configuration)) == {"learning_rate", "optimizer", "layers", "hidden"}


def test_validate() -> None:
    Space(units=8).validate(["units", "layers"])
    with pytest.raises(SpaceError, match=r"\[unit\] unknown hyperparameter, did you mean 'units'\?"):
        Space(unit=8).validate(["units", "layers"])
    with pytest.raises(SpaceError, match=r"\[colour\] unknown hyperparameter: this network has units, layers"):
        Space(colour=8).validate(["units", "layers"])


ADAM = choice("adam", "sgd")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Space(rate={"scale": "log", "low": 0, "high": 1}), "[rate] a log scale needs `low > 0`"),
        (lambda: Space(units=[8, 16]), "[units] a list is no range: write choice(8, 16), in TOML choices = [8, 16]"),
        (lambda: Space(ADAM), "a space takes when(...), constraint(...) and name=parameter"),
        (
            lambda: Space(when(optimiser="adam", b=linear(0, 1)), optimizer=ADAM),
            "unknown parameter 'optimiser': here it is 'optimizer'",
        ),
        (lambda: Space(when(optimizer="adma", b=linear(0, 1)), optimizer=ADAM), "never 'adma', did you mean 'adam'?"),
        (lambda: Space(when(o="adam", b=linear(0, 1)), o=ADAM, b=1), "[b] is given twice"),
        (lambda: Space(when(b=1, a=choice(1)), when(a=1, b=choice(1))), "depends on itself in a circle: "),
        (lambda: Space(when(a=1, a_=linear(0, 1)), a=linear(0, 2)), "[a_] depends on a value of 'a', which must be a"),
        (lambda: when(optimizer="adam", beta=0.9), "a condition opens at least one parameter: write fixed(value)"),
        (lambda: when(beta=fixed(0.9)), "a condition names at least one hyperparameter with a value"),
        (lambda: when(optimizer=[], beta=fixed(0.9)), "a condition names at least one hyperparameter with a value"),
        (lambda: Space(a={"value": 1, "when": "adam"}), '[a] when is a table such as {optimizer = "adam"}, but got'),
        (lambda: parameter({"scale": "lgo", "low": 1, "high": 2}), "unknown scale 'lgo', did you mean 'log'?"),
        (lambda: parameter({"low": 1, "high": 2}), "a table needs scale = one of linear, log, log-complement, integer"),
        (lambda: parameter({"scale": "log", "low": 1}), "high is missing: a log table has low and high"),
        (lambda: parameter({"scale": "log", "low": 1, "hihg": 2}), "unknown key 'hihg', did you mean 'high'?"),
        (lambda: parameter({"choices": "adam"}), "choices must be a list, but got 'adam'"),
        (lambda: NESTED.from_unit({"learning_rate": 0.5}), "[optimizer] has no coordinate in the point"),
        (lambda: NESTED.from_unit({"learning_rat": 0.5}), "[learning_rat] is not in the space, did you mean 'learnin"),
        (lambda: Space(a=linear(0, 1)).from_unit({"a": 1.5}), "[a] a number of the unit interval lies in [0, 1]"),
        (lambda: Space(a=linear(0, 1)).to_unit({"a": 1.5}), "[a] 1.5 is outside 0 to 1"),
        (lambda: Space(a=linear(0, 1)).to_unit({}), "[a] is missing from the configuration"),
        (lambda: Space(a=linear(0, 1)).to_unit({"b": 1}), "[b] is not in the space"),
    ],
)
def test_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
