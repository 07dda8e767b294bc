"""The one table of hyperparameters, what is read off it, and its page in the docs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from ikura.nn.activation import ACTIVATIONS
from ikura.nn.encoding import ENCODINGS
from ikura.nn.initialisation import INITIALISATIONS
from ikura.nn.normalisation import NORMALISATIONS
from ikura.nn.target_transform import TRANSFORMS
from ikura.population.kernel.records import SETTINGS
from ikura.population.schedule import SHAPES
from ikura.population.update_rules import RULES
from ikura.space import CONVOLUTIONAL, DEFAULTS, TIERS
from ikura.space.hyperparameter_row import Hyperparameter, Part
from ikura.space.hyperparameter_table import TABLE
from ikura.space.hyperparameters import KERNEL
from ikura.space.limits import limits

PAGE = (Path(__file__).parents[2] / "docs" / "hyperparameters.md").read_text(encoding="utf-8")
ROWS = {
    name.strip(" `"): cells
    for line in PAGE.split("\n## ", 1)[0].splitlines()
    if line.startswith("| `")
    for cells in [line.strip("| ").split(" | ")]
    for name in cells[0].split(",")
}
BY_NAME = {one.name: one for one in TABLE}
COEFFICIENTS = {name for one in RULES.values() for name in one.uses}


def test_names_are_there_once() -> None:
    assert len(BY_NAME) == len(TABLE)
    assert all(one.name.isidentifier() and one.text for one in TABLE)


@pytest.mark.parametrize("one", TABLE, ids=lambda one: one.name)
def test_what_is_said_of_one_goes_together(one: Hyperparameter) -> None:
    assert (one.default is None) == (one.part is Part.CONVOLUTIONS)
    if one.bounds is not None and one.default is not None:
        low, high = one.bounds
        assert isinstance(one.default, int | float)
        assert low <= one.default <= high
        assert isinstance(one.default, int) or not one.whole
    assert one.bounds is not None or not (one.whole or one.below)
    for plan in (one.tables, one.images):
        if plan is not None and one.bounds is not None:
            searched = plan.range(10_000, 10)
            ends = float(str(searched.from_unit(0.0))), float(str(searched.from_unit(1.0)))
            assert one.bounds[0] <= min(ends) <= max(ends) <= one.bounds[1]
            assert searched.scale in ("integer", "integer-log", "choice") or not one.whole
    assert one.scale in (None, "linear", "log", "log-complement", "integer", "integer-log", "choice")
    assert limits(one.name) is None or one.widened


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("optimizer", RULES),
        ("schedule_shape", SHAPES),
        ("activation", ACTIVATIONS),
        ("initialisation", INITIALISATIONS),
        ("normalisation", NORMALISATIONS),
        ("numeric_encoding", ENCODINGS),
        ("target_transform", TRANSFORMS),
    ],
)
def test_options_are_named_as_they_are_known(name: str, known: Iterable[str]) -> None:
    """All of them in the line of the table, no other one in a search, and in what others act with."""
    one = BY_NAME[name]
    assert one.text.rsplit(": ", 1)[1].split(", ") == list(known)
    searched = {
        value for plan in (one.tables, one.images) if plan for value in getattr(plan.range(10_000, 10), "options", ())
    }
    opened = {
        value
        for other in TABLE
        for group in other.effect.needs
        for need in group
        if need.name == name
        for value in need.opens
    }
    assert {one.default} | searched | opened <= set(known)


@pytest.mark.parametrize("one", [one for one in TABLE if one.name in COEFFICIENTS], ids=lambda one: one.name)
def test_a_coefficient_acts_with_the_rules_that_read_it(one: Hyperparameter) -> None:
    [[need]] = one.effect.needs
    assert need.name == "optimizer"
    assert [name for name in RULES if need.accepts(name)] == [name for name in RULES if one.name in RULES[name].uses]
    assert need.words == f"optimizer {' or '.join(name for name in RULES if need.accepts(name))}"


def test_coefficients_of_update_rules_are_in_the_table() -> None:
    acting = {one.name for one in TABLE for group in one.effect.needs for need in group if need.name == "optimizer"}
    assert acting == COEFFICIENTS <= set(BY_NAME)
    assert {name for one in RULES.values() for name in one.defaults} <= set(BY_NAME)


def test_the_kernel_reads_its_numbers_in_the_order_of_the_table() -> None:
    names = SETTINGS.names or ()
    assert names[names.index(KERNEL[0]) :] == KERNEL
    assert [BY_NAME[name].kernel for name in KERNEL] == list(range(len(KERNEL)))


def test_the_page_says_what_the_table_says() -> None:
    """Defaults, and from how many trials on each is searched; names alone where a row is about several."""
    trials = {name: tier.trials for tier in TIERS for name in tier.names}
    told = {name: cells for name, cells in ROWS.items() if name in DEFAULTS and "," not in cells[0]}
    assert {*TIERS[1].names, "epsilon", "normalisation"} <= told.keys()
    for name, (_, _, default, since) in told.items():
        assert default.split(";")[0] == (
            f"{DEFAULTS[name]:g}" if not isinstance(DEFAULTS[name], str) else DEFAULTS[name]
        ).replace("e-0", "e-"), name
        if name in ("pretrained_rate", "optimizer"):
            continue
        expected = {1: "the first trial"}.get(trials.get(name, 0), f"{trials.get(name)} trials")
        assert since == (expected if name in trials else "never by itself"), name
    assert all(f"`{name}" in PAGE for name in (*DEFAULTS, *CONVOLUTIONAL))
