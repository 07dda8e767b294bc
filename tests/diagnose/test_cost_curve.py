"""Cost curves: what counts as falling, and as a jump."""

from __future__ import annotations

import numpy as np
import pytest

from ikura.diagnose.cost_curve import CostCurve
from ikura.trial_state import State


def curve(cost: list[float]) -> CostCurve:
    return CostCurve("as chosen", True, {}, list(range(1, len(cost) + 1)), cost, cost, State.COMPLETE)


@pytest.mark.parametrize(
    ("cost", "jumps"),
    [
        (np.geomspace(1, 1e-5, 40).tolist(), 0),
        ([1.0, 0.5, 0.3, 2.0, 0.2, 0.1], 1),
        ([2.0, 1.0, 1e-4, 0.5, 1e-5, 3e-6, 0.9, 1e-6], 2),
        ((0.5 + 0.01 * np.random.default_rng(0).normal(size=50) + np.linspace(1, 0, 50)).tolist(), 0),
        ([1.0, 0.9], 0),
        ([0.3, 0.1, 0.0, 0.0], 0),
    ],
)
def test_a_jump_is_told_from_noise(cost: list[float], jumps: int) -> None:
    assert curve(cost).jumps == jumps


def test_a_curve_that_jumps_still_falls_in_the_end() -> None:
    one = curve([1.0, 0.5, 0.3, 2.0, 0.2, 0.1])
    assert (one.falls, one.jumps) == (True, 1)
