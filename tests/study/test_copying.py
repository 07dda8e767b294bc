"""Copies and pickles of studies and models."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

import ikura
from ikura.api.study import Study

from .comparing import assert_same
from .unreported import short_report

Tune = Callable[..., Study]
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
}

every_way = pytest.mark.parametrize("way", COPIES)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of a network whose factory cannot be pickled."""
    options: dict[str, Any] = {"trials": 2, "epochs": 2, "finalists": 0, "jobs": 1, "ensemble": "none"}
    with short_report():
        return ikura.tune(
            "iris", network=lambda hp: nn.Linear(hp.inputs, hp.outputs), out=tmp_path_factory.mktemp("own") / "run",
            **options,
        )  # fmt: skip


@every_way
def test_a_study(way: str, iris: Study) -> None:
    other = COPIES[way](iris)
    assert_same(other, iris)
    pd.testing.assert_frame_equal(other.replay(0), iris.curve(0), check_exact=True)


@every_way
def test_a_study_of_one_s_own_network(way: str, own: Study) -> None:
    if way == "pickle":
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle.dumps(own)
        return
    assert_same(COPIES[way](own), own)


@every_way
def test_a_model(way: str, iris: Study, flowers: pd.DataFrame) -> None:
    other = COPIES[way](iris.model)
    rows = flowers.iloc[:, :4].set_axis(["sepal_length", "sepal_width", "petal_length", "petal_width"], axis=1)
    assert (other.predict(rows) == iris.model.predict(rows)).all()
    assert all(
        torch.equal(a, b) for a, b in zip(other.network.parameters(), iris.model.network.parameters(), strict=True)
    )
