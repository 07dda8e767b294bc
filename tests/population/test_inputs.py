"""What a forward is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ikura.population.inputs import inputs_of


def network(forward: Callable[..., Any]) -> nn.Module:
    return type("Network", (nn.Module,), {"forward": forward})()


@pytest.mark.parametrize(
    ("forward", "without", "some"),
    [
        (lambda self, x: x, 1, 1),
        (lambda self, x, codes: x, 2, 2),
        (lambda self, x, codes=None: x, 1, 2),
        (lambda self, x, categories: x, 1, 2),
        (lambda self, x, mask=None: x, 1, 1),
        (lambda self, x, hidden=None, codes=None: x, 1, 1),
        (lambda self, x, *, codes: x, 1, 1),
        (lambda self, x, *more: x, 1, 1),
        (lambda self, x, **more: x, 1, 1),
        (lambda self, *inputs: inputs, 1, 1),
    ],
)
def test_codes_are_given_where_they_are_asked_for(forward: Callable[..., Any], without: int, some: int) -> None:
    x = torch.zeros(3, 2)
    for columns, expected in ((0, without), (4, some)):
        assert len(inputs_of(network(forward), x, torch.zeros(3, columns, dtype=torch.int32))) == expected


def test_a_compiled_network_asks_as_the_one_within() -> None:
    def forward(self: nn.Module, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x

    module = torch.compile(network(forward), backend="eager")
    assert len(inputs_of(module, torch.zeros(3, 2), torch.zeros(3, 4))) == 1


def test_inputs_are_copies() -> None:
    x = torch.zeros(3, 2)
    inputs_of(nn.Linear(2, 1), x, None)[0].add_(1)
    assert not x.any()
