"""A configuration that a hand injects is tried beside those that are proposed; the search learns from it later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.errors import UsageError
from ikura.study.record.intervention import Status

from .test_steered_studies import curve, tune

SPACE = {
    "learning_rate": ikura.log(1e-3, 1e-1),
    "units": ikura.integer(4, 16),
    "optimizer": ikura.choice("sgd", "adam"),
}
GIVEN = {"learning_rate": 0.02, "units": 9, "optimizer": "adam"}


def test_it_is_trained_in_full_and_replayed(tmp_path: Path) -> None:
    calm = tune(tmp_path / "calm", space=SPACE)
    study = tune(tmp_path / "run", lambda study: study.steer.inject(why="a guess", **GIVEN), space=SPACE)
    [one] = study.interventions
    assert (one.state, one.made, one.trial) == (Status.APPLIED, 4, None)
    row = study.trials.set_index("number").loc[4]
    assert {name: row[name] for name in GIVEN} == GIVEN
    assert (row["epochs"], row["state"], row["purpose"], row["touched"]) == (6, "complete", "search", True)
    for trial in range(4):
        np.testing.assert_array_equal(curve(study, trial), curve(calm, trial))
    replayed = study.replay(4)[["train_loss", "dev_loss", "dev_score"]].to_numpy()
    np.testing.assert_array_equal(replayed, curve(study, 4))


def test_one_that_is_chosen_was_made_by_hand_and_not_changed(tmp_path: Path) -> None:
    """All else learns nothing."""
    space = SPACE | {"learning_rate": ikura.log(1e-9, 0.02)}
    study = tune(tmp_path / "run", lambda study: study.steer.inject(**GIVEN), space=space, trials=2, seed=1)
    assert study.best is not None
    assert (study.best.number, study.best.note) == (2, "trial 2 was made by hand")


@pytest.mark.parametrize("search", ["coarse-to-fine", "tpe", "cma-es"])
def test_a_search_of_several_stages_goes_on_with_it(tmp_path: Path, search: str) -> None:
    def asking(study: Study) -> None:
        study.steer.inject(**GIVEN)
        study.steer.fork(0, learning_rate=0.05, at=1)

    study = tune(tmp_path / "run", asking, space=SPACE, trials=10, search=search)
    assert [one.state for one in study.interventions] == [Status.APPLIED] * 2
    proposed = study.trials.query("purpose == 'search' and not touched")
    assert len(proposed) == 10


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"learning_rate": 0.02, "units": 9}, "inject needs a value of every hyperparameter; optimizer are missing"),
        (GIVEN | {"units": 99}, "units"),
        (GIVEN | {"optimizer": "rprop"}, "optimizer"),
        (GIVEN | {"unit": 9}, "the space has no 'unit', did you mean 'units'?"),
    ],
)
def test_what_the_space_has_not_is_refused(tmp_path: Path, values: dict[str, float], words: str) -> None:
    refused = []

    def asking(study: Study) -> None:
        with pytest.raises(UsageError, match=words) as error:
            study.steer.inject(**values)
        refused.append(str(error.value))

    tune(tmp_path / "run", asking, space=SPACE, trials=1, epochs=1, finalists=0)
    assert "\n" not in refused[0]


def test_the_command_line_injects_texts_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def asking(study: Study) -> None:
        capsys.readouterr()
        assert main(["steer", str(study.run), "inject", *(f"{name}={value}" for name, value in GIVEN.items())]) == 0
        assert capsys.readouterr().out.startswith("asked: inject learning_rate=0.02 units=9 optimizer=adam")

    study = tune(tmp_path / "run", asking, space=SPACE, trials=1, epochs=1, finalists=0)
    assert study.interventions[0].values == GIVEN
