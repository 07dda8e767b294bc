"""A module run for all members at once and one after another."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import stack_module_state

from ikura.population.stacked_module import StackedModule


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 2)).double()


def stacked(count: int) -> tuple[nn.Module, dict[str, Tensor], dict[str, Tensor]]:
    torch.manual_seed(0)
    modules = [network() for _ in range(count)]
    parameters, buffers = stack_module_state(modules)
    return modules[0].train(), parameters, buffers


def test_one_after_another_is_the_same_as_at_once() -> None:
    x = torch.randn(16, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = []
    for vectorised in (True, False):
        module, parameters, buffers = stacked(4)
        together = StackedModule([module])
        together.vectorised = vectorised
        torch.manual_seed(7)
        outputs = together(parameters, buffers, [x])
        gradients = torch.autograd.grad(outputs.square().sum(), list(parameters.values()))
        assert together.vectorised == vectorised
        found.append([outputs.detach(), *gradients, *buffers.values()])
    for at_once, in_turn in zip(*found, strict=True):
        torch.testing.assert_close(at_once, in_turn)


def test_buffers_changed_before_vmap_gave_up_are_put_back() -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(3, momentum=0.5)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(x)
            return y if y.sum().item() < 1e9 else -y

    module = Late().train()
    parameters, buffers = stack_module_state([module, Late()])
    x = torch.full((4, 3), 8.0)
    together = StackedModule([module])
    together(parameters, buffers, [x])
    assert not together.vectorised
    assert buffers["norm.running_mean"].tolist() == [[4.0] * 3] * 2
