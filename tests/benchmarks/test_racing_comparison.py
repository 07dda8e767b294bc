"""The comparison of schedules on known curves: its replay, its truth, and what it calls equal quality."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.pools import Pool, example_losses
from benchmarks.racing import Known, Result, at_equal, at_once, compare, field, places, replay
from ikura.nn.loss import task_loss
from ikura.search.schedule import SCHEDULES, NoSchedule, StageContext, SuccessiveHalving
from ikura.testing.simulation import Simulation, learning_curves


def known(trials: int, epochs: int, patience: int | None, diverging: float = 0.2) -> Known:
    curves = learning_curves(trials, epochs, seed=3, diverging=diverging)
    examples = np.repeat(curves[:, :, 1:], 20, 2) + np.random.default_rng(0).normal(0, 0.1, 20)
    return Known.of(Pool(curves[:, :, 1], curves[:, :, 0], examples.astype(np.float32)), patience)


@pytest.mark.parametrize("name", ["none", "early-stopping", "successive-halving", "hyperband", "asha"])
def test_replay_is_what_the_conformance_suite_simulates(name: str) -> None:
    schedule = SCHEDULES[name]()
    source = known(30, 27, schedule.patience(27))
    curves = np.stack([source.pool.scores, source.pool.losses], 2)
    expected = Simulation(schedule, StageContext(30, 27, 8, 0), curves).run().standings
    kept = [number for number, one in expected.items() if one.state == "complete"]
    epochs = sum(one.epochs for one in expected.values())
    assert replay(schedule, source, np.arange(30), 8) == Result(kept, epochs)


def test_the_best_has_the_highest_score_then_the_lowest_loss() -> None:
    losses = np.array([[0.9, 0.5, 0.6], [0.9, 0.5, 0.4], [0.2, 0.3, 0.1], [0.5, np.nan, np.nan]])
    scores = np.array([[0.1, 0.8, 0.9], [0.1, 0.9, 0.8], [0.7, 0.7, 0.7], [0.9, np.nan, np.nan]])
    found = Known.of(Pool(losses, scores, np.zeros((4, 3, 1), np.float32)), None)
    assert found.ranks.tolist() == [1, 0, 2, 3]
    assert found.scores.tolist() == [0.8, 0.8, 0.7, -np.inf]
    assert found.ends.tolist() == [3, 3, 3, 2]
    assert Known.of(found.pool, 1).ends.tolist() == [3, 3, 2, 2]


def test_losses_of_examples_have_the_mean_that_training_reports() -> None:
    random = torch.Generator().manual_seed(0)
    for task, width, y in (
        ("binary", 1, torch.tensor([0.0, 1.0, 1.0])),
        ("multiclass", 4, torch.tensor([0, 3, 1])),
        ("regression", 1, torch.tensor([0.5, -1.0, 2.0])),
    ):
        outputs = torch.randn(2, 3, width, generator=random)
        found = example_losses(task, outputs.numpy(), y.numpy())
        # Float32 on one side: a few units of 6e-8.
        assert found.mean(1) == pytest.approx([task_loss(task, one, y).item() for one in outputs], rel=1e-6)


def test_no_halving_costs_all_epochs() -> None:
    source = known(30, 27, None, diverging=0.0)
    drawn = np.arange(30)
    assert replay(SuccessiveHalving(3, 27), source, drawn, 8) == replay(NoSchedule(), source, drawn, 8)


def test_equal_quality() -> None:
    ladder = [(0.5, 100.0), (0.8, 200.0), (1.0, 400.0)]
    assert at_equal(0.4, ladder) == 100
    assert at_equal(0.8, ladder) == 200
    assert at_equal(0.9, ladder) == pytest.approx(300)
    assert at_equal(1.1, ladder) is None
    assert at_equal(0.15, [(0.2, 10.0), (0.1, 20.0)], rising=False) == pytest.approx(15)


def test_ratios_are_halving_over_racing() -> None:
    def row(schedule: str, patience: bool, kept: float, epochs: float, regret: float) -> dict[str, object]:
        return {
            "task": "one", "schedule": schedule, "patience": patience, "kept": kept, "epochs": epochs, "regret": regret,
        }  # fmt: skip

    [line] = compare(
        [
            row("racing", True, 0.9, 100, 0.0),
            row("halving from 1", False, 0.8, 200, 0.1),
            row("halving from 3", False, 1.0, 400, 0.0),
            row("halving from 1 + patience", True, 0.8, 100, 0.1),
        ]
    )
    assert line["kept"] == pytest.approx(3)
    assert line["regret"] == pytest.approx(4)
    assert line["kept, patience"] is None


def test_limits_that_hold_in_every_column_at_once() -> None:
    found = np.random.default_rng(0).random((400, 7)) ** np.arange(1, 8)
    limits = at_once(found, 0.9)
    levels = (found <= limits).mean(0)
    assert np.ptp(levels) == 0  # one level for all columns
    assert (found <= limits).all(1).mean() >= 0.9
    lower = [np.sort(column)[round(level * 400) - 2] for column, level in zip(found.T, levels, strict=True)]
    assert (found <= lower).all(1).mean() < 0.9
    together = np.repeat(found[:, :1], 7, 1)
    np.testing.assert_array_equal(at_once(together, 0.9), np.quantile(together, 0.9, axis=0, method="inverted_cdf"))


def test_the_field_ahead_of_the_later_best() -> None:
    # The later best is behind everybody after 2 epochs, and ahead of them from the third on.
    scores = np.full((5, 20), 0.5) + np.arange(5)[:, None] / 100
    scores[0, 2:] = 0.9
    losses = np.repeat(np.linspace(1, 0.5, 20)[None], 5, 0)
    pool = Pool(losses, scores, np.zeros((5, 20, 3), np.float32))
    np.testing.assert_array_equal(places(pool, 5, 3), np.array([[0.8, 0.8] + [0.0] * 6] * 3))
    one, every = field({"one": pool}, 5, 3)
    assert (one["1"], one["2"], one["3"], every["2"]) == (0.8, 0.8, 0.0, 0.8)
