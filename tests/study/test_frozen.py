"""Values that leave nothing to learn: refused, said, or recorded as a trial that did not move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ikura
from ikura.cli import main
from ikura.cli.result_summary import summary
from ikura.report.sections import states
from ikura.report.view import View
from ikura.space import Space, choice, linear, log, log_complement
from ikura.space.effects import Place
from ikura.space.limits import ARCHITECTURE, BOUNDS
from ikura.space.strength import too_strong
from ikura.study.chosen_space import check_space

from ..sweep import swept
from .conftest import Tune

# So small that float32 loses it beside any weight, of either engine.
LOST = 1e-30
SGD = {"optimizer": "sgd", "learning_rate": LOST}


def test_a_trial_whose_weights_do_not_move_is_frozen(tune: Tune) -> None:
    study = tune(space=SGD, trials=1, finalists=0)
    [row] = study.trials.to_dict("records")
    assert row["state"] == "frozen"
    assert np.isnan(row["dev_score"])
    assert len(study.curve(0)) > 0
    assert study.best is None
    assert study.frozen == study.to_json()["frozen"] == 1
    assert "1 did not move" in summary(study)
    assert "No epoch moved the weights of 0" in str(states(View(study)))


@pytest.mark.parametrize("schedule", swept(["none", "successive-halving", "racing"], core=["racing"]))
def test_its_neighbours_go_on(tune: Tune, schedule: str) -> None:
    space = {"optimizer": "sgd", "learning_rate": choice(LOST, 0.1), "units": 8}
    study = tune(space=space, trials=6, finalists=1, schedule=schedule, search="random")
    rows = study.trials[study.trials["purpose"] == "search"]
    stuck = rows["learning_rate"] == LOST
    assert set(rows.loc[stuck, "state"]) == {"frozen"}
    assert "frozen" not in set(rows.loc[~stuck, "state"])
    assert study.best is not None
    assert study.best.hyperparameters["learning_rate"] == 0.1


class Stuck(nn.Module):
    """A network whose outputs do not depend on its weights."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.last = nn.Linear(inputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Raw outputs."""
        out: torch.Tensor = self.last(x) * 0
        return out


def test_an_own_network_that_learns_nothing_is_frozen(tune: Tune) -> None:
    study = tune(network=lambda hp: Stuck(hp.inputs, hp.outputs), space={"learning_rate": 0.1}, trials=1, finalists=0)
    assert study.frozen == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        *(({name: 1e20}, f"[{name}] {name} must be") for name in ("l1", "l2", "weight_decay", "epsilon")),
        ({"learning_rate": 1e300}, "at most 1e+38"),
        ({"learning_rate": log(1e-3, 1e40)}, "at most 1e+38"),
        ({"l2": choice(0.1, 1e30)}, "at most 1e+06"),
        ({"batch_size": 2**40}, "at most 1e+09"),
    ],
)  # fmt: skip
def test_values_that_overflow_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ikura.UsageError) as refused:
        check_space(Space(**given), "mlp")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"learning_rate": 0.0}, "0 moves no weight"),
        ({"learning_rate": 0.5, "weight_decay": 3}, "each update turns weights over"),
        ({"weight_decay": 200}, "times learning_rate is 2 at least"),
        ({"dropout": 0.999, "units": 8}, "less than one of 8 units"),
        ({"dropout": linear(0.99, 0.999)}, "less than one of 64 units"),
    ],
)
def test_values_that_leave_nothing_to_learn_together_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ikura.UsageError) as refused:
        too_strong(Space(**given), Place())
    assert told in str(refused.value)


def test_what_some_values_do_is_said() -> None:
    assert too_strong(Space(learning_rate=choice(0.0, 0.1)), Place()) == ["a learning_rate of 0 moves no weight"]
    assert "up to 2" in too_strong(Space(learning_rate=log(1e-3, 1), weight_decay=linear(0, 2)), Place())[0]
    assert "up to 0.99" in too_strong(Space(dropout=linear(0, 0.99), units=choice(8, 64)), Place())[0]
    place = Place(rows=90, epochs=10)
    slow = "averages over 1000 updates, and a trial makes at most 60: its first weights count most"
    assert too_strong(Space(ema_decay=0.999, batch_size=16), place) == [f"ema_decay 0.999 {slow}"]
    searched = Space(ema_decay=log_complement(0.5, 0.999), batch_size=choice(16, 64))
    assert too_strong(searched, place) == [f"ema_decay of up to 0.999 {slow}"]
    assert too_strong(Space(ema_decay=choice(0.0, 0.9)), place) == []
    assert too_strong(Space(ema_decay=0.999), Place()) == []
    assert too_strong(Space(learning_rate=log(1e-3, 1), dropout=linear(0, 0.5), weight_decay=0.1), Place()) == []


def test_the_command_line_refuses_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space.toml"
    for text, told in (
        ("[l2]\nvalue = 1e20\n", "[l2] l2 must be a number of at least 0 and at most 1e+06"),
        ("[learning_rate]\nvalue = 0.5\n[weight_decay]\nvalue = 3\n", "turns weights over"),
        ("[momentum]\nvalue = 0.5\n[optimizer]\nvalue = \"adam\"\n", '[momentum] has no effect'),
    ):  # fmt: skip
        space.write_text(text)
        assert main(["tune", "iris", "--space", str(space), "--out", str(tmp_path / "run")]) == 2
        assert told in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


def test_every_strength_has_a_bound() -> None:
    open_ended = {name for name, (_, high) in (BOUNDS | ARCHITECTURE).items() if high == float("inf")}
    # What is only the more without effect the larger it is.
    assert open_ended == {"max_norm", "clip_norm", "clip_value"}
