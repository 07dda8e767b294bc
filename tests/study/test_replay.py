"""A trial trained again, alone, has the curve it had in its population, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.population.schedule import SHAPES
from ikura.population.update_rules import RULES

from ..sweep import swept
from .comparing import assert_replays, states

Tune = Callable[..., Study]

WIDE = ikura.Space(
    ikura.when(optimizer=["momentum", "nesterov"], momentum=ikura.log_complement(0.5, 0.99)),
    learning_rate=ikura.log(1e-3, 0.1),
    optimizer=ikura.choice(*RULES),
    schedule_shape=ikura.choice(*SHAPES),
    warm_up=ikura.linear(0, 1),
    layers=ikura.integer(0, 3),
    units=ikura.integer(3, 20),
    batch_size=ikura.choice(8, 16, 32),
    activation=ikura.choice("relu", "tanh"),
    dropout=ikura.linear(0, 0.5),
    l2=ikura.log(1e-6, 1e-2),
    learning_rate_decay=ikura.linear(0, 0.1),
    plateau_patience=0,
)


def noisy(hp: Any) -> nn.Module:
    """A network with everything that depends on the mini-batch: its statistics and its noise."""
    return nn.Sequential(
        nn.Linear(hp.inputs, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, hp.outputs)
    )


@pytest.mark.parametrize("data", ["iris", "breast_cancer", "diabetes"])
def test_the_built_in_network(data: str, tune: Tune) -> None:
    study = tune(data, space=WIDE, trials=24, epochs=3, schedule="none", jobs=2)
    assert {"search", "finalist"} == set(study.trials["purpose"])
    assert_replays(study, *range(0, 30, 4 if data == "iris" else 9))


def test_a_table_with_gaps_and_embedded_categories(tune: Tune, mixed: pd.DataFrame) -> None:
    study = tune(mixed, "kept", space=WIDE, trials=8, epochs=3)
    assert study.model.network.tables[0].num_embeddings > 16
    assert_replays(study, 0, 4, 8)


def test_trials_that_stopped_early(tune: Tune) -> None:
    study = tune(space={"learning_rate": ikura.log(0.03, 0.3)}, trials=8, epochs=40, finalists=1)
    early = study.trials.query("stage == 1 and epochs < 40")
    assert len(early)
    # Forty epochs give a patience of eight.
    assert (early["epochs"] == early["best_epoch"] + 8).all()
    assert_replays(study, *early["number"][:2], 9)


def test_trials_that_diverged(tune: Tune) -> None:
    study = tune(space={"learning_rate": ikura.log(1e-2, 1e4), "optimizer": "sgd"}, trials=16, epochs=8)
    diverged = study.trials.query("state == 'diverged'")
    assert 0 < len(diverged) == study.diverged < 16
    assert diverged["epochs"].between(1, 8).all()
    assert_replays(study)


@pytest.mark.parametrize(
    ("network", "jobs"), [(None, 2), (noisy, 2), (lambda hp: noisy(hp), 1)], ids=["built in", "function", "lambda"]
)
def test_successive_halving(network: Any, jobs: int, tune: Tune) -> None:
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "batch_size": ikura.choice(16, 32), "step_factor": 0.5}
    space |= {"schedule_shape": ikura.choice("cosine", "one_cycle", "plateau", "distance"), "plateau_patience": 0}
    options = {"trials": 16, "epochs": 9, "schedule": "successive-halving", "search": "random", "space": space}
    study = tune(network=network, jobs=jobs, **options)
    found = states(study)
    # Of 16 the best 5 pass 1 epoch and of these the best 1 passes 3; then come two finalists with three seeds each.
    assert found == {"pruned": 15, "complete": 1 + 6}
    search = study.trials.query("purpose == 'search'")
    assert sorted(search["epochs"].unique()) == [1, 3, 9]
    assert_replays(study, *search.groupby("epochs")["number"].last(), 16)


def test_successive_halving_in_which_some_diverge(tune: Tune) -> None:
    space = {"learning_rate": ikura.log(1e-3, 1e5), "optimizer": "sgd"}
    options = {"trials": 16, "epochs": 9, "schedule": "successive-halving", "search": "random", "finalists": 1}
    for network in (None, noisy):
        study = tune(network=network, space=space, **options)
        assert {"pruned", "complete", "diverged"} == set(study.trials["state"])
        assert_replays(study, *study.trials.groupby(["state", "epochs"])["number"].first())


@pytest.mark.parametrize("jobs", swept([1, 2], core=["2"]))
def test_networks_of_the_caller_s_own(jobs: int, tune: Tune) -> None:
    study = tune(network=noisy, jobs=jobs, trials=9, epochs=4, space={"learning_rate": ikura.log(1e-3, 1e-1)})
    assert_replays(study)


def test_networks_of_the_caller_s_own_that_diverge(tune: Tune) -> None:
    space = {"learning_rate": ikura.log(1e-2, 1e12), "optimizer": "sgd"}
    study = tune(network=lambda hp: nn.Linear(hp.inputs, hp.outputs), space=space, trials=12, epochs=8)
    assert 0 < study.diverged < 12
    assert_replays(study)


def test_replaying_leaves_the_run_as_it_was(iris: Study) -> None:
    before = {path: path.stat().st_mtime_ns for path in iris.run.rglob("*") if "study.db" not in path.name}
    trials, curves = iris.trials, iris.curves()
    iris.replay(0)
    iris.replay(len(trials) - 1)
    assert before == {path: path.stat().st_mtime_ns for path in iris.run.rglob("*") if "study.db" not in path.name}
    pd.testing.assert_frame_equal(iris.trials, trials)
    pd.testing.assert_frame_equal(iris.curves(), curves)


def test_a_study_opened_again_replays(iris: Study) -> None:
    assert_replays(ikura.open_study(iris.run), 1)


def test_replaying_one_s_own_network_needs_its_factory(tune: Tune) -> None:
    study = tune(network=noisy, trials=4, finalists=0)
    with pytest.raises(ikura.UsageError, match="give their factory as network="):
        ikura.open_study(study.run).replay(0)
    assert_replays(ikura.open_study(study.run, noisy), 0)


def test_distances_of_a_trial(tune: Tune) -> None:
    options: dict[str, Any] = {"trials": 9, "epochs": 9, "schedule": "successive-halving", "search": "random"}
    study = tune(space={"learning_rate": ikura.log(1e-3, 1e-1), "normalisation": "batch"}, **options)
    number = int(study.trials.query("epochs == 9")["number"].iloc[0])
    found = study.distances(number)
    assert found["epoch"].tolist() == list(range(1, 10))
    assert (found["distance"] > 0).all()
    parts = found.drop(columns=["epoch", "distance"])
    assert list(parts) == [name for name, _ in study.model.network.named_parameters()]
    np.testing.assert_allclose(np.square(parts).sum(axis=1), found["distance"] ** 2)
