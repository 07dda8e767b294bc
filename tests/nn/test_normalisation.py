"""Normalisers against torch's, against their formulas, and stacked under vmap."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from ikura.errors import UsageError
from ikura.nn import NORMALISATIONS, BatchNorm, GhostNorm, normaliser
from ikura.population.structure import structure

UNITS = 5
SHAPES = [(24, UNITS), (6, UNITS, 3, 2)]

# Means of at most 60 numbers of size 1, a root and a division: some dozen roundings of 2**-53, divided by a deviation
# of about one.
CLOSE = {"rtol": 1e-12, "atol": 1e-12}

MAKERS: dict[str, Callable[[float], nn.Module]] = {
    name: lambda momentum, name=name: normaliser(name, UNITS, momentum=momentum, ghost_size=4, images=True)
    for name in NORMALISATIONS
    if name != "none"
}


def example(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Draw activations with means and deviations of their own."""
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return x * torch.linspace(0.5, 2, shape[1]).reshape(-1, *(1,) * (len(shape) - 2)) + 0.7


def scaled(module: nn.Module) -> nn.Module:
    """Give a module a scale and a shift other than one and zero."""
    module = module.double()
    with torch.no_grad():
        module.get_parameter("weight").copy_(torch.linspace(0.4, 1.6, UNITS))
        module.get_parameter("bias").copy_(torch.linspace(-1, 1, UNITS))
    return module


def gradients(module: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """Differentiate a function of the outputs that has no symmetry, by inputs, scale and shift."""
    leaf = x.clone().requires_grad_()
    y = module(leaf)
    weights = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
    return torch.autograd.grad((weights * y**2).sum(), [leaf, *module.parameters()])


@pytest.mark.parametrize("momentum", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_is_torchs(shape: tuple[int, ...], momentum: float) -> None:
    kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    own, other = scaled(BatchNorm(UNITS, momentum)), scaled(kind(UNITS, momentum=momentum))
    for step in range(3):
        x = example(shape, step)
        torch.testing.assert_close(own(x), other(x), **CLOSE)
        for mine, its in zip(gradients(own, x), gradients(other, x), strict=True):
            torch.testing.assert_close(mine, its, **CLOSE)
        for name in ("running_mean", "running_var"):
            torch.testing.assert_close(own.get_buffer(name), other.get_buffer(name), **CLOSE)
    torch.testing.assert_close(own.eval()(x), other.eval()(x), **CLOSE)


class GhostByHand(nn.Module):
    """Ghost normalisation, ghost after ghost, as its formula reads."""

    def __init__(self, ghost_size: int, momentum: float) -> None:
        super().__init__()
        self.ghost_size, self.momentum = ghost_size, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(UNITS)), nn.Parameter(torch.zeros(UNITS))
        self.mean, self.deviation = torch.zeros(UNITS).double(), torch.ones(UNITS).double()

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the ghosts of one mini-batch."""
        parts = list(x.split(self.ghost_size))
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts[-2:] = [torch.cat(parts[-2:])]
        done, means, deviations = [], [], []
        for part in parts:
            columns = part.transpose(0, 1).reshape(UNITS, -1)
            means.append(columns.mean(1))
            deviations.append((((columns - means[-1][:, None]) ** 2).mean(1) + 1e-5).sqrt())
            numbers = (means[-1], deviations[-1], self.weight, self.bias)
            mean, deviation, scale, shift = (t.reshape(UNITS, *(1,) * (x.dim() - 2)) for t in numbers)
            done.append(scale * (part - mean) / deviation + shift)
        rate, count = self.momentum, len(parts)
        shares = [rate * (1 - rate) ** (count - number) for number in range(1, count + 1)]
        with torch.no_grad():
            self.mean = (1 - rate) ** count * self.mean + sum(s * m for s, m in zip(shares, means, strict=True))
            self.deviation = (1 - rate) ** count * self.deviation + sum(
                s * d for s, d in zip(shares, deviations, strict=True)
            )
        return torch.cat(done)


@settings(max_examples=40)
@given(st.integers(2, 25), st.integers(2, 12), st.sampled_from([(), (2, 3)]), st.sampled_from([0.1, 0.5, 1.0]))
def test_ghost_norm_is_its_formula(rows: int, ghost_size: int, pixels: tuple[int, ...], momentum: float) -> None:
    own, other = scaled(GhostNorm(UNITS, ghost_size, momentum)), scaled(GhostByHand(ghost_size, momentum))
    for step in range(2):
        x = example((rows, UNITS, *pixels), step)
        torch.testing.assert_close(own(x), other(x), **CLOSE)
        torch.testing.assert_close(own.get_buffer("running_mean"), other.mean, **CLOSE)
        torch.testing.assert_close(own.get_buffer("running_deviation"), other.deviation, **CLOSE)
        # Two rows that nearly agree have a deviation down to √ε = 0.003, which the gradient divides by: 300 times more.
        for mine, its in zip(gradients(own, x), gradients(other, x), strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-9, atol=1e-9)
    fixed = own.eval()(x)
    mean, deviation = (t.reshape(UNITS, *(1,) * len(pixels)) for t in (other.mean, other.deviation))
    scale, shift = (own.get_parameter(n).reshape(UNITS, *(1,) * len(pixels)) for n in ("weight", "bias"))
    torch.testing.assert_close(fixed, scale * (x - mean) / deviation + shift, **CLOSE)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ghost_size", [24, 1000])
def test_one_ghost_gives_the_outputs_of_batch_norm(shape: tuple[int, ...], ghost_size: int) -> None:
    x = example(shape)
    ghost, batch = scaled(GhostNorm(UNITS, ghost_size)), scaled(BatchNorm(UNITS))
    torch.testing.assert_close(ghost(x), batch(x), **CLOSE)
    for mine, its in zip(gradients(ghost, x), gradients(batch, x), strict=True):
        torch.testing.assert_close(mine, its, **CLOSE)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(2, 5), st.integers(0, 4))
def test_micro_batches_of_whole_ghosts_are_one_pass(ghosts: list[int], ghost_size: int, left: int) -> None:
    sizes = [count * ghost_size for count in ghosts]
    sizes[-1] += left
    x = example((sum(sizes), UNITS))
    whole, parts = scaled(GhostNorm(UNITS, ghost_size)), scaled(GhostNorm(UNITS, ghost_size))
    expected = whole(x)
    torch.testing.assert_close(torch.cat([parts(part) for part in x.split(sizes)]), expected, **CLOSE)
    for name, buffer in whole.named_buffers():
        torch.testing.assert_close(parts.get_buffer(name), buffer, **CLOSE)


def test_layer_norm_is_torchs() -> None:
    x, images = example(SHAPES[0]), example(SHAPES[1])
    flat, folded = (scaled(normaliser("layer", UNITS, images=way)) for way in (False, True))
    scale, shift = flat.get_parameter("weight"), flat.get_parameter("bias")
    torch.testing.assert_close(flat(x), functional.layer_norm(x, (UNITS,), scale, shift), **CLOSE)
    torch.testing.assert_close(folded(x), flat(x), **CLOSE)
    normal = functional.layer_norm(images, images.shape[1:])
    torch.testing.assert_close(folded(images), normal * scale[:, None, None] + shift[:, None, None], **CLOSE)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("shape", [*SHAPES, (7, UNITS), (1, UNITS)])
def test_stacked_modules_are_each_as_if_alone(name: str, shape: tuple[int, ...]) -> None:
    modules = [scaled(MAKERS[name](momentum)) for momentum in (0.1, 0.4, 1.0)]
    assert len({structure(module) for module in modules}) == 1
    alone = [deepcopy(module) for module in modules]
    parameters, buffers = stack_module_state(modules)
    run = vmap(lambda p, b, x: functional_call(modules[0], (p, b), (x,)), in_dims=(0, 0, None))
    for step in range(2):
        x = example(shape, step)
        y = run(parameters, buffers, x)
        weights = torch.linspace(-1, 2, y[0].numel(), dtype=y.dtype).reshape(shape)
        slopes = torch.autograd.grad((weights * y**2).sum(), list(parameters.values()))
        for k, module in enumerate(alone):
            # `gradients` runs the module, and so moves its statistics as the population's did.
            expected = gradients(module, x)[1:]
            for slope, its in zip(slopes, expected, strict=True):
                torch.testing.assert_close(slope[k], its, **CLOSE)
            for buffer, its in module.named_buffers():
                torch.testing.assert_close(buffers[buffer][k], its, **CLOSE)
    with torch.no_grad():
        modules[0].eval()
        y = run(parameters, buffers, x)
        for k, module in enumerate(alone):
            torch.testing.assert_close(y[k], module.eval()(x), **CLOSE)


def test_networks_with_ghosts_of_other_sizes_are_of_another_structure() -> None:
    assert structure(GhostNorm(3, 4)) != structure(GhostNorm(3, 5))


@pytest.mark.parametrize("make", [MAKERS["batch"], MAKERS["ghost"]])
def test_a_single_row_becomes_the_shift_and_leaves_the_spread(make: Callable[[float], nn.Module]) -> None:
    module = scaled(make(0.25))
    x = example((1, UNITS))
    torch.testing.assert_close(module(x)[0], module.get_parameter("bias"), rtol=0, atol=0)
    torch.testing.assert_close(module.get_buffer("running_mean"), 0.25 * x[0], **CLOSE)
    spread = next(b for name, b in module.named_buffers() if name in ("running_var", "running_deviation"))
    assert spread.tolist() == [1.0] * UNITS
    assert not gradients(module, x)[0].any()


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("rows", [1, 9])
def test_nan_passes_on_and_stays_where_it_is(name: str, rows: int) -> None:
    x = example((rows, UNITS))
    x[0, 2] = torch.nan
    lost = MAKERS[name](0.1).double()(x).isnan()
    if name == "layer":
        assert lost.all(1).tolist() == [True] + [False] * (rows - 1)
    else:
        assert lost.any(0).tolist() == [False, False, True, False, False]
    assert lost[0, 2]


def test_a_bias_in_front_of_batch_norm_is_useless() -> None:
    linear, norm, x = nn.Linear(4, UNITS).double(), scaled(BatchNorm(UNITS)), example((20, 4))
    before = norm(linear(x))
    (norm(linear(x)) ** 3).sum().backward()
    # Sums of 20 errors of size up to 50 that cancel.
    assert float(linear.bias.grad.abs().max()) < 1e-11
    assert float(linear.weight.grad.abs().max()) > 1e-3
    with torch.no_grad():
        linear.bias += 3
    torch.testing.assert_close(norm(linear(x)), before, **CLOSE)


def test_refused() -> None:
    with pytest.raises(UsageError, match="'bach', did you mean 'batch'"):
        normaliser("bach", 3)
    with pytest.raises(UsageError, match="ghost_size must be at least 2, but is 1"):
        normaliser("ghost", 3, ghost_size=1)
    assert normaliser("none", 3) is None
