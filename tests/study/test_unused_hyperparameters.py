"""What neither the caller's factory nor the training reads is said before training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

import ikura
from ikura.data import prepare
from ikura.space import Space, choice, linear
from ikura.study.unused_hyperparameters import unread

from .conftest import Tune


class Lazy(nn.Module):
    """A network that reads a hyperparameter only when it runs."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.hp, self.last = hp, nn.Linear(hp.inputs, hp.outputs)

    def forward(self, x: Any) -> Any:
        """Raw outputs."""
        return self.last(x) * self.hp["width"]


def plain(hp: Any) -> nn.Module:
    return nn.Linear(hp.inputs, hp.outputs)


@pytest.mark.parametrize(
    ("factory", "space", "told"),
    [
        (plain, {"lr": linear(0.1, 0.2)}, "here it is 'learning_rate'"),
        (plain, {"η": 0.1}, "here it is 'learning_rate'"),
        (plain, {"num_epochs": 5}, "--epochs on the command line"),
        (plain, {"hidden_width": 5}, "read it in the factory, hp.hidden_width, or leave it out"),
        (plain, {"Learning-Rate": 5}, "did you mean 'learning_rate'?"),
        (plain, {"learning_rate": 0.1, "l1": 0.1, "optimizer": "adam", "pieces": "1:0.1"}, None),
        (lambda hp: nn.Linear(hp.inputs, hp.outputs) if hp.get("lr") else None, {"lr": 0.1}, None),
        (lambda hp: plain(hp) if dict(hp) else None, {"lr": 0.1}, None),
        (lambda hp: (lambda inputs, outputs, shape, lr: nn.Linear(inputs, outputs))(**hp), {"lr": 0.1}, None),
        (lambda hp: plain(hp) if "lr" in hp else None, {"lr": 0.1}, None),
        (lambda hp: plain(hp) if hp.kind == "a" or hp.width else None, {"kind": choice("a", "b"), "width": 3}, None),
        (Lazy, {"width": 5}, None),
        (lambda hp: 1 / 0, {"lr": 0.1}, None),
    ],
)  # fmt: skip
def test_what_nothing_reads(factory: Callable[[Any], Any], space: dict[str, Any], told: str | None) -> None:
    found = unread(factory, Space(**space), prepare("iris"), 0)
    assert len(found) == (told is not None)
    if told is not None:
        assert told in found[0]


def test_it_is_said_before_training(tune: Tune) -> None:
    class Heard(ikura.Progress):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def say(self, line: str) -> None:
            self.lines.append(line)

    heard = Heard()
    tune(network=plain, space={"lr": linear(0.1, 0.2)}, trials=2, epochs=2, finalists=0, progress=heard)
    assert any("nothing reads lr, so it has no effect: here it is 'learning_rate'" in line for line in heard.lines)
