"""Own networks against a plain loop: the sides train the same, and what is not taken is printed as such."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from benchmarks import own
from benchmarks.own_rows import ROWS
from benchmarks.own_side import _parts, _train


@pytest.mark.parametrize("name", ROWS)
def test_every_row_trains_in_a_plain_loop(name: str) -> None:
    row = ROWS[name]
    [draw] = row.draws(1, 0)
    torch.manual_seed(0)
    parts = _parts(row)
    # Two epochs of ten classes; chance is right in a tenth, with a standard deviation of 1.6 % over 359 rows.
    assert _train(row.network(SimpleNamespace(**draw)), parts, 0.01, 32, 2) > 0.2


@pytest.mark.sweep
def test_sides_train_the_same_configurations() -> None:
    figures = own.run_row("mlp_dropout", trials=4, epochs=1, pairs=1, seed=0)
    assert [run["side"] for run in figures["runs"]] == ["ikura", "plain"]
    ours, theirs = figures["runs"]
    assert figures["ratios"]["whole"] == [theirs["whole"] / ours["whole"]]
    assert "MLP, nn.Dropout(p) by trial" in own.text([figures])


def test_what_is_not_taken_is_printed_as_such() -> None:
    text = own.text([{"row": "x", "what": "three inputs", "refused": "UsageError: two at most"}])
    assert "not taken yet: three inputs: UsageError: two at most" in text
