"""Studies in which trials, or all of them, diverge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.errors import RunError
from ikura.population.member import Hyperparameters

from .comparing import assert_replays, assert_same

Tune = Callable[..., Study]
HOPELESS = {"learning_rate": ikura.log(1e20, 1e30), "optimizer": "sgd"}


class Listener(ikura.Progress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


def own(hp: Any) -> nn.Module:
    return nn.Linear(hp.inputs, hp.outputs)


@pytest.mark.parametrize(
    ("network", "schedule", "finalists"),
    [
        (None, "early-stopping", 2),
        pytest.param(None, "none", 0, marks=pytest.mark.sweep),
        (None, "successive-halving", 2),
        pytest.param(own, "none", 2, marks=pytest.mark.sweep),
        (own, "successive-halving", 0),
    ],
)
def test_a_study_in_which_everything_diverges_ends(network: Any, schedule: str, finalists: int, tune: Tune) -> None:
    listener = Listener()
    study = tune(
        network=network, schedule=schedule, finalists=finalists, space=HOPELESS, trials=8, epochs=9, progress=listener
    )
    assert set(study.trials["state"]) == {"diverged"}
    assert study.diverged == len(study.trials) == 8
    assert study.best is None
    assert study.test is None
    assert study.predictions is None
    assert study.to_json()["best"] is None
    assert study.to_json()["test"] is None
    assert any("no trial could be trained to its end" in line for line in listener.said)
    assert not (study.run / "model").exists()
    with pytest.raises(RunError, match="no model there"):
        _ = study.model
    assert_same(ikura.resume(study.run, network), study)
    assert_replays(study, 0)


def test_the_others_are_not_disturbed(tune: Tune) -> None:
    """A trial has the same curve whether its neighbours diverge or not."""
    options: dict[str, Any] = {"trials": 12, "search": "random", "schedule": "none", "finalists": 0, "epochs": 6}
    mixed = tune(space={"learning_rate": ikura.log(1e-3, 1e6), "optimizer": "sgd"}, **options)
    assert 0 < mixed.diverged < 12
    for row in mixed.trials.query("state == 'complete'").to_dict("records"):
        alone = tune(space={"learning_rate": row["learning_rate"], "optimizer": "sgd"}, **options | {"trials": 1})
        assert alone.curve(0).equals(mixed.curve(row["number"]))


def test_a_diverged_trial_is_never_chosen(tune: Tune) -> None:
    study = tune(space={"learning_rate": ikura.log(1e-2, 1e6), "optimizer": "sgd"}, trials=16, finalists=16)
    states = study.trials.set_index("number")["state"]
    assert states[study.best.number] == "complete"
    finalists = study.trials.query("purpose == 'finalist'")
    assert (states[finalists["parent"]] == "complete").all()


def test_finalists_that_all_diverge_give_way_to_others(tune: Tune) -> None:
    """With other seeds every configuration diverges; the search had trials that did not."""
    draws: list[float] = []

    def network(hp: Hyperparameters) -> nn.Module:
        draws.append(float(torch.rand(())))
        layer = nn.Linear(hp.inputs, hp.outputs)
        if draws[-1] != draws[0]:
            nn.init.constant_(layer.weight, float("inf"))
        return layer

    space = {"learning_rate": ikura.log(0.01, 0.3), "optimizer": "sgd"}
    study = tune(network=network, space=space, trials=8, epochs=5, finalists=1)
    first = study.trials.query("purpose == 'finalist'").iloc[:3]
    assert set(first["state"]) == {"diverged"}
    assert (study.trials.query("purpose == 'search'")["state"] == "complete").any()
    assert study.best is not None
    assert study.test is not None


def test_survivors_that_diverge_give_way_to_others(tune: Tune) -> None:
    """Successive halving keeps one trial of eight, and that one diverges: those it pruned are still there."""
    space = ikura.Space(
        learning_rate=ikura.log(1e-4, 1), momentum=ikura.log_complement(0.9, 0.999), optimizer="momentum"
    )
    for seed in range(20):
        study = tune(
            schedule="successive-halving", space=space, trials=9, search="random", epochs=81, finalists=1, seed=seed
        )
        search = study.trials.query("purpose == 'search'")
        assert study.best is not None or (search["state"] == "diverged").all()
        if not (search["state"] == "complete").any():
            break
    else:
        pytest.fail("in none of the studies did the survivor diverge")
    assert study.test is not None
