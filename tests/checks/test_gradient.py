"""The gradient check against `torch.autograd.gradcheck` and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import ikura
from ikura.checks.gradient import CLOSE, WRONG, compare


class Scaled(torch.autograd.Function):
    """x · w, with a gradient of w that is `factor` times the right one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.factor = factor
        return x * w

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, w = ctx.saved_tensors
        return grads[0] * w, ctx.factor * (grads[0] * x).sum(0), None


class Custom(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(5, 6), nn.Linear(6, 3)
        self.gain = nn.Parameter(torch.rand(6) + 0.5)
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.after(Scaled.apply(self.before(x).tanh(), self.gain, self.factor))
        return out


class Detached(nn.Module):
    """Half of the path to the weight is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out * out.detach()


def mlp(*activations: nn.Module) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(5, 6)]
    for one in activations:
        layers += [one, nn.Linear(6, 6)]
    return nn.Sequential(*layers, nn.Linear(6, 3))


MODULES: dict[str, tuple[Callable[[], nn.Module], set[str]]] = {
    "linear": (lambda: nn.Linear(5, 3), set()),
    "tanh": (lambda: mlp(nn.Tanh()), set()),
    "relu": (lambda: mlp(nn.ReLU(), nn.ReLU()), set()),
    "gelu": (lambda: mlp(nn.GELU()), set()),
    "layer norm": (lambda: nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.SiLU(), nn.Linear(6, 3)), set()),
    "batch norm": (lambda: nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ELU(), nn.Linear(6, 3)), set()),
    "right function": (lambda: Custom(1.0), set()),
    "ten per cent off": (lambda: Custom(1.1), {"gain"}),
    "wrong sign": (lambda: Custom(-1.0), {"gain"}),
    "no gradient": (lambda: Custom(0.0), {"gain"}),
    "half detached": (Detached, {"layer.weight", "layer.bias"}),
}


@pytest.mark.parametrize("name", list(MODULES))
def test_agrees_with_gradcheck_and_names_the_wrong_parameter(name: str) -> None:
    build, wrong = MODULES[name]
    torch.manual_seed(3)
    module = build().double()
    x, y = torch.randn(8, 5, dtype=torch.float64), torch.randint(0, 3, (8,))
    named = dict(module.named_parameters())

    def objective(*parameters: Tensor) -> Tensor:
        given = dict(zip(named, parameters, strict=True)) if parameters else named
        return functional.cross_entropy(torch.func.functional_call(module, given, (x,)), y)

    found = compare(objective, named)
    copies = tuple(p.detach().clone().requires_grad_() for p in named.values())
    agrees = torch.autograd.gradcheck(objective, copies, raise_exception=False, nondet_tol=1e-9)
    assert agrees == (not wrong)
    assert {one.name for one in found if one.error > WRONG} == wrong
    assert all(one.error < CLOSE for one in found if one.name not in wrong)


def test_relative_error_is_the_closed_form() -> None:
    """A gradient 10 % too large has ‖g≈ - g‖ / (‖g≈‖ + ‖g‖) = 0.1 / 2.1."""
    w = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64, requires_grad=True)
    x = torch.ones(1, 3, dtype=torch.float64)
    [one] = compare(lambda: Scaled.apply(x, w, 1.1).sum(), {"w": w})
    # The difference itself is exact to about 1e-8 for a linear function of size 1 and h = 1e-7.
    assert one.error == pytest.approx(0.1 / 2.1, abs=1e-6)


def test_a_single_wrong_component_is_the_worst_one() -> None:
    class OneOff(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, w: Tensor) -> Tensor:
            ctx.save_for_backward(w)
            return (w**2).sum()

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Any:
            (w,) = ctx.saved_tensors
            slope = 2 * w
            slope[1, 2] += 1
            return grads[0] * slope

    w = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    [one] = compare(lambda: OneOff.apply(w), {"w": w})
    place, numeric, analytic = one.worst[0]
    assert place == (1, 2)
    assert analytic - numeric == pytest.approx(1, abs=1e-5)


def test_kinks_are_no_errors() -> None:
    """At 0 the slopes of |w| and relu(w) are -1 to 1 and 0 to 1; autograd's 0 lies within."""
    w = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    [one] = compare(lambda: w.abs()[0] + w.relu()[1] + (w**2)[2], {"w": w})
    assert one.error < CLOSE
    assert one.kinks == 2


def test_a_large_parameter_is_sampled_and_still_caught() -> None:
    class Wide(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.randn(4000))
            self.out, self.factor = nn.Linear(4000, 3), factor

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.out(Scaled.apply(x.repeat(1, 800), self.scale, self.factor)) / 10
            return out

    random = np.random.default_rng(0)
    parts = {"train": (random.normal(size=(40, 5)).astype(np.float32), random.integers(0, 3, 40))}
    right, wrong = (ikura.check(parts, network=Wide(f), only=["gradient"])["gradient"] for f in (1.0, 1.05))
    assert (right.verdict, wrong.verdict) == ("pass", "fail")
    assert wrong.figures["parameter"] == "scale"
    assert "sampled" in right.figures["confidence"]
    assert right.figures["components"] < 2000


def test_penalties_belong_to_the_objective() -> None:
    parts = {"train": (np.eye(3, dtype=np.float32), np.arange(3))}
    found = [
        ikura.check(parts, network=nn.Linear(3, 3), hyperparameters=given, only=["gradient"])["gradient"]
        for given in ({}, {"l2": 0.5, "l1": 0.1})
    ]
    assert [one.verdict for one in found] == ["pass", "pass"]
