"""Networks of the caller's that keep something: each member is what a plain PyTorch loop makes of its network alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ikura.errors import UsageError
from ikura.nn.loss import task_loss
from ikura.population.dry_run import NetworkError
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

Make = Callable[..., TrainingSetup]
RATES = (0.3, 0.1, 0.03)


class Small(nn.Module):
    """Two layers on six features; subclasses say what lies between."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 1)

    def between(self, z: Tensor) -> Tensor:
        return torch.tanh(z)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.between(self.a(x)))
        return out


class Assigned(Small):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(5))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def between(self, z: Tensor) -> Tensor:
        if self.training:
            self.mean = 0.7 * self.mean + 0.3 * z.detach().mean(0)
            self.seen = self.seen + 1
        return torch.tanh(z - self.mean)


class Counting(Small):
    def __init__(self) -> None:
        super().__init__()
        self.steps, self.history = 0, [0.0]

    def between(self, z: Tensor) -> Tensor:
        if self.training:
            self.steps += 1
            self.history = [*self.history[-2:], float(z.detach().mean())]
        return torch.tanh(z * (1 + self.steps / 10)) + sum(self.history)


class Averaged(Small):
    """A plain tensor, not registered."""

    def __init__(self) -> None:
        super().__init__()
        self.average: Tensor | None = None

    def between(self, z: Tensor) -> Tensor:
        if self.training:
            now = z.detach().mean(0)
            self.average = now if self.average is None else 0.5 * (self.average + now)
        return torch.tanh(z) if self.average is None else torch.tanh(z - self.average)


class Initialised(Small):
    """Scales itself by its first mini-batch, as ActNorm does."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.ready = nn.Parameter(torch.ones(5)), False

    def between(self, z: Tensor) -> Tensor:
        if self.training and not self.ready:
            self.scale.data = 1 / z.detach().std(0)
            self.ready = True
        return torch.tanh(z * self.scale)


class Clamped(Small):
    def between(self, z: Tensor) -> Tensor:
        with torch.no_grad():
            self.b.weight.clamp_(-0.2, 0.2)
        return torch.tanh(z)


class Overwriting(Small):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.mul_(0.5).add_(1))


class Remembering(Small):
    """Keeps its last activations for whoever looks at them."""

    def between(self, z: Tensor) -> Tensor:
        self.last = torch.tanh(z)
        return self.last


class Cached(Small):
    """Makes a table once, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[int, Tensor] = {}

    def between(self, z: Tensor) -> Tensor:
        if z.shape[1] not in self.tables:
            self.tables[z.shape[1]] = torch.linspace(0, 1, z.shape[1], dtype=z.dtype)
        return torch.tanh(z + self.tables[z.shape[1]])


class Recomputing(Small):
    def between(self, z: Tensor) -> Tensor:
        return torch.utils.checkpoint.checkpoint(torch.tanh, z, use_reentrant=False)


class Ordered(Small):
    def __init__(self) -> None:
        super().__init__()
        self.order = nn.Parameter(torch.arange(6).flip(0), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, self.order])


def masked() -> nn.Module:
    """A hook keeps some weights as they are, and another doubles what a layer's bias learns."""
    module = Small()
    module.a.weight.register_hook(lambda gradient: gradient * torch.tensor([1.0, 0, 1, 0, 1, 1], dtype=gradient.dtype))
    module.b.bias.register_hook(lambda gradient: 2 * gradient)
    return module


def reversed_gradients() -> nn.Module:
    """A hook on a part turns round the gradient that goes back through it, as adversarial training does."""
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))
    module[1].register_full_backward_hook(lambda part, given, got: (-given[0],))
    return module


def prehooked() -> nn.Module:
    module = Small()
    module.b.register_full_backward_pre_hook(lambda part, got: (got[0].clamp(-0.01, 0.01),))
    return module


class Looking(Small):
    """A forward hook keeps a layer's output, which forward reads."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Tensor | None = None
        self.a.register_forward_hook(self.look)

    def look(self, part: nn.Module, inputs: Any, outputs: Tensor) -> None:
        self.seen = outputs

    def forward(self, x: Tensor) -> Tensor:
        self.a(x)
        assert self.seen is not None
        out: Tensor = self.b(torch.tanh(self.seen))
        return out


def weight_normed() -> nn.Module:
    with pytest.warns(FutureWarning):
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(6, 5)), nn.Tanh(), nn.Linear(5, 1))


KEEPING = [Assigned, Counting, Averaged, Initialised, Clamped, Overwriting, Remembering, Cached, Recomputing, Ordered]
HOOKED = [masked, reversed_gradients, prehooked, Looking]


def alone(module: nn.Module, train: Examples, dev: Examples, seed: int, rate: float, epochs: int) -> list[float]:
    """Train one network with plain PyTorch; the dev loss after each epoch."""
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], rate)
    losses = []
    for epoch in range(epochs):
        examples = train.ordered(seed, epoch)
        module.train()
        for i in range(0, len(examples), 32):
            x, y = torch.from_numpy(examples.x[i : i + 32].copy()), torch.from_numpy(examples.y[i : i + 32])
            optimizer.zero_grad()
            task_loss("binary", module(x), y).backward()
            optimizer.step()
        module.eval()
        with torch.no_grad():
            losses.append(float(task_loss("binary", module(torch.from_numpy(dev.x.copy())), torch.from_numpy(dev.y))))
    return losses


def members(**more: Any) -> list[Member]:
    values = {"optimizer": "sgd", "batch_size": 32, **more}
    return [Member(n, {**values, "learning_rate": rate}, 3) for n, rate in enumerate(RATES)]


class InPlace(Small):
    def between(self, z: Tensor) -> Tensor:
        return torch.relu_((z * 2.0).add_(0.1).mul_(0.5))


class WithOptions(Small):
    """Optional arguments of forward stay at their defaults."""

    def forward(self, x: Tensor, mask: Tensor | None = None, scale: float = 2.0, **more: Any) -> Tensor:
        assert mask is None
        assert not more
        return super().forward(x) * scale


class Constant(Small):
    """A constant that NumPy draws in the constructor, kept in a plain attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = torch.from_numpy(np.random.normal(size=5))

    def between(self, z: Tensor) -> Tensor:
        return torch.tanh(z + self.shift.to(z.dtype))


class OwnWeights(Small):
    """Initial weights of its own, which stay."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.a.weight, 0.25)
        nn.init.eye_(self.b.weight)


def parametrised() -> nn.Module:
    one = parametrizations.weight_norm(nn.Linear(6, 5))
    return nn.Sequential(one, nn.Tanh(), parametrizations.orthogonal(nn.Linear(5, 5)), nn.Linear(5, 1))


def spectral_normed() -> nn.Module:
    """Its power iteration moves a buffer in each forward of training."""
    return nn.Sequential(parametrizations.spectral_norm(nn.Linear(6, 5)), nn.Tanh(), nn.Linear(5, 1))


def compiled() -> nn.Module:
    return torch.compile(Small(), backend="eager")  # type: ignore[return-value]


AS_THEY_COME = [InPlace, WithOptions, Constant, OwnWeights, parametrised, spectral_normed, compiled]


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("network", [*KEEPING, *HOOKED, weight_normed, *AS_THEY_COME], ids=lambda one: one.__name__)
def test_a_member_is_its_network_trained_alone(setup: Make, network: Callable[[], nn.Module]) -> None:
    made = setup(network=lambda hp: network())
    training = made.training(members())
    training.more = 0.0
    training.run(4)
    for place, member in enumerate(training.tile.members):
        module = made.module(member).double()
        module.eval()
        with torch.no_grad():
            module(torch.from_numpy(made.dev.x.copy()))  # a course looks at the dev set before it begins
        expected = alone(module, made.train, made.dev, 3, RATES[place], 4)
        # Sums in another order over 16 steps of float64.
        np.testing.assert_allclose(training.curve(place)[:, 1], expected, rtol=1e-9)
    x = torch.from_numpy(made.dev.x)
    for place, member in enumerate(training.tile.members):
        net = made.trained(member, *training.tile.best(place))
        with torch.no_grad():
            found = float(task_loss("binary", net(x.clone()), torch.from_numpy(made.dev.y)))
        assert found == pytest.approx(training.best_loss[place], rel=1e-12)
    assert made.dev.x.tobytes() == setup().dev.x.tobytes()


@pytest.mark.parametrize("network", [Assigned, Counting, Averaged, Initialised], ids=lambda one: one.__name__)
def test_what_is_kept_goes_on_in_another_tile(setup: Make, network: type[nn.Module]) -> None:
    made = setup(network=lambda hp: network())
    whole = made.training(members())
    whole.run(4)
    begun = made.training(members())
    begun.run(2)
    other = made.training([members()[k] for k in (2, 0)])
    for place, k in enumerate((2, 0)):
        other.insert(place, begun.extract(k))
    other.run(4)
    for place, k in enumerate((2, 0)):
        np.testing.assert_allclose(other.curve(place), whole.curve(k), rtol=1e-12)
        ours, theirs = other.tile.best(place)[1], whole.tile.best(k)[1]
        assert ours.keys() == theirs.keys()


TOLD: list[float] = []


class Outside(Small):
    def between(self, z: Tensor) -> Tensor:
        TOLD.append(float(z.detach().mean()))
        return torch.tanh(z) + len(TOLD)


class OfTheClass(Small):
    calls = 0

    def between(self, z: Tensor) -> Tensor:
        type(self).calls += 1
        return torch.tanh(z)


class Unsaved(Small):
    def __init__(self) -> None:
        super().__init__()
        self.random = np.random.default_rng(0)

    def between(self, z: Tensor) -> Tensor:
        return torch.tanh(z) * self.random.uniform(0.5, 1)


class Listed(Small):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(5, 5)]

    def between(self, z: Tensor) -> Tensor:
        out: Tensor = self.layers[0](z)
        return out


class Growing(Small):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("queue", torch.zeros(0, 5))

    def between(self, z: Tensor) -> Tensor:
        self.queue = torch.cat([self.queue, z.detach()])
        return torch.tanh(z)


class Pair(Small):
    def forward(self, x: Tensor) -> Any:
        z = super().forward(x)
        return {"logits": z, "aux": z} if self.training else z


class Labels(Small):
    def forward(self, x: Tensor) -> Tensor:
        return (super().forward(x) > 0).long()


class Whole(Small):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(5, dtype=torch.complex64))


class Drawn(Small):
    def __init__(self) -> None:
        super().__init__()
        self.directions = np.random.default_rng().normal(size=5)


def hooked() -> nn.Module:
    module, calls = Small(), [0]

    def count(part: nn.Module, inputs: Any, outputs: Tensor) -> Tensor:
        calls[0] += 1
        return outputs * (1 + calls[0] / 10)

    module.a.register_forward_hook(count)
    return module


class Nan(Small):
    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.b.bias, float("nan"))


def frozen() -> nn.Module:
    return Small().requires_grad_(False)


def accumulated() -> nn.Module:
    module = Small()
    module.b.weight.register_post_accumulate_grad_hook(lambda parameter: None)
    return module


class Unlearning(Small):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class Leaving(Small):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(super().forward(x).detach().numpy() * 2)


ONE = Small()


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
@pytest.mark.parametrize(
    ("network", "line"),
    [
        (Outside, "forward keeps state in 'TOLD', which all networks share"),
        (OfTheClass, "forward keeps state in 'OfTheClass.calls', which all networks share"),
        (Unsaved, "forward keeps state in 'random', which can be neither each trial's own nor saved"),
        (Listed, "keeps layers in 'layers', a plain list.*use nn.ModuleList"),
        (Growing, r"forward makes the buffer 'queue', float\d+ \(0, 5\), into"),
        (Pair, r"in training, the network returns a dict; return a tensor of shape \(8, 1\), the outputs alone"),
        (Labels, "the network returns int64; return floats"),
        (Whole, "the parameter w is complex"),
        (Drawn, "'directions' differs between two networks made with one seed"),
        (hooked, "forward keeps state in 'a._forward_hooks'"),
        (Nan, r"outputs are not finite before training, on inputs of shape \(2, 6\)"),
        (frozen, r"all parameters of the network are frozen \(requires_grad is False\)"),
        (accumulated, "the parameter b.weight has a hook for gradients that are accumulated.*use register_hook"),
        (Unlearning, "in training, no gradient leads from the network's outputs to its parameters"),
        (Leaving, "in training, no gradient leads from the network's outputs to its parameters"),
        (lambda: torch.jit.script(Small()), "the network is scripted"),
        (lambda: ONE, "two networks of the factory share a.weight.*anew in each call"),
        (lambda: nn.Sequential(ONE.a, nn.Linear(5, 1)), "two networks of the factory share 0.weight"),
        (lambda: nn.Linear(6, 1, device="meta"), "weight is on the meta device"),
    ],
)
def test_what_cannot_be_right_is_one_line(setup: Make, network: Callable[[], nn.Module], line: str) -> None:
    with pytest.raises(UsageError, match=f"trial 4: .*{line}") as caught:
        setup(network=lambda hp: network()).training([Member(4, {}, 0)]).run(1)
    assert "\n" not in str(caught.value)


class Dropping(Small):
    def between(self, z: Tensor) -> Tensor:
        return nn.functional.dropout(torch.tanh(z), 0.5)


class Noisy(Small):
    def between(self, z: Tensor) -> Tensor:
        return z + float(np.random.normal())


def test_draws_in_evaluation_are_said(setup: Make) -> None:
    told = "The network draws random numbers in evaluation too"
    for network, draws in ((Dropping, True), (Noisy, True), (Small, False), (dropping_in_training, False)):
        made = setup(network=lambda hp, network=network: network())
        notes = made.traits(Member(0, {}, 0)).notes
        assert any(note.startswith(told) for note in notes) == draws


def dropping_in_training() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.Linear(5, 1))


def test_outputs_that_no_parameter_changes_are_said(setup: Make) -> None:
    made = setup(network=lambda hp: nn.Sequential(Small(), nn.Softmax(1)))
    [note] = made.traits(Member(0, {}, 0)).notes
    assert note.startswith("No parameter changes the network's outputs on the first examples")


class Rare(Small):
    """Begins to count in its tenth mini-batch."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self.late = 0

    def between(self, z: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
        self.late += int(bool(self.seen > 9))
        return torch.tanh(z) * (1 + self.late)


def test_state_that_begins_late_is_noticed(setup: Make) -> None:
    training = setup(network=lambda hp: Rare()).training(members())
    with pytest.raises(UsageError, match="trial 0: forward keeps state in 'late'"):
        training.run(5)


class Faulty(Small):
    def between(self, z: Tensor) -> Tensor:
        if self.training and len(z) == 24:
            raise KeyError("no such\nrow")
        return torch.tanh(z)


def test_a_failure_in_training_names_trial_hyperparameters_shape_and_cause(setup: Make) -> None:
    training = setup(network=lambda hp: Faulty()).training(members())
    with pytest.raises(UsageError) as caught:
        training.run(1)
    line = str(caught.value)
    assert line.startswith("trial 0: the network fails in training on inputs of shape (24, 6): KeyError: 'no such")
    assert "'learning_rate': 0.3" in line
    assert "\n" not in line


def test_a_failure_of_some_hyperparameters_is_told_from_one_of_all(setup: Make) -> None:
    def network(hp: Any) -> nn.Module:
        raise ValueError("no")

    with pytest.raises(NetworkError, match=r"ValueError: no.*'units': 7"):
        setup(network=network).traits(Member(0, {"units": 7}, 0))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)])
def test_the_mode_of_the_caller_changes_nothing(setup: Make, mode: Callable[[], Any]) -> None:
    from ikura.population.job import Job, train

    made = setup(network=lambda hp: Small())
    usual = train(made, Job(0, tuple(members()), 2))
    with mode():
        found = train(made, Job(0, tuple(members()), 2))
    for one, other in zip(usual, found, strict=True):
        np.testing.assert_array_equal(one.curve, other.curve)
    assert usual[0].curve[0, 0] != usual[0].curve[1, 0]


def test_the_default_precision_of_the_caller_changes_nothing(setup: Make) -> None:
    made = setup(network=lambda hp: Small())
    usual = made.module(Member(0, {}, 0)).state_dict()
    torch.set_default_dtype(torch.float64)
    try:
        found = made.module(Member(0, {}, 0)).state_dict()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(usual[name], found[name]) for name in usual)
