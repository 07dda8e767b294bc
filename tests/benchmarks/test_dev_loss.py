"""What two dev losses choose from the same networks."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.dev_loss import chosen, parts_of, run


def test_each_network_at_its_lowest_loss_then_score_then_loss() -> None:
    losses = np.array([[0.5, 0.3, np.nan], [0.4, 0.6, 0.1], [0.6, 0.2, np.nan]])
    scores = np.array([[1.0, 0.7, 1.0], [0.9, 1.0, 0.8], [1.0, 0.9, 1.0]])
    assert chosen(losses, scores) == (2, 1)
    assert chosen(losses[:, [0, 2]], scores[:, [0, 2]]) == (1, 0)


@pytest.mark.parametrize("name", ["iris", "breast_cancer", "few digits"])
def test_both_choose_from_one_population(name: str) -> None:
    found = run(name, seed=0, members=3, epochs=2)
    rows = len(parts_of(name, 0)[0].dev)
    assert found["dev_rows"] == rows
    for which in ("plain", "ikura"):
        assert 0 < found[which]["log_loss"] < 10
        assert 0 <= found[which]["accuracy"] <= 1
    assert found == run(name, seed=0, members=3, epochs=2)
