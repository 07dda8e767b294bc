"""A space file with conditions and constraints, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ikura.api.open import open_study

from .conftest import Done

Run = Callable[..., Done]
FILE = """
constraints = ["units * layers <= 128", "learning_rate < 0.1 or optimizer != 'sgd'"]

[learning_rate]
scale = "log"
low = 1e-3
high = 1

[units]
scale = "integer-log"
low = 4
high = 256

[layers]
scale = "integer"
low = 1
high = 3

[optimizer]
choices = ["sgd", "adam", "momentum"]

[momentum]                                       # a fixed value under a condition
value = 0.95
when = {optimizer = "momentum"}

[beta2]
scale = "log-complement"
low = 0.9
high = 0.999
when = {optimizer = "adam"}

[normalisation]                                  # one of several values
choices = ["none", "batch", "ghost"]
when = {optimizer = ["adam", "momentum"]}

[ghost_size]                                     # under a condition on a conditional hyperparameter
choices = [8, 16]
when = {normalisation = "ghost", layers = [1, 2]}
"""


def test_conditions_constraints_and_objectives(ikura: Run, tmp_path: Path) -> None:
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text(FILE)
    done = ikura(
        "tune", "iris", "--space", str(space), "--trials", "40", "--epochs", "3", "--finalists", "2", "--json",
        "--prefer", "parameters", "--max-parameters", "2000", "--out", str(run),
    )  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["objectives"] == ["accuracy", "parameters"]
    assert found["pareto"]
    study = open_study(run)
    for row in study.trials.to_dict("records"):
        one = {name: row[name] for name in study.space if row[name] == row[name] and row[name] is not None}
        assert one["units"] * one["layers"] <= 128
        assert one["learning_rate"] < 0.1 or one["optimizer"] != "sgd"
        assert one.get("momentum") == (0.95 if one["optimizer"] == "momentum" else None)
        assert ("beta2" in one) == (one["optimizer"] == "adam")
        assert ("normalisation" in one) == (one["optimizer"] in ("adam", "momentum"))
        assert ("ghost_size" in one) == (one.get("normalisation") == "ghost" and one["layers"] in (1, 2))
        assert (row["state"] == "infeasible") == (row["parameters"] > 2000)
    assert found["infeasible"] == (study.trials["state"] == "infeasible").sum()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("units * layers <=", "unit * layers <=", "'unit' is not in the space, did you mean 'units'?"),
        ("!= 'sgd'", "!= 'sdg'", "'optimizer' is never 'sdg', did you mean 'sgd'?"),
        ("<= 128", "<= 3", "next to nothing is feasible, 0 % of 1,000 draws from the space"),
        ("<= 128", "<= __import__('os')", "unknown function '__import__'"),
        ("<= 128", "<=", "it cannot be read"),
    ],
)
def test_mistakes(ikura: Run, tmp_path: Path, before: str, after: str, message: str) -> None:
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text(FILE.replace(before, after))
    done = ikura("tune", "iris", "--space", str(space), "--out", str(run))
    assert done.code == 2
    assert done.complaint.startswith(f"ikura: error: {space}: constraint ")
    assert message in done.complaint
    assert not run.exists()
