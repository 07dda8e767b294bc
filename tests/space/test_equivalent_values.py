"""Values of a hyperparameter that differ in nothing: said, or refused where there is nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.errors import SpaceError
from ikura.space import Space, choice, integer, linear, log
from ikura.space.effective import effective
from ikura.space.effects import Place

PLACE = Place("mlp", "multiclass", False, rows=90, epochs=6)
ONCE = Place("mlp", "multiclass", False, rows=90, epochs=1)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"step_factor": linear(0.1, 0.5)}, PLACE),
        ({"final_share": linear(0.1, 0.5), "schedule_shape": "step"}, PLACE),
        ({"schedule_shape": choice("constant", "inverse_time")}, PLACE),
        ({"schedule_shape": choice("constant", "step")}, PLACE),
        ({"schedule_shape": choice("inverse_time", "plateau"), "plateau_patience": 4}, PLACE),
        ({"schedule_shape": choice("distance", "constant")}, ONCE),
        ({"distance_growth": linear(1.1, 2)}, ONCE),
        ({"learning_rate_decay": log(1e-3, 1)}, ONCE),
        ({"plateau_patience": choice(4, 5)}, PLACE),
        ({"ghost_size": integer(90, 120), "batch_size": 128}, PLACE),
        ({"clip_steps": choice(0, 18), "clip_norm": 1.0}, PLACE),
        ({"batch_growth": choice("", "2:2", "3:4"), "batch_size": 90}, PLACE),
        ({"pieces": choice("", "6:0.1"), "schedule_shape": "pieces"}, PLACE),
    ],
)
def test_a_search_among_values_that_are_the_same_is_refused(given: dict[str, Any], place: Place) -> None:
    name = next(iter(given))
    with pytest.raises(SpaceError, match=rf"^\[{name}\] .*(has no effect|is the same as)"):
        effective(Space(**given), place)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"batch_size": choice(32, 100, 200)}, "batch_size 100 and 200 do the same: there are 90 training rows"),
        ({"batch_size": integer(16, 1024, log=True)}, "batch_size of 90 and more does the same"),
        ({"ghost_size": choice(8, 32, 64)}, "ghost_size 32 and 64 do the same: a mini-batch has at most 32 rows"),
        ({"step_epochs": choice(2, 7, 20)}, "step_epochs 7 and 20 do the same: a trial has at most 6 epochs"),
        ({"schedule_shape": choice("cosine", "constant", "step")}, "schedule_shape constant and step do the same"),
        ({"schedule_shape": "step"}, "schedule_shape step changes nothing: a trial has at most 6 epochs, step_epochs"),
        ({"clip_steps": integer(0, 1000), "clip_norm": 1.0}, "clip_steps of 18 and more does the same"),
        ({"batch_growth": "2:5", "batch_size": 128}, "batch_growth 2:5 changes nothing: there are 90 training rows"),
    ],
)
def test_values_that_are_the_same_among_others_are_said(given: dict[str, Any], told: str) -> None:
    assert any(note.startswith(told) for note in effective(Space(**given), PLACE)[1])


@pytest.mark.parametrize(
    "given",
    [
        {"schedule_shape": "constant"},
        {"schedule_shape": "constant", "batch_growth": "1:2"},
        {"batch_size": choice(16, 32, 64)},
        {"schedule_shape": choice("constant", "cosine", "inverse_time"), "learning_rate_decay": log(1e-3, 1)},
        {"step_epochs": choice(2, 4), "step_factor": linear(0.1, 0.5)},
        {"plateau_patience": choice(1, 3)},
        {"clip_steps": choice(0, 10), "clip_norm": 1.0},
        {"ghost_size": choice(64, 80), "batch_growth": "2:4"},
        {"batch_growth": choice("2:2", "3:2")},
        {"schedule_shape": "inverse_time"},
        {"step_epochs": 10, "plateau_patience": 3},
    ],
)
def test_values_that_differ_are_no_fault(given: dict[str, Any]) -> None:
    notes = effective(Space(**given), PLACE)[1]
    assert not any("the same" in note or "changes nothing" in note for note in notes)


def test_where_rows_and_epochs_are_not_known_nothing_is_said() -> None:
    space = Space(batch_size=choice(10**6, 10**7), step_epochs=choice(10**6, 10**7), clip_steps=choice(0, 10**6))
    assert not any("the same" in note for note in effective(space.replace(clip_norm=1.0), Place())[1])


@pytest.mark.parametrize(
    ("name", "values", "epochs", "space", "different"),
    [
        ("plateau_patience", (2, 3, 4, 5), 6, {"schedule_shape": "plateau", "step_factor": 0.01}, 3),
        ("step_epochs", (5, 6, 9), 6, {"schedule_shape": "step"}, 2),
        ("distance_growth", (1.01, 100.0), 3, {"schedule_shape": "distance"}, 2),
        ("batch_size", (89, 90, 91), 3, {}, 2),
        ("ghost_size", (16, 32, 33), 3, {"normalisation": "ghost"}, 2),
        ("clip_steps", (0, 2, 3, 4), 3, {"clip_norm": 1e-3, "batch_size": 90}, 2),
        ("schedule_shape", ("inverse_time", "step", "cosine", "plateau"), 5, {}, 2),
    ],
)
def test_what_is_called_the_same_trains_the_same(
    tmp_path: Path, name: str, values: tuple[Any, ...], epochs: int, space: dict[str, Any], different: int
) -> None:
    """What is said is held against training: there are as many curves as there are values that are told apart."""
    rate = {"optimizer": "sgd", "learning_rate": 3e-7 if name == "plateau_patience" else 0.1}
    study = ikura.tune(
        "iris",
        space={**rate, **space, name: choice(*values)},
        search="grid",
        schedule="none",
        trials=len(values),
        epochs=epochs,
        finalists=0,
        jobs=1,
        checks=False,
        out=tmp_path / "run",
    )
    curves = {study.curve(number).to_csv() for number in study.trials["number"]}
    assert set(study.trials[name]) == set(values)
    assert len(curves) == different
    assert "do the same" in study.space_note or different == len(values)
