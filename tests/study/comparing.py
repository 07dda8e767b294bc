"""When two studies are the same study."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import torch

from ikura.api.study import Study


def assert_same(one: Study, other: Study) -> None:
    """Everything that does not measure time is equal to the bit."""
    pd.testing.assert_frame_equal(
        one.trials.drop(columns="seconds"), other.trials.drop(columns="seconds"), check_exact=True
    )
    pd.testing.assert_frame_equal(one.curves(), other.curves(), check_exact=True)
    assert one.best == other.best
    assert one.test == other.test
    assert one.ensemble == other.ensemble
    assert one.refitted == other.refitted
    assert one.calibration == other.calibration
    assert one.reliability == other.reliability
    assert one.intervals == other.intervals
    assert one.bounds == other.bounds
    assert _timeless(one.against_one) == _timeless(other.against_one)
    assert one.stages == other.stages
    assert one.rounds == other.rounds
    assert one.predictions == other.predictions
    if one.best is not None:
        mine, its = one.model.network.state_dict(), other.model.network.state_dict()
        assert mine.keys() == its.keys()
        assert all(torch.equal(mine[name], its[name]) for name in mine)


def _timeless(against: Any) -> Any:
    return against and replace(against, seconds=(0.0, 0.0))


def assert_replays(study: Study, *numbers: int) -> None:
    """Replaying these trials, or the first and last of each kind, gives the recorded curves to the bit."""
    kinds = study.trials.groupby(["state", "purpose", "stage"])["number"]
    for number in numbers or sorted({*kinds.first(), *kinds.last()}):
        pd.testing.assert_frame_equal(study.replay(number), study.curve(number), check_exact=True)


def states(study: Study) -> dict[str, Any]:
    """How many trials are in each state."""
    return study.trials["state"].value_counts().to_dict()
