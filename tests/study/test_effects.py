"""A study in which the caller searches what would have no effect: it is opened and said, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import ikura
from ikura.cli import main

from ..sweep import one_in
from .conftest import Tune


@pytest.mark.parametrize(
    ("space", "with_it"),
    one_in(
        3,
        [
            ({"momentum": ikura.linear(0.1, 0.95)}, ("optimizer", {"momentum", "nesterov"})),
            ({"ghost_size": ikura.integer(4, 12)}, ("normalisation", {"ghost"})),
            ({"step_factor": ikura.linear(0.01, 0.9), "step_epochs": 1}, ("schedule_shape", {"step"})),
        ],
    ),
)
def test_trials_differ_and_it_is_said(tune: Tune, space: dict[str, object], with_it: tuple[str, set[str]]) -> None:
    study = tune(space=space, trials=6, epochs=4, finalists=0, search="random")
    other, values = with_it
    name = next(iter(space))
    assert study.trials["dev_loss"].nunique() == study.trials[name].nunique() > 2
    assert set(study.trials[other]) <= values
    assert f"so {other} is" in study.space_note
    assert set(study.best.hyperparameters) >= {other}


def test_where_it_acts_for_some_it_is_absent_from_the_others(tune: Tune) -> None:
    space = {"momentum": ikura.linear(0.1, 0.95), "optimizer": ikura.choice("adam", "momentum")}
    study = tune(space=space, trials=8, epochs=2, finalists=0, search="random")
    by_rule = study.trials.set_index("optimizer")["momentum"]
    assert by_rule["adam"].isna().all()
    assert by_rule["momentum"].notna().all()


def test_the_command_line_refuses_it_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = tmp_path / "space.toml"
    space.write_text('[peak_at]\nscale = "linear"\nlow = 0.1\nhigh = 0.9\n[schedule_shape]\nvalue = "cosine"\n')
    assert main(["tune", "iris", "--space", str(space), "--out", str(tmp_path / "run")]) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert "[peak_at] has no effect: it acts only with schedule_shape one_cycle" in complaint
    assert 'write schedule_shape = "one_cycle", or leave peak_at out' in complaint
    assert not (tmp_path / "run").exists()
