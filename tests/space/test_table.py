"""The one table of hyperparameters, what is read off it, and its page in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikura.population.kernel.records import SETTINGS
from ikura.space import CONVOLUTIONAL, DEFAULTS, TIERS
from ikura.space.hyperparameter_table import TABLE, Hyperparameter, Part
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
