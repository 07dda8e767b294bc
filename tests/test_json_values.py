"""What becomes of Python's and NumPy's values in JSON."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ikura.json_values import jsonable


def test_json_form_of_numbers_paths_and_arrays() -> None:
    value = {
        "a": np.float64("nan"),
        "b": np.float32(0.5),
        "c": np.array([1.0, math.inf]),
        "d": Path("runs"),
        "e": (np.int64(3), True, None),
    }
    assert jsonable(value) == {"a": None, "b": 0.5, "c": [1.0, None], "d": "runs", "e": [3, True, None]}
