"""What a study says of how its networks run: before they do, and behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ikura
from ikura.cli.result_summary import summary
from ikura.plugins import KINDS

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(80, 4)).astype(np.float32)
Y = (X.sum(1) > 0).astype(int)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "registered", {})


@pytest.fixture
def tune(tmp_path: Path) -> Callable[..., ikura.Study]:
    def call(**more: Any) -> ikura.Study:
        usual: dict[str, Any] = {"space": {"learning_rate": ikura.log(0.01, 0.1)}, "trials": 4, "epochs": 2}
        usual |= {"finalists": 0, "search": "random", "jobs": 1, "checks": False, "out": tmp_path / "run"}
        return ikura.tune((X, Y), **{**usual, **more})

    return call


class Net(nn.Module):
    """Cumulates its hidden units, which no program does, where it is told to."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(hp.inputs, 4), nn.Linear(4, hp.outputs)
        self.cumulates = hp.get("cumulates", False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(x))
        return self.last(hidden.cumsum(1) if self.cumulates else hidden)


def step(module: nn.Module, batch: Any, hp: Any) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(module(batch.x)[:, 0], batch.y)


IN_KERNEL = "4 trials run in the compiled kernel: linear, function."
CUMSUM = "the kernel does not know Tensor.cumsum"
CASES: list[tuple[dict[str, Any], str, dict[str, int]]] = [
    ({}, IN_KERNEL, {"in the compiled kernel": 4}),
    ({"space": {"cumulates": True}}, f"4 trials run in PyTorch: {CUMSUM}.", {f"in PyTorch: {CUMSUM}": 4}),
    (
        {"optimizer": "radam"},
        "4 trials run in PyTorch: optimizer= makes",
        {"in PyTorch: optimizer= makes the updates": 4},
    ),
    ({"training_step": step}, "PyTorch: training_step=", {"in PyTorch: training_step= computes the loss": 4}),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_how_trials_run_is_said_and_counted(
    case: int, tune: Callable[..., ikura.Study], caplog: pytest.LogCaptureFixture
) -> None:
    more, line, ways = CASES[case]
    with caplog.at_level("INFO", "ikura"):
        study = tune(network=Net, **more)
    assert line in caplog.text
    assert study.ways == ways
    assert next(iter(ways)) in summary(study).replace("\n", " ")


def test_a_mixed_space_is_looked_at(tune: Callable[..., ikura.Study], caplog: pytest.LogCaptureFixture) -> None:
    space = {"cumulates": ikura.choice(True, False), "learning_rate": ikura.log(0.01, 0.1)}
    with caplog.at_level("INFO", "ikura"):
        study = tune(network=Net, space=space, trials=6, seed=1)
    assert "6 trials: of 6 configurations looked at" in caplog.text
    cumulated = int(study.trials["cumulates"].sum())
    assert 0 < cumulated < 6
    assert study.ways == {"in the compiled kernel": 6 - cumulated, f"in PyTorch: {CUMSUM}": cumulated}


def test_nothing_is_said_of_built_in_networks(tune: Callable[..., ikura.Study]) -> None:
    assert tune().ways == {}


def test_a_check_says_it_of_one_network() -> None:
    found = ikura.check((X, Y), network=Net, only=["forward"])["forward"]
    assert found.finding.endswith("; it trains in the compiled kernel: linear, function")
    found = ikura.check((X, Y), network=Net, hyperparameters={"cumulates": True}, only=["forward"])["forward"]
    assert found.finding.endswith(f"; it trains in PyTorch, because {CUMSUM}")


@pytest.mark.parametrize(
    ("loss", "end"),
    [
        ("binary_cross_entropy", "; it trains in the compiled kernel: linear, function"),
        ("focal", "; it trains in PyTorch, because the kernel does not know the loss focal"),
        (lambda out, y: (out[:, 0] - y) ** 2, "in PyTorch, because the kernel does not know a loss of your own"),
    ],
)
def test_a_check_and_a_study_agree_on_losses(loss: Any, end: str, tune: Callable[..., ikura.Study]) -> None:
    found = ikura.check((X, Y), network=Net, loss=loss, only=["forward"])["forward"]
    assert found.finding.endswith(end)
    [way] = tune(network=Net, loss=loss, metric="accuracy").ways
    assert ("in the compiled kernel" in way) == ("compiled kernel" in end)
