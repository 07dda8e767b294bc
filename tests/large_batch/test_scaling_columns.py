"""The columns that follow from a small batch's settings."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from ikura.errors import UsageError
from ikura.large_batch.scaling_columns import Winner, columns

SGD = {"optimizer": "momentum", "learning_rate": 0.1, "batch_size": 32, "schedule_shape": "step", "step_epochs": 10}


def winner(hyperparameters: dict[str, Any] | None = None, normalisation: str = "batch", **given: Any) -> Winner:
    own = {**SGD, "normalisation": normalisation or "none", **(hyperparameters or {})}
    return Winner(own, **{"rows": 6400, "epochs": 30, "patience": 6, "first_norm": 1.2345, **given},
                  normalisation=normalisation)  # fmt: skip


def test_the_papers_columns() -> None:
    found, skipped = columns(winner(), 512, "sqrt", factor=16)
    assert skipped == []
    assert [(one.name, one.changes) for one in found] == [
        ("small batch", {}),
        ("large batch", {"batch_size": 512}),
        ("+ learning rate", {"learning_rate": 0.4}),
        ("+ ghost normalisation", {"normalisation": "ghost", "ghost_size": 32}),
        # 6400 / 512 = 12.5, so 13 updates an epoch and 390 in all.
        ("+ clipping", {"clip_norm": 1.23, "clip_steps": 39}),
        ("+ regime adaptation", {"step_epochs": 160, "epochs": 480}),
    ]
    assert [(one.epochs, one.patience) for one in found] == [(30, 6)] * 5 + [(480, 96)]


def test_each_column_has_the_measures_before_it() -> None:
    found, _ = columns(winner(), 512, "sqrt", factor=4)
    for before, after in pairwise(found):
        changes = {name: value for name, value in after.changes.items() if name != "epochs"}
        assert after.hyperparameters == {**before.hyperparameters, **changes}


def test_linear_scaling_warms_up() -> None:
    found, _ = columns(winner(), 512, "linear")
    assert found[2].changes == {"learning_rate": 1.6}
    assert found[-1].changes == {"warm_up": 3}


def test_adam_warms_up_and_its_warm_up_is_stretched() -> None:
    found, _ = columns(winner({"optimizer": "adam"}), 128, "sqrt", factor=2)
    assert [one.name for one in found][-2:] == ["+ warm-up", "+ regime adaptation"]
    assert found[-1].changes["warm_up"] == 2 * found[-2].changes["warm_up"] == 6


@pytest.mark.parametrize(
    ("given", "normalisation", "rule", "words"),
    [
        ({}, "", "sqrt", "ghost normalisation: the network has no batch normalisation"),
        ({"ghost_size": 8}, "ghost", "sqrt", "with ghosts of 8"),
        ({"clip_norm": 2.0}, "batch", "sqrt", "clipping: the run clips already, at 2"),
        ({"warm_up": 1}, "batch", "linear", "warm-up: the run's schedule has it already"),
        ({"optimizer": "adadelta"}, "batch", "none", "learning rate: adadelta sets the size of its steps itself"),
    ],
)
def test_what_does_not_apply_is_said(given: dict[str, Any], normalisation: str, rule: str, words: str) -> None:
    found, skipped = columns(winner(given, normalisation), 64, rule)
    assert any(words in sentence for sentence in skipped)
    assert len(found) + len(skipped) == 5


def test_controls_are_added_to_the_large_batch_alone() -> None:
    found, skipped = columns(winner({"dropconnect": 0.2}), 320, "sqrt", factor=4, controls=True)
    controls = {one.name: one for one in found if one.control}
    assert list(controls) == ["control: gradient noise", "control: dropout", "control: label noise"]
    assert "control DropConnect: the run has it already, at 0.2" in skipped
    large = next(one for one in found if one.name == "large batch")
    for one in controls.values():
        assert one.hyperparameters == {**large.hyperparameters, **one.changes}
        assert (one.epochs, one.patience) == (large.epochs, large.patience)
    # Factors of mean 1 have the second moment 1 + σ², which multiplies the covariance: ten times the batch, σ = 3.
    assert controls["control: gradient noise"].changes == {"gradient_noise": 3.0}


def test_updates_are_counted_as_batches_grow() -> None:
    own = winner({"batch_growth": "10:4"})
    # 200 updates an epoch of 32 for ten epochs, then 50 of 128; of 512 it is 13, then 4 of 2,048.
    assert own.updates(32, 30) == 10 * 200 + 20 * 50
    assert own.updates(512, 30) == 10 * 13 + 20 * 4


@pytest.mark.parametrize("batch", [1, 31, 32, 6401])
def test_batches_that_are_no_large_ones_are_refused(batch: int) -> None:
    with pytest.raises(UsageError, match=rf"(larger than the run's, which is 32|at most 6400).* {batch}$"):
        columns(winner(), batch, "sqrt")


def test_a_batch_larger_than_the_training_set_counts_as_the_training_set() -> None:
    assert winner({"batch_size": 10_000}).batch == 6400


@pytest.mark.parametrize(("normalisation", "ghost"), [("", 8), ("batch", 65), ("batch", 1)])
def test_ghosts_that_do_not_fit_are_refused(normalisation: str, ghost: int) -> None:
    with pytest.raises(UsageError, match="ghost"):
        columns(winner(normalisation=normalisation), 64, "sqrt", ghost=ghost)
