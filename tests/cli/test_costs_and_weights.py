"""Costs need probabilities as they are: who weighed classes in the loss is warned."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import ikura
from ikura.cli import main


@pytest.mark.parametrize("weights", [None, "balanced", {"Gentoo": 3.0}])
def test_weights_of_classes_are_said_where_costs_decide(
    weights: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(Path(__file__).parents[2] / "examples" / "penguins.csv")
    given = {"trials": 1, "epochs": 2, "finalists": 0, "ensemble": "none", "checks": False}
    ikura.tune(table, "species", class_weight=weights, out=tmp_path / "run", **given)
    table.drop(columns="species").head(3).to_csv(tmp_path / "new.csv", index=False)
    capsys.readouterr()
    words = ["predict", str(tmp_path / "run"), str(tmp_path / "new.csv")]
    assert main(words) == 0
    assert "warning" not in capsys.readouterr().err
    assert main([*words, "--cost", "Gentoo:Adelie=20"]) == 0
    told, said = capsys.readouterr()
    assert told.startswith("prediction,probability_Adelie")
    assert ("--class-weight" in said) == (weights is not None)
