"""Values of hyperparameters that no study has are refused where a record is read."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ikura.errors import RunError
from ikura.schema import checked
from ikura.study.record import facts


@pytest.mark.parametrize("value", [math.nan, math.inf, None, [1]])
def test_no_hyperparameter_is_recorded_as(value: Any) -> None:
    with pytest.raises(RunError, match=r"study\.db: units"):
        checked(facts.Hyperparameters, {"units": value}, "study.db")


def test_all_others_are_read_as_they_are() -> None:
    given = {"units": 16, "rate": 0.5, "optimizer": "adam", "nesterov": True}
    assert checked(facts.Hyperparameters, given, "study.db") == given
