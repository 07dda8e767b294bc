"""What a diagnosis finds about real runs, and that it leaves them as they are."""

from __future__ import annotations

import hashlib
import json
import random
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.data import Dataset
from ikura.data import prepare as real_prepare
from ikura.data.options import DataOptions
from ikura.diagnose import diagnose, prescribe
from ikura.diagnose.findings import examine, keep, other_source, read_findings
from ikura.diagnose.learning_curve import sizes_of
from ikura.errors import RunError, UsageError
from ikura.population.setup import TrainingSetup
from ikura.study.record.facts import ERRORS
from ikura.study.record.record import copied
from ikura.study.record.store import Store

from .conftest import board, digits

Tune = Callable[..., Study]


def contents(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_too_small_a_network_has_bias(biased: Study) -> None:
    found = biased.diagnosis
    assert found.bias.verdict == "high"
    assert found.variance.verdict != "high"
    assert found.optimal_source == "estimate"
    assert found.optimal is not None
    assert found.optimal.low <= 0.05
    names = [one.name for one in biased.prescriptions]
    assert {"bigger-network", "longer-training"} <= set(names)
    assert "more-data" not in names


def test_a_network_that_learns_by_heart_has_variance(varied: Study) -> None:
    found = diagnose(varied, bayes_error=0.0)
    assert found.variance.verdict == "high"
    assert found.bias.verdict != "high"
    assert varied.diagnosis.bias.verdict == "low"
    names = [one.name for one in prescribe(found, varied)]
    assert {"more-data", "stronger-regularisation"} <= set(names)
    assert "bigger-network" not in names


def test_errors_are_those_of_the_networks_that_were_kept(varied: Study, biased: Study) -> None:
    for study in (varied, biased):
        dataset = study.setting.prepare(study.run)
        shares = []
        for row in study.records():
            if not row.searched:
                shares.append((1 - row.train_score, 1 - row.dev_score))
        train, dev = np.mean(shares, axis=0)
        assert study.diagnosis.train.value == pytest.approx(train, abs=1e-6)
        assert study.diagnosis.dev.value == pytest.approx(dev, abs=1e-6)
        assert study.diagnosis.rows == (len(dataset.train), len(dataset.dev))
        assert study.diagnosis.networks == 3


def test_the_prescription_against_bias_helps(biased: Study, tuned: Tune) -> None:
    change = next(one.change for one in biased.prescriptions if one.name == "bigger-network")
    assert change.space["units"]["low"] == 2
    wider = biased.space.replace(**change.space)
    # The widest that is prescribed, four times as wide and two layers more.
    space = {name: one.from_unit(1.0) for name, one in wider.items()}
    after = tuned(board(2500), "colour", space=space, epochs=30, trials=1)
    assert after.diagnosis.train.value < biased.diagnosis.train.value - 0.05


def test_what_was_known_is_what_is_told(biased: Study) -> None:
    by_people = diagnose(biased, human_error=0.45)
    assert by_people.optimal_source == "human"
    assert by_people.bias.value == pytest.approx(by_people.train.value - 0.45)
    assert diagnose(biased, bayes_error=0.3, worth=0.5).bias.verdict == "low"
    with pytest.raises(UsageError, match="share"):
        diagnose(biased, bayes_error=15)
    with pytest.raises(UsageError, match="worth"):
        diagnose(biased, worth=0)


def test_measured_anew_it_is_the_same(varied: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of before errors were recorded."""
    recorded = varied.diagnosis
    real = Store.fact
    monkeypatch.setattr(Store, "fact", lambda self, fact: None if fact is ERRORS else real(self, fact))
    anew = diagnose(ikura.open_study(varied.run))
    assert anew == recorded


@pytest.fixture(scope="module")
def examined(varied: Study) -> Any:
    return examine(varied, curve=True, costs=True, examples=6, jobs=1)


def test_the_learning_curve_of_a_network_that_learns_by_heart_falls(examined: Any, varied: Study) -> None:
    curve = examined.curve
    assert [point.rows for point in curve.points] == sizes_of(180) == [22, 45, 90, 180]
    assert all(point.train.value < 0.1 for point in curve.points)
    assert curve.points[0].dev.value > curve.points[-1].dev.value
    assert curve.beyond[360].value <= curve.points[-1].dev.value
    assert curve.gain.value >= 0
    assert "360" in curve.sentence
    more = next(one for one in examined.prescriptions if one.name == "more-data")
    assert "twice the training examples" in more.expected
    assert curve.mismatch is None


def test_cost_falls_with_and_without(examined: Any) -> None:
    chosen, noisy, penalised = examined.costs
    assert chosen.chosen
    assert [one.hyperparameters for one in (noisy, penalised)] == [{"dropout": 0.3}, {"l2": 0.001}]
    assert all(one.falls and one.state == "complete" for one in examined.costs)
    # J of the penalised one holds the penalty, which cannot fall to nothing.
    assert penalised.cost[-1] > chosen.cost[-1]
    # Noise is in the cost while training, not in J.
    assert noisy.trained[-1] > noisy.cost[-1]
    assert chosen.updates[:2] == [6, 12]


def test_the_hardest_examples_are_named_by_their_rows(examined: Any, varied: Study) -> None:
    frame = digits()
    found = examined.mistakes
    assert found.wrong == sum(
        a != b for a, b in zip(*(found.predictions[n] for n in ("target", "prediction")), strict=True)
    )
    assert found.of == 60
    losses = [one.loss for one in found.hardest]
    assert losses == sorted(losses, reverse=True)
    dev = set(varied.setting.prepare(varied.run).split.dev.tolist())
    for one in found.hardest:
        row = frame.iloc[one.row - 1]
        assert one.row - 1 in dev
        assert one.truth == str(int(row["digit"]))
        assert one.values["pixel_0_2"] == f"{row['pixel_0_2']:.4g}"
        assert one.loss == pytest.approx(-np.log(one.certainty))


def test_a_wrong_label_stands_out(tuned: Tune) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=300)})
    frame["sign"] = np.where(frame["x"] > 0, "plus", "minus")
    space = {"learning_rate": 0.05, "batch_size": 16}
    dev = real_prepare(frame, DataOptions("sign")).split.dev
    wrong = int(dev[np.argmax(frame["x"].to_numpy()[dev])])
    frame.loc[wrong, "sign"] = "minus"
    study = tuned(frame, "sign", space=space, epochs=20, trials=1)
    hardest = examine(study, curve=False, examples=3, jobs=1).mistakes.hardest
    assert wrong + 1 in [one.row for one in hardest]


@pytest.mark.parametrize("own", [False, True])
def test_a_run_and_all_random_numbers_stay_as_they_are(tmp_path: Path, own: bool) -> None:
    def factory(hp: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(hp.inputs, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, hp.outputs))

    given = {"network": factory} if own else {}
    run = tmp_path / "run"
    study = ikura.tune("iris", trials=2, epochs=2, finalists=1, out=run, jobs=1, **given)
    study.close()
    before = contents(run)
    with copied(run, factory if own else None) as study:
        networks = {name: tensor.clone() for name, tensor in study.model.network.state_dict().items()}
        torch.manual_seed(5)
        np.random.seed(5)
        random.seed(5)
        states = torch.get_rng_state(), repr(np.random.get_state()), random.getstate()
        threads = torch.get_num_threads()
        findings = examine(study, curve=True, costs=True, jobs=1)
        assert contents(run) == before
        keep(study, findings)
        assert not study.model.network.training
        assert all(torch.equal(one, networks[name]) for name, one in study.model.network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (repr(np.random.get_state()), random.getstate()) == states[1:]
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, True)
    after = contents(run)
    assert {name: after[name] for name in before} == before
    assert {Path(name).relative_to(run).parts[0] for name in set(after) - set(before)} <= {
        "diagnosis.json",
        "prescriptions",
    }
    assert json.loads((run / "diagnosis.json").read_text())["trial"] == findings.trial


def test_the_same_run_is_diagnosed_alike(varied: Study, examined: Any) -> None:
    again = examine(varied, curve=True, costs=True, examples=6, jobs=2)
    assert again.as_dict() == examined.as_dict()


def test_it_does_not_see_the_test_set(varied: Study, examined: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def prepare(*arguments: Any, **named: Any) -> Dataset:
        dataset = real_prepare(*arguments, **named)
        test = replace(dataset.test, x=np.full_like(dataset.test.x, np.nan), y=dataset.test.y[::-1].copy())
        return replace(dataset, test=test)

    original = TrainingSetup.training

    def training(self: TrainingSetup, *arguments: Any, **named: Any) -> Any:
        seen.append({row.tobytes() for part in (self.train, self.dev) for row in part.x})
        return original(self, *arguments, **named)

    monkeypatch.setattr("ikura.study.record.setting.prepare", prepare)
    monkeypatch.setattr(TrainingSetup, "training", training)
    poisoned = examine(varied, curve=True, costs=True, examples=6, jobs=1)
    assert poisoned.as_dict() == examined.as_dict()
    rows = {row.tobytes() for row in varied.setting.prepare(varied.run).train.x}
    assert all(len(known - rows) <= 60 or known <= rows for known in seen)


def test_findings_are_read_again_until_another_choice_is_made(varied: Study, examined: Any) -> None:
    assert read_findings(varied).curve is None
    path = keep(varied, examined)
    found = read_findings(varied)
    assert found == examined
    assert found.as_dict() == examined.as_dict()
    replace(examined, trial=99).save(varied.run)
    assert read_findings(varied).curve is None
    path.write_text(json.dumps(found.as_dict()))
    assert read_findings(varied).curve is None
    examined.save(varied.run)
    whole = path.read_text()
    for content in (
        "{",
        whole[:-20],
        whole.replace('"dev"', '"deb"'),
        json.dumps({**found.as_dict(), "seal": "0" * 64}),
    ):
        path.write_text(content)
        with pytest.raises(RunError, match=r"diagnosis\.json: .*ikura diagnose"):
            read_findings(varied)
    path.unlink()


def test_groups_have_a_mismatch_of_their_own(tuned: Tune) -> None:
    """Each group has a rule of its own, which other groups' rows say nothing about."""
    random = np.random.default_rng(0)
    rows, groups = 900, 30
    group = random.integers(0, groups, rows)
    side = random.integers(0, 2, groups)
    x = random.normal(size=rows)
    marks = np.eye(groups)[group] + 0.01 * random.normal(size=(rows, groups))
    frame = pd.DataFrame(marks, columns=[f"mark {i}" for i in range(groups)])
    frame = frame.assign(group=[f"g{i}" for i in group], x=x, label=np.where(side[group] > 0, "a", "b"))
    space = {"learning_rate": 0.02, "units": 32, "layers": 1, "batch_size": 32}
    study = tuned(frame, "label", group="group", space=space, epochs=15, trials=1)
    assert other_source(study) == "split by group"
    assert study.diagnosis.mismatch is None
    found = examine(study, curve=True, examples=0, bayes_error=0.0, jobs=1)
    assert found.diagnosis.mismatch is not None
    assert found.diagnosis.variance.value < 0.1 < found.diagnosis.mismatch.value
    assert found.diagnosis.mismatch.verdict == "high"
    assert found.prescriptions[0].name == "matching-data"
    assert not found.mistakes.hardest


def test_a_run_without_a_choice_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    space = {"learning_rate": 1e30, "optimizer": "sgd"}
    study = ikura.tune("iris", trials=2, epochs=2, finalists=0, out=run, jobs=1, space=space)
    assert study.best is None
    assert study.findings is None
    with pytest.raises(UsageError, match="no network was chosen"):
        examine(study)
    with pytest.raises(UsageError, match="no network was chosen"):
        _ = study.diagnosis
    with pytest.raises(RunError, match="not a run folder"), copied(tmp_path):
        pass


@pytest.mark.parametrize("name", ["bigger-network", "longer-training"])
def test_the_command_of_a_prescription_does_it(biased: Study, name: str, tmp_path: Path) -> None:
    from ikura.cli import main

    one = next(one for one in biased.prescriptions if one.name == name)
    words = shlex.split(one.command)
    assert words[0] == "ikura"
    assert "--prior" in words
    for option, value in (
        ("--trials", "2"),
        ("--finalists", "0"),
        ("--epochs", "2" if name != "longer-training" else None),
    ):
        if value:
            words[words.index(option) + 1] = value
    assert main([*words[1:], "--out", str(tmp_path / "next"), "-q"]) == 0
    after = ikura.open_study(tmp_path / "next")
    assert after.setting.epochs == (30 if name == "longer-training" else 2)
    if name == "bigger-network":
        assert after.trials["units"].between(2, 8).all()


def test_too_few_rows_have_no_learning_curve(tuned: Tune) -> None:
    study = tuned(board(60), "colour", epochs=2)
    with pytest.raises(UsageError, match="too few"):
        examine(study, curve=True)
    assert "too few" in " ".join(examine(study).notes)
