"""Studies with several objectives, with constraints and with a bound on the weights."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.errors import RunError, SpaceError, UsageError
from ikura.population.member import Member
from ikura.study.network_cost import parameters
from ikura.study.record.facts import Fact
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.training_setup import make_setup

from ..sweep import swept
from .comparing import assert_replays, assert_same
from .dying import KilledError, Life
from .unreported import short_report

Tune = Callable[..., Study]
SPACE = ikura.Space(
    ikura.when(optimizer="adam", beta2=ikura.log_complement(0.9, 0.999)),
    ikura.constraint("units * layers <= 96"),
    ikura.constraint("learning_rate < 0.1 or optimizer != 'sgd'"),
    learning_rate=ikura.log(1e-3, 1),
    optimizer=ikura.choice("sgd", "adam"),
    units=ikura.integer(2, 64),
    layers=ikura.integer(1, 3),
)
MOST = 800
BASE: dict[str, Any] = {
    "data": "iris", "space": SPACE, "trials": 16, "epochs": 4, "finalists": 3, "jobs": 1, "prefer": "parameters",
    "within": 0.05, "max_parameters": MOST,
}  # fmt: skip


def weights(one: dict[str, Any]) -> int:
    """Weights and biases of a network from four features to three classes."""
    widths = [4, *[one["units"]] * one["layers"], 3]
    return sum((a + 1) * b for a, b in pairwise(widths))


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, int]:
    """A study that nothing disturbed, and how many durable steps it took."""
    with pytest.MonkeyPatch.context() as patch, short_report():
        life = Life(patch)
        return ikura.tune(out=tmp_path_factory.mktemp("objectives") / "run", **BASE), life.done


@pytest.fixture(scope="module")
def study(counted: tuple[Study, int]) -> Study:
    return counted[0]


def test_constraints_hold_and_parameters_are_right(study: Study) -> None:
    trials = study.trials
    assert (trials["units"] * trials["layers"] <= 96).all()
    assert ((trials["learning_rate"] < 0.1) | (trials["optimizer"] != "sgd")).all()
    assert [weights(row) for row in trials.to_dict("records")] == trials["parameters"].tolist()


def test_too_large_trials_are_recorded_and_never_trained(study: Study) -> None:
    trials = study.trials
    large = trials["parameters"] > MOST
    assert large.any()
    assert (trials["state"] == "infeasible").tolist() == large.tolist()
    assert trials.loc[large, "dev_score"].isna().all()
    assert (trials.loc[large, "epochs"] == 0).all()
    assert not set(trials.loc[large, "number"]) & set(study.curves()["number"])
    assert study.infeasible == study.to_json()["infeasible"] == large.sum()
    assert (trials["purpose"] == "search").sum() == 16
    number = int(trials.loc[large, "number"].iloc[0])
    with pytest.raises(UsageError, match=f"trial {number} is infeasible"):
        study.replay(number)


def test_front_by_definition(study: Study) -> None:
    trials = study.trials
    ended = trials[(trials["purpose"] == "search") & trials["state"].isin(["complete", "stopped"])]
    pairs = dict(zip(ended["number"], zip(ended["dev_score"], ended["parameters"], strict=True), strict=True))
    expected = {
        number
        for number, (score, size) in pairs.items()
        if not any(s >= score and p <= size and (s, p) != (score, size) for s, p in pairs.values())
    }
    found = study.pareto
    assert set(found["number"]) == expected
    assert found["dev_score"].is_monotonic_decreasing
    assert list(found.columns[:3]) == ["number", "dev_score", "parameters"]


def test_finalists_come_from_the_front(study: Study) -> None:
    finalists = set(study.trials.loc[study.trials["purpose"] == "finalist", "parent"])
    on_front = set(study.pareto["number"])
    assert len(finalists) == 3
    assert finalists <= on_front or on_front < finalists


def test_chosen_is_the_smallest_within_the_margin(study: Study) -> None:
    finals = study.trials[study.trials["purpose"] == "finalist"].groupby("parent")
    scores, sizes = finals["dev_score"].mean(), finals["parameters"].mean()
    # The mean of three scores may be rounded in its last bit otherwise than the study's own.
    near = scores[scores >= scores.max() - 0.05 - 1e-12].index
    assert study.best is not None
    assert study.choice is not None
    assert sizes[study.best.number] == sizes[near].min()
    assert study.choice.margin == 0.05
    assert study.choice.cost == sizes[study.best.number]
    assert study.choice.best_dev == pytest.approx(scores.max(), abs=1e-12)
    assert sum(p.numel() for p in study.model.network.parameters()) == sizes[study.best.number]


def test_json(study: Study) -> None:
    found = json.loads(json.dumps(study.to_json(), allow_nan=False))
    assert found["objectives"] == ["accuracy", "parameters"]
    assert [one["number"] for one in found["pareto"]] == study.pareto["number"].tolist()
    assert all(weights(one["hyperparameters"]) == one["parameters"] for one in found["pareto"])
    assert sum(one["chosen"] for one in found["pareto"]) == int(study.best.number in study.pareto["number"].tolist())


def test_replays(study: Study) -> None:
    assert study.best is not None
    assert_replays(study, study.best.number)


@pytest.mark.parametrize("share", swept([0.2, 0.5, 0.8, 0.95], core=["0.5"]))
def test_killed_and_resumed(counted: tuple[Study, int], share: float, tmp_path: Path) -> None:
    whole, steps = counted
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        Life(patch, int(share * steps))
        with pytest.raises(KilledError):
            ikura.tune(out=run, **BASE)
    again = ikura.resume(run) if (run / "config.toml").exists() else ikura.tune(out=run, **BASE)
    assert_same(again, whole)
    assert again.pareto.equals(whole.pareto)
    assert again.choice == whole.choice
    assert again.space.constraints == SPACE.constraints


def test_without_finalists(tune: Tune) -> None:
    plain = tune(space=SPACE, trials=8, finalists=0)
    assert plain.choice is None
    assert plain.best is not None
    assert plain.best.number in plain.pareto["number"].tolist()
    assert set(plain.pareto["dev_score"]) == {plain.trials["dev_score"].max()}
    assert plain.to_json()["pareto"] == []
    chosen = tune(space=SPACE, trials=8, finalists=0, prefer="parameters", within=1.0)
    ended = chosen.trials[chosen.trials["state"] == "complete"]
    assert chosen.best is not None
    assert weights(chosen.best.hyperparameters) == ended["parameters"].min()
    assert weights(chosen.best.hyperparameters) < weights(plain.best.hyperparameters)
    assert chosen.test is not None
    one_error = tune(space=SPACE, trials=8, finalists=0, prefer="parameters")
    assert one_error.choice is not None
    assert 0 < one_error.choice.margin < 0.2


def test_seconds_are_measured_once_for_an_architecture(tune: Tune) -> None:
    space = {"units": ikura.choice(4, 8), "learning_rate": ikura.log(1e-3, 0.1)}
    study = tune(space=space, objectives=["inference_seconds", "training_seconds"])
    searched = study.trials[study.trials["purpose"] == "search"]
    assert (searched.groupby("units")["inference_seconds"].nunique() == 1).all()
    assert (searched["inference_seconds"] > 0).all()
    assert searched["training_seconds"].equals(searched["seconds"].rename("training_seconds"))
    assert study.objectives == ["accuracy", "inference_seconds", "training_seconds"]
    assert study.choice is None
    again = ikura.open_study(study.run)
    assert again.pareto.equals(study.pareto)


def own(hp: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(hp.inputs, hp.width), nn.ReLU(), nn.Linear(hp.width, hp.outputs))


def test_own_networks(tune: Tune) -> None:
    space = {"width": ikura.integer(2, 20), "learning_rate": ikura.log(1e-3, 0.1)}
    study = tune(network=own, space=space, objectives=["parameters", "inference_seconds"], max_parameters=100)
    trials = study.trials
    assert trials["parameters"].tolist() == [5 * w + 3 * (w + 1) for w in trials["width"]]
    assert ((trials["parameters"] > 100) == (trials["state"] == "infeasible")).all()
    assert trials.loc[trials["state"] == "infeasible", "inference_seconds"].isna().all()


@pytest.mark.parametrize("values", [{}, {"layers": 0}, {"layers": 2, "units": 5, "normalisation": "batch"}])
def test_layout_counts_as_the_module_does(study: Study, values: dict[str, Any]) -> None:
    setup = make_setup(study.setting, study.setting.prepare(study.run), None)
    member = Member(0, values, 0)
    assert parameters(setup, member) == sum(p.numel() for p in setup.module(member).parameters())


def test_everything_too_large_is_told_before_anything_is_written(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(
        UsageError, match=r"it is 5, but the smallest of 64 networks drawn from the space has 19 weights"
    ):
        ikura.tune(**BASE | {"max_parameters": 5}, out=run)
    assert not run.exists()


def test_narrow_space_is_told_before_anything_is_written(tmp_path: Path) -> None:
    run = tmp_path / "run"
    space = {"units": ikura.integer(2, 64), "layers": ikura.integer(1, 3), "constraints": ["units * layers < 2"]}
    with pytest.raises(SpaceError, match=r"next to nothing is feasible, 0 % of 1,000 draws"):
        ikura.tune("iris", space=space, out=run)
    assert not run.exists()


def test_names_of_objectives_are_taken() -> None:
    with pytest.raises(SpaceError, match=r"\[parameters\] is a column of a study's trials"):
        ikura.tune("iris", network=own, space={"parameters": 3})


def test_run_of_before_opens(study: Study, tmp_path: Path) -> None:
    """A config.toml without any of these settings, and a store without what they record."""
    old = tmp_path / "old"
    with short_report():
        ikura.tune("iris", trials=4, epochs=3, finalists=0, jobs=1, out=old)
    text = (old / "config.toml").read_text()
    kept = [line for line in text.splitlines() if line.split(" =")[0] not in ("objectives", "prefer", "max_parameters")]
    assert "objectives" in tomllib.loads(text)
    assert "objectives" not in tomllib.loads("\n".join(kept))
    (old / "config.toml").write_text("\n".join(kept) + "\n")
    store = Store(old / "study.db")
    best: Fact[dict[str, Any]] = Fact("best", dict[str, Any])
    store.set_fact(best, {name: value for name, value in (store.fact(best) or {}).items() if name != "choice"})
    store.close()
    opened = ikura.open_study(old)
    assert opened.objectives == ["accuracy"]
    assert opened.choice is None
    assert opened.infeasible == 0
    assert opened.best.number in opened.pareto["number"].tolist()
    assert opened.to_json()["pareto"] == []
    assert opened.report(tmp_path / "report.html").exists()


def test_setting_that_cannot_be_is_refused(study: Study, tmp_path: Path) -> None:
    setting = Setting.load(study.run)
    assert setting.wanted.prefer == "parameters"
    assert math.isclose(setting.wanted.within or 0, 0.05)
    (tmp_path / "config.toml").write_text(
        (study.run / "config.toml").read_text().replace('prefer = "parameters"', 'prefer = "weights"')
    )
    with pytest.raises(RunError, match="unknown prefer 'weights'"):
        Setting.load(tmp_path)
