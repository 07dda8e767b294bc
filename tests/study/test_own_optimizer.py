"""Studies with an optimizer of PyTorch, or of one's own, in place of ikura's update rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

import ikura
from ikura.errors import RunError, UsageError
from ikura.plugins import KINDS

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(100, 5)).astype(np.float32)
Y = (X @ RANDOM.normal(size=5) > 0).astype(int)
SPACE = {"learning_rate": 0.05, "batch_size": 16}
EPOCHS = 4


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "registered", {})


@pytest.fixture
def tune(tmp_path: Path) -> Callable[..., ikura.Study]:
    numbers: Iterator[int] = iter(range(100))
    usual: dict[str, Any] = {
        "network": network, "space": SPACE, "trials": 1, "epochs": EPOCHS, "finalists": 0, "schedule": "none",
        "search": "random", "jobs": 1, "checks": False, "dtype": "float64",
    }  # fmt: skip

    def call(**more: Any) -> ikura.Study:
        return ikura.tune((X, Y), **{**usual, "out": tmp_path / str(next(numbers)), **more})

    return call


def network(hp: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(hp.inputs, 8), nn.Tanh(), nn.Linear(8, hp.outputs))


def decayed(module: nn.Module, hp: Any) -> Any:
    """No decay of biases."""
    biases = [p for p in module.parameters() if p.dim() < 2]
    groups = [{"params": biases, "weight_decay": 0.0}, {"params": [p for p in module.parameters() if p.dim() > 1]}]
    return torch.optim.AdamW(groups, lr=hp.learning_rate, weight_decay=hp.weight_decay)


def cosine(module: nn.Module, hp: Any) -> Any:
    made = torch.optim.SGD(module.parameters(), lr=hp.learning_rate, momentum=0.9, nesterov=True)
    return made, lr_scheduler.CosineAnnealingLR(made, hp.epochs)


class Gathering(torch.optim.SGD):
    """Keeps an object of its own in its state."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()
        self.param_groups[0]["keeps"] = object()


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    ("adam", {}, r"'adam' is a rule of ikura: write it in the space"),
    ("nadma", {}, "unknown optimizer 'nadma', did you mean 'nadam'"),
    (5, {}, "must be a class of torch.optim, or a function"),
    (torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1), {}, "must be a class of torch.optim"),
    (torch.optim.LBFGS, {}, "cannot be LBFGS, which computes the loss several times"),
    (lambda module, hp: torch.optim.LBFGS(module.parameters()), {}, "cannot be LBFGS"),
    (
        lambda module, hp: torch.optim.SGD(module, lr=0.1),
        {},
        r"failed with TypeError.*; it is called with \(module, hyperparameters\)",
    ),
    (lambda module, hp: hp.rate, {}, "failed with AttributeError: no hyperparameter 'rate'"),
    (lambda module, hp: 3.0, {}, r"must return an optimizer, or \(optimizer, scheduler\).*but returned 3\.0"),
    (lambda module, hp: torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1), {}, "other parameters than the network's"),
    (torch.optim.SparseAdam, {}, "failed in an update with RuntimeError"),
    (Gathering, {}, "the state of optimizer= cannot be saved: it keeps <object"),
    (torch.optim.SGD, {"network": None}, "is for networks of your own"),
    (torch.optim.SGD, {"space": SPACE | {"optimizer": "adam"}}, "optimizer has no effect beside optimizer="),
    (torch.optim.SGD, {"space": SPACE | {"dropconnect": 0.1}}, "dropconnect has no effect beside optimizer="),
    (cosine, {"space": SPACE | {"warm_up": 1}}, "warm_up is one of ikura's; leave warm_up out"),
    (cosine, {"schedule": "pbt", "space": {"learning_rate": ikura.log(0.01, 0.1)}}, "return the optimizer alone"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_no_optimizer_is_refused(case: int, tune: Callable[..., ikura.Study]) -> None:
    given, more, message = REFUSED[case]
    with pytest.raises(UsageError, match=message) as told:
        tune(optimizer=given, **more)
    assert "\n" not in str(told.value)


def test_what_has_no_effect_is_said(tune: Callable[..., ikura.Study], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "ikura"):
        tune(optimizer=torch.optim.NAdam, space=SPACE | {"momentum": 0.8})
        tune(optimizer=cosine, space=SPACE | {"beta1": 0.8})
        tune(optimizer=lambda module, hp: torch.optim.SGD(module[0].parameters(), hp.learning_rate))
    assert "it takes lr from learning_rate." in caplog.text
    assert "momentum has no effect, because NAdam does not take it" in caplog.text
    assert "nothing reads beta1, so it has no effect" in caplog.text
    assert "optimizer= leaves out 2.weight, 2.bias, which stay as they begin" in caplog.text


def test_the_space_chosen_for_it_has_nothing_of_ikuras_rules(tune: Callable[..., ikura.Study]) -> None:
    space = tune(optimizer=torch.optim.RAdam, space=None, trials=128, epochs=1, jobs=2).setting.space
    assert "learning_rate" in space
    assert not {"optimizer", "momentum", "beta1", "learning_rate_decay"} & space.keys()


def test_an_optimizer_is_known_again(tune: Callable[..., ikura.Study], monkeypatch: pytest.MonkeyPatch) -> None:
    first = tune(optimizer=decayed, space=SPACE | {"weight_decay": 0.1})
    assert first.replay(0).equals(first.curve(0))
    monkeypatch.setattr(KINDS["optimizer"], "registered", {})
    with pytest.raises((UsageError, RunError), match=r"'decayed' of .* or give it as optimizer="):
        ikura.open_study(first.run, network)
    again = ikura.open_study(first.run, network, optimizer=decayed)
    assert again.replay(0).equals(again.curve(0))
