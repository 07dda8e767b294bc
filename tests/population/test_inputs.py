"""What a forward is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ikura.population.inputs import ForwardArguments, TensorInputs, call_forward


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
        given, named = ForwardArguments.of(network(forward))(x, torch.zeros(3, columns, dtype=torch.int32))
        assert (len(given), named) == (expected, {})


def test_a_compiled_network_asks_as_the_one_within() -> None:
    def forward(self: nn.Module, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x

    module = torch.compile(network(forward), backend="eager")
    assert len(ForwardArguments.of(module)(torch.zeros(3, 2), torch.zeros(3, 4))[0]) == 1


def test_inputs_are_copies() -> None:
    x = torch.zeros(3, 2)
    ForwardArguments.of(nn.Linear(2, 1))(x, None)[0][0].add_(1)
    assert not x.any()


def test_several_inputs_are_given_by_place_or_by_name() -> None:
    a, b = torch.zeros(3, 2), torch.arange(3)
    given = call_forward(network(lambda self, left, right: (left, right)), TensorInputs((a, b)))
    assert [one.tolist() for one in given] == [a.tolist(), b.tolist()]
    assert given[0].data_ptr() != a.data_ptr()
    named = call_forward(network(lambda self, *, right, left: (left, right)), TensorInputs((a, b), ("left", "right")))
    assert [one.tolist() for one in named] == [a.tolist(), b.tolist()]


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (lambda self, x: {}, {}),
        (lambda self, x, hidden=None: {}, {}),
        (lambda self, x, lengths: {"lengths": lengths}, {"lengths": [1, 3]}),
        (lambda self, x, n: {"n": n}, {"n": [1, 3]}),
        (lambda self, x, hidden=None, *, seq_lens: {"seq_lens": seq_lens}, {"seq_lens": [1, 3]}),
        (lambda self, x, mask=None: {"mask": mask}, {"mask": [[True, False, False], [True, True, True]]}),
        (lambda self, x, padding_mask: {"p": padding_mask}, {"p": [[False, True, True], [False, False, False]]}),
    ],
)
def test_of_padded_sequences_forward_gets_what_it_asks_for(
    forward: Callable[..., Any], expected: dict[str, list[Any]]
) -> None:
    x = TensorInputs((torch.zeros(2, 3, dtype=torch.int64), torch.tensor([1, 3])), sequences=True)
    assert {name: value.tolist() for name, value in call_forward(network(forward), x).items()} == expected
