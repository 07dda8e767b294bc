"""Random search spaces for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from ikura.space import Parameter, Space, Value, choice, fixed, integer, linear, log, log_complement
from ikura.space.condition import Condition

OPTIONS: list[Value] = ["a", "b", "c", 1, 2.5, True]
VALUES: list[Value] = [1, 0.5, "x", False]

parameters: st.SearchStrategy[Parameter] = st.one_of(
    st.builds(lambda low, width: linear(low, low + width), st.floats(-10, 10), st.floats(1e-3, 100)),
    st.builds(lambda low, ratio: log(low, low * ratio), st.floats(1e-6, 10), st.floats(1.01, 1e6)),
    st.builds(lambda low, part: log_complement(low, low + part * (1 - low)), st.floats(0, 0.9), st.floats(0.1, 0.999)),
    st.builds(lambda low, width: integer(low, low + width), st.integers(-5, 5), st.integers(1, 50)),
    st.builds(lambda low, width: integer(low, low + width, log=True), st.integers(1, 5), st.integers(1, 500)),
    st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=4, unique_by=repr).map(lambda options: choice(*options)),
    st.sampled_from(VALUES).map(fixed),
)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Up to six hyperparameters; some are open only under a choice, which may itself be conditional."""
    names = [f"h{i}" for i in range(draw(st.integers(0, 6)))]
    plain: dict[str, Parameter] = {}
    conditions: list[Condition] = []
    parents: dict[str, tuple[Value, ...]] = {}
    for name in names:
        one = draw(parameters)
        parent = draw(st.sampled_from([None, *parents]))
        if parent is None:
            plain[name] = one
        else:
            accepted = draw(st.lists(st.sampled_from(parents[parent]), min_size=1, max_size=2, unique_by=repr))
            conditions.append(Condition({parent: tuple(accepted)}, {name: one}))
        if one.scale == "choice":
            parents[name] = one.options  # type: ignore[attr-defined]
    return Space(*conditions, **plain)
