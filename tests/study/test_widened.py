"""A study whose search widened the space: everything that reads the run knows the wider ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ikura
from ikura import Study
from ikura.study.rounds import run_stage

Tune = Callable[..., Study]


@pytest.fixture(scope="module")
def widened(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Learning rates too small for a few epochs: the best lie at the upper end."""
    folder = tmp_path_factory.mktemp("widened") / "run"
    space = {"learning_rate": ikura.log(1e-6, 1e-4), "units": 16}
    study = ikura.tune("iris", space=space, trials=48, epochs=6, finalists=0, out=folder)
    assert any(stage.widened for stage in study.stages)
    return study


def test_all_trials_lie_in_the_space_that_was_searched(widened: Study) -> None:
    rates = widened.trials["learning_rate"]
    assert rates.max() > widened.space["learning_rate"].from_unit(1.0)
    assert all(widened.searched["learning_rate"].contains(rate) for rate in rates)
    assert widened.searched["units"] == widened.space["units"]


def test_the_run_can_be_read(widened: Study) -> None:
    assert len(widened.importance()) == 1
    assert len(widened.to_optuna().trials) == len(widened.trials)
    assert (widened.run / "report.html").exists()
    assert ikura.open_study(widened.run).searched == widened.searched
    assert "widened from 0.0001" in widened.to_json()["widened"][0]["sentence"]


def test_copies_are_perturbed_within_the_wider_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = []
    monkeypatch.setattr(
        "ikura.study.search_loop.run_stage", lambda *given: (spaces.append(given[3]), run_stage(*given))
    )
    space = {"learning_rate": ikura.log(1e-6, 1e-4), "units": 16}
    study = ikura.tune("iris", space=space, trials=48, epochs=6, finalists=0, schedule="pbt", out=tmp_path / "run")
    assert any(stage.widened for stage in study.stages)
    assert spaces[0] == study.space
    assert spaces[-1] == study.searched


def test_an_unwidened_space_is_the_one_that_was_searched(widened: Study) -> None:
    held = {"learning_rate": ikura.log(1e-6, 1e-4), "units": 16, "widen": False}
    study = ikura.tune("iris", space=held, trials=48, epochs=2, finalists=0, out=widened.run.parent / "held")
    assert study.searched == study.space
    assert study.trials["learning_rate"].max() <= 1e-4
