"""Studies with callbacks and training steps of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import ikura
from ikura.errors import RunError, UsageError
from ikura.metric import own_metric
from ikura.plugins import KINDS
from ikura.population.member import Member
from ikura.study.training_setup import setup_again

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(160, 5)).astype(np.float32)
Y = (X @ RANDOM.normal(size=5) > 0).astype(int)
OPTIONS: dict[str, Any] = {
    "space": {"learning_rate": ikura.log(0.01, 0.1), "batch_size": 32},
    "trials": 2,
    "epochs": 6,
    "finalists": 0,
    "schedule": "none",
    "search": "random",
    "jobs": 1,
    "checks": False,
}


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "registered", {})


@pytest.fixture
def tune(tmp_path: Path) -> Callable[..., ikura.Study]:
    numbers: Iterator[int] = iter(range(100))

    def call(**more: Any) -> ikura.Study:
        return ikura.tune((X, Y), **{**OPTIONS, "out": tmp_path / str(next(numbers)), **more})

    return call


def network(hp: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(hp.inputs, 8), nn.Tanh(), nn.Linear(8, hp.outputs))


def odd_ones_early(epoch: ikura.EpochRecord) -> bool:
    return epoch.trial % 2 == 1 and epoch.epoch == 3


@pytest.mark.parametrize(("way", "trials", "jobs"), [(network, 2, 1), (network, 20, 1), (None, 4, 2), (network, 4, 2)])
def test_a_callback_stops_a_trial_and_changes_no_other(
    way: Any, trials: int, jobs: int, tune: Callable[..., ikura.Study]
) -> None:
    free, stopped = (tune(network=way, trials=trials, jobs=jobs, callbacks=some) for some in (None, [odd_ones_early]))
    assert list(stopped.trials["epochs"]) == [6, 3] * (trials // 2)
    assert set(stopped.trials["state"]) == {"complete"}
    for number in range(trials):
        expected = free.curve(number).head(3 if number % 2 else 6)
        assert stopped.curve(number).equals(expected)
    again = stopped.replay(1)
    assert again is not None


def test_a_callback_is_told_what_is_on_record(tune: Callable[..., ikura.Study]) -> None:
    told: list[ikura.EpochRecord] = []
    study = tune(network=network, callbacks=[told.append])
    assert [(one.trial, one.epoch) for one in told if one.trial == 1] == [(1, epoch) for epoch in range(1, 7)]
    for one in told:
        curve = study.curve(one.trial)
        np.testing.assert_array_equal(one.curve, curve[["train_loss", "dev_loss", "dev_score"]].to_numpy()[: one.epoch])
        assert (one.train_loss, one.dev_loss, one.dev_score) == tuple(one.curve[-1])
        assert one.hyperparameters.learning_rate == study.trials["learning_rate"][one.trial]


WRONG: list[tuple[Any, str]] = [
    (lambda epoch: 1, "must return True to stop the trial, False or None to go on, but returned 1"),
    (lambda epoch: epoch.nothing, "trial 0: the callback .*, after epoch 1, failed with AttributeError"),
]


@pytest.mark.parametrize(("callback", "message"), WRONG)
def test_callbacks_that_fail_are_named(callback: Any, message: str, tune: Callable[..., ikura.Study]) -> None:
    with pytest.raises(UsageError, match=message):
        tune(network=network, callbacks=[callback])


@pytest.mark.parametrize("given", [5, odd_ones_early, ["unknown"], [3], [odd_ones_early] * 2, "x"], ids=range(6))
def test_what_are_no_callbacks_is_refused(given: Any, tune: Callable[..., ikura.Study]) -> None:
    with pytest.raises(UsageError, match="callback"):
        tune(network=network, callbacks=given)


def test_callbacks_are_known_again(tune: Callable[..., ikura.Study], monkeypatch: pytest.MonkeyPatch) -> None:
    run = tune(network=network, callbacks=[odd_ones_early]).run
    _forget_now(monkeypatch)
    with pytest.raises((UsageError, RunError), match=r"the callback 'odd_ones_early' of .* or give it as callbacks="):
        ikura.open_study(run, network)
    assert ikura.open_study(run, network, callbacks=[odd_ones_early]).curve(1).shape[0] == 3
    with pytest.raises(UsageError, match="no further callback of your own"):
        ikura.open_study(run, network, callbacks=[odd_ones_early, print])


def _forget_now(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "registered", {})


def consistent(module: nn.Module, batch: Any, hp: Any) -> Tensor:
    """Cross-entropy, the outputs of inputs turned around kept near, and a penalty on the slope."""
    x = batch.x.requires_grad_()
    outputs = module(x)[:, 0]
    (slope,) = torch.autograd.grad(outputs.sum(), x, create_graph=True)
    near = (outputs + module(-x)[:, 0]).square().mean()
    return F.binary_cross_entropy_with_logits(outputs, batch.y) + hp.near * near + 0.01 * slope.square().mean()


def test_a_training_step_is_a_plain_loop(tune: Callable[..., ikura.Study]) -> None:
    space = {"learning_rate": 0.05, "optimizer": "adam", "batch_size": 32, "near": 0.3}
    study = tune(network=network, training_step=consistent, space=space, dtype="float64", trials=1)
    setting = study.setting
    _, setup = setup_again(setting, study.run, network)
    hyperparameters = dict.fromkeys(space, 0) | space
    member = Member(0, hyperparameters, setting.seed)
    training = setup.training([member])
    module = setup.module(member).double()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for epoch in range(3):
        training.advance(3)
        examples = setup.train.ordered(setting.seed, epoch)
        for first in range(0, len(examples), 32):
            rows = slice(first, first + 32)
            x, y = torch.from_numpy(examples.inputs(rows)).double(), torch.from_numpy(examples.y[rows]).double()
            optimizer.zero_grad()
            consistent(module, SimpleNamespace(x=x, y=y), SimpleNamespace(near=0.3)).backward()
            optimizer.step()
    expected = torch.cat([p.detach().reshape(-1) for p in module.parameters()]).numpy()
    np.testing.assert_allclose(training.tile.flat(0), expected, rtol=1e-9, atol=1e-9)


def told(module: nn.Module, batch: Any, hp: Any) -> dict[str, Any]:
    outputs = module(batch.x)[:, 0]
    fit, spread = F.binary_cross_entropy_with_logits(outputs, batch.y), outputs.detach().square().mean()
    return {"loss": fit + 0.1 * module[0].weight.square().mean(), "fit": fit, "spread": spread, "rows": len(batch.y)}


def test_what_a_training_step_tells_is_in_the_curve(tune: Callable[..., ikura.Study]) -> None:
    space = {"learning_rate": ikura.log(1e-9, 1e-8), "optimizer": "sgd", "batch_size": 32}
    seen: list[dict[str, float]] = []

    def looking(epoch: ikura.EpochRecord) -> None:
        seen.append(dict(epoch.values))

    study = tune(network=network, training_step=told, space=space, dtype="float64", callbacks=[looking], trials=1)
    curve = study.curve(0)
    assert list(curve) == ["epoch", "train_loss", "dev_loss", "dev_score", "fit", "rows", "spread"]
    # The weights hardly move, so that one forward over all rows tells every epoch's means.
    _, setup = setup_again(study.setting, study.run, network)
    module = setup.module(Member(0, {**space, "learning_rate": 1e-9}, study.setting.seed)).double()
    outputs = module(torch.from_numpy(setup.train.inputs(slice(None))).double())[:, 0]
    fit = F.binary_cross_entropy_with_logits(outputs, torch.from_numpy(setup.train.y).double()).item()
    np.testing.assert_allclose(curve["fit"], fit, rtol=1e-6)
    np.testing.assert_allclose(curve["spread"], outputs.square().mean().item(), rtol=1e-6)
    np.testing.assert_allclose(curve["rows"], 32)
    assert [one["fit"] for one in seen] == curve["fit"].tolist()
    assert study.replay(0).equals(curve)


def test_copies_have_what_their_parents_told(tune: Callable[..., ikura.Study]) -> None:
    space = {"learning_rate": ikura.log(0.001, 0.1), "batch_size": 32}
    study = tune(network=network, training_step=told, space=space, schedule="pbt", trials=8, epochs=8)
    copied = study.trials[study.trials["parent"].notna()]["number"].tolist()
    assert copied
    assert study.curves()[["fit", "spread"]].notna().all(axis=None)


def test_epochs_are_kept_by_a_metric(tune: Callable[..., ikura.Study]) -> None:
    space = {"learning_rate": ikura.log(0.001, 1), "units": 4}
    for stop_on, better in (("f1", np.argmax), ("log_loss", np.argmin), ("accuracy", np.argmax)):
        study = tune(network=None, space=space, stop_on=stop_on, schedule="early-stopping", epochs=12, trials=4)
        column = "dev_score" if stop_on == "accuracy" else stop_on
        assert study.setting.metrics == ([] if stop_on == "accuracy" else [stop_on])
        for row in study.trials.itertuples():
            curve = study.curve(row.number)
            assert row.best_epoch == better(curve[column]) + 1
            assert row.dev_score == curve["dev_score"][row.best_epoch - 1]
            if stop_on != "accuracy":
                assert getattr(row, stop_on) == pytest.approx(curve[stop_on][row.best_epoch - 1], rel=1e-6)
        assert study.replay(0).equals(study.curve(0))


def test_rungs_compare_what_is_kept(tune: Callable[..., ikura.Study]) -> None:
    space = {"learning_rate": ikura.log(0.001, 1), "units": 4}
    study = tune(network=None, space=space, stop_on="f1", schedule="successive-halving", epochs=9, trials=9)
    assert {"complete", "pruned"} <= set(study.trials["state"])
    for row in study.trials.itertuples():
        curve = study.curve(row.number)
        assert row.best_epoch == np.argmax(curve["f1"]) + 1


def worst_margin(prediction: Tensor, target: Tensor) -> Tensor:
    return torch.where(target > 0, prediction, 1 - prediction).min()


def test_epochs_are_kept_by_a_metric_of_ones_own(
    tune: Callable[..., ikura.Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_metric(worst_margin, greater_is_better=True)
    study = tune(network=network, stop_on=own)
    for row in study.trials.itertuples():
        assert row.best_epoch == np.argmax(study.curve(row.number)["worst_margin"]) + 1
    _forget_now(monkeypatch)
    assert len(ikura.open_study(study.run, network, metrics=[own]).trials) == 2
    with pytest.raises(UsageError, match="there is no metric 'f2'"):
        tune(network=network, stop_on="f2")


STEPS: list[tuple[Any, dict[str, Any], str]] = [
    (lambda module, batch, hp: 3.0, {}, "must return the loss, a tensor of one number, but returned 3.0"),
    (lambda module, batch, hp: module(batch.x), {}, r"returned a tensor of shape \(32, 1\)"),
    (lambda module, batch, hp: module(batch.x).sum().detach(), {}, "has no gradient"),
    (lambda module, batch, hp: {"cost": module(batch.x).sum()}, {}, "must return the loss.*but returned None"),
    (lambda module, batch, hp: {"loss": module(batch.x).sum(), "dev_loss": 1.0}, {}, "tells 'dev_loss': a name is"),
    (lambda module, batch, hp: {"loss": module(batch.x).sum(), "kl": batch.x}, {}, "must tell a number as 'kl', but"),
    (lambda module, batch, hp: module(batch.z).sum(), {}, "trial 0: the network fails in training.*AttributeError"),
    (5, {}, "must be a function"),
    (consistent, {"network": None}, "is for networks of your own"),
    (consistent, {"space": {"label_smoothing": 0.1, "near": 1.0}}, "label_smoothing has no effect"),
]


@pytest.mark.parametrize("case", range(len(STEPS)))
def test_what_is_no_training_step_is_refused(case: int, tune: Callable[..., ikura.Study]) -> None:
    step, more, message = STEPS[case]
    with pytest.raises(UsageError, match=message):
        tune(**{"network": network, "training_step": step, **more})


def test_a_training_step_is_known_again(tune: Callable[..., ikura.Study], monkeypatch: pytest.MonkeyPatch) -> None:
    run = tune(network=network, training_step=consistent, space={"near": 0.1, "learning_rate": 0.1}).run
    _forget_now(monkeypatch)
    with pytest.raises((UsageError, RunError), match=r"'consistent' of .* or give it as training_step="):
        ikura.open_study(run, network)
    assert len(ikura.open_study(run, network, training_step=consistent).trials) == 2
