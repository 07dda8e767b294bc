"""Networks of the caller's as programs: what PyTorch computes, member by member, whatever the company."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone calls it

from ikura.nn.noise import key
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.program.builder import Program, UnknownOperationError
from ikura.population.program.check import keyed_dropout
from ikura.population.program.graph import trace
from ikura.population.program.inputs import ProgramInputs, side_by_side
from ikura.population.program.lower import Known, lower, lower_alike
from ikura.population.program.tile import ProgramTile
from ikura.population.program.translate import weight_places
from ikura.population.update_rules import RULES
from tests.population.program.networks import NETWORKS, OUTPUTS, WRONG, examples
from tests.population.reference import optimizer

ROWS, EPOCHS = 40, 5


def made(name: str, seed: int = 0) -> tuple[nn.Module, Any]:
    torch.manual_seed(seed)
    return NETWORKS[name]()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_program_is_its_module(name: str) -> None:
    """Outputs, gradients and buffers to 1e-9: `lower` compares them, and refuses what differs."""
    module, shapes = made(name)
    assert lower(module, examples(shapes, 16), OUTPUTS).outputs == OUTPUTS


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_known_is_named(name: str) -> None:
    make, what = WRONG[name]
    with pytest.raises(UnknownOperationError, match=what):
        lower(make(), examples([(6,)], 16), OUTPUTS)


def test_a_program_that_differs_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    from ikura.population.program.calls import LAYERS

    monkeypatch.setitem(LAYERS, nn.Tanh, LAYERS[nn.Sigmoid])
    module = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, OUTPUTS))
    with pytest.raises(UnknownOperationError, match="outputs in training are not those of the module"):
        lower(module, examples([(6,)], 16), OUTPUTS)


# Training


LOSSES: dict[str, Any] = {
    "multiclass": lambda out, y: F.cross_entropy(out, y.long()),
    "regression": F.mse_loss,
    "multilabel": F.binary_cross_entropy_with_logits,
}


def some_examples(shapes: Any, task: str = "multiclass") -> tuple[Examples, list[torch.Tensor]]:
    inputs, random = examples(shapes, ROWS, 1), np.random.default_rng(0)
    y = random.integers(0, OUTPUTS, ROWS).astype(float)
    if task != "multiclass":
        y = random.normal(size=(ROWS, OUTPUTS))
        y = y if task == "regression" else (y > 0.3).astype(float)
    x, _ = side_by_side(inputs)
    x = x.astype(np.float64).reshape(ROWS, *shapes[0])
    return Examples(x, np.empty((ROWS, 0), np.int32), y), inputs


def tile_of(
    modules: list[nn.Module], programs: list[Program], members: list[Member], task: str = "multiclass"
) -> ProgramTile:
    inputs = ProgramInputs.of(modules[0], torch.zeros(1, 1), torch.zeros(1, 0))
    return ProgramTile(members, programs, modules, inputs, [None] * len(members), task, "float64")


def trained_by_hand(module: nn.Module, member: Member, given: Examples, task: str = "multiclass") -> list[np.ndarray]:
    """Weights after each epoch of an ordinary loop, under keyed dropout."""
    module = module.double().train()
    rule = optimizer(member.values, list(module.parameters()), [])
    batch, weights = int(member.values.batch_size), []
    for epoch in range(EPOCHS):
        ordered = given.ordered(member.seed, epoch)
        x, y = torch.from_numpy(ordered.x), torch.from_numpy(ordered.y)
        ends = [*range(batch, ROWS, batch), ROWS]
        for begin, end in zip([0, *ends], ends, strict=False):
            module.zero_grad()
            with keyed_dropout(key(member.seed, "noise", epoch), begin):
                LOSSES[task](module(x[begin:end]), y[begin:end]).backward()
            rule.step()
        weights.append(torch.cat([p.detach().reshape(-1) for p in module.parameters()]).numpy().copy())
    return weights


@pytest.mark.parametrize(
    ("name", "rule"),
    [(name, "adam") for name in ("residual", "convolutions", "BatchNorm1d", "GRU", "attention by hand", "tied weights")]
    + [("residual", rule) for rule in RULES if rule != "adam"],
)  # fmt: skip
def test_five_epochs_are_those_of_an_ordinary_loop(name: str, rule: str) -> None:
    module, shapes = made(name)
    member = Member(0, {"optimizer": rule, "learning_rate": 0.01, "batch_size": 16, "weight_decay": 0.0}, 7)
    program = lower(module, examples(shapes, 16), OUTPUTS)
    given, _ = some_examples(shapes)
    tile = tile_of([module], [program], [member])
    by_hand = trained_by_hand(made(name)[0], member, given)
    for epoch, wanted in enumerate(by_hand):
        tile.train_epoch(given.ordered(member.seed, epoch), epoch)
        np.testing.assert_allclose(tile.flat(0), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("task", ["regression", "multilabel"])
@pytest.mark.parametrize("name", ["residual", "convolutions", "BatchNorm1d"])
def test_several_targets_of_an_example_are_learned_as_by_an_ordinary_loop(name: str, task: str) -> None:
    module, shapes = made(name)
    member = Member(0, {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 16, "weight_decay": 0.0}, 7)
    program = lower(module, examples(shapes, 16), OUTPUTS)
    given, _ = some_examples(shapes, task)
    tile = tile_of([module], [program], [member], task)
    for epoch, wanted in enumerate(trained_by_hand(made(name)[0], member, given, task)):
        tile.train_epoch(given.ordered(member.seed, epoch), epoch)
        np.testing.assert_allclose(tile.flat(0), wanted, rtol=0, atol=1e-9)


def population(rates: list[float]) -> tuple[list[nn.Module], list[Program], list[Member], Examples]:
    names = ("residual", "BatchNorm1d", "Dropout", "LayerNorm")
    modules = [made(name)[0] for name in names]
    programs = [lower(one, examples([(6,)], 16), OUTPUTS) for one in modules]
    members = [
        Member(i, {"learning_rate": rate, "batch_size": size, "optimizer": rule}, 3)
        for i, (rate, size, rule) in enumerate(
            zip(rates, (8, 16, 40, 7), ("sgd", "adam", "smorms3", "adamw"), strict=True)
        )
    ]
    return modules, programs, members, some_examples([(6,)])[0]


def run(tile: ProgramTile, given: Examples) -> np.ndarray:
    tile.set_limits(np.full(len(tile.members), 1e6))
    return np.array([tile.train_epoch(given.ordered(3, epoch), epoch) for epoch in range(3)])


def test_a_member_is_the_same_alone_and_in_any_population() -> None:
    modules, programs, members, given = population([0.1, 0.01, 0.1, 0.01])
    together = tile_of(modules, programs, members)
    costs = run(together, given)
    for k in range(4):
        alone = tile_of([made(("residual", "BatchNorm1d", "Dropout", "LayerNorm")[k])[0]], [programs[k]], [members[k]])
        assert np.array_equal(run(alone, given)[:, 0], costs[:, k])
        assert np.array_equal(alone.flat(0), together.flat(k))


def test_a_member_that_diverges_changes_nobody() -> None:
    _, _, _, given = population([0.1, 0.01, 0.1, 0.01])
    sound = tile_of(*population([0.1, 0.01, 0.1, 0.01])[:3])
    sick = tile_of(*population([1e30, 0.01, 0.1, 0.01])[:3])
    one, other = run(sound, given), run(sick, given)
    assert np.isnan(other[-1, 0])
    assert not sick.active[0]
    assert np.array_equal(one[:, 1:], other[:, 1:])
    assert all(np.array_equal(sound.flat(k), sick.flat(k)) for k in (1, 2, 3))


def test_a_member_goes_on_from_its_state() -> None:
    modules, programs, members, given = population([0.1, 0.01, 0.1, 0.01])
    whole = tile_of(modules, programs, members)
    run(whole, given)
    first = tile_of(*population([0.1, 0.01, 0.1, 0.01])[:3])
    for epoch in range(2):
        first.train_epoch(given.ordered(3, epoch), epoch)
    second = tile_of(*population([0.1, 0.01, 0.1, 0.01])[:3])
    for k in range(4):
        second.insert(k, first.extract(k))
    second.train_epoch(given.ordered(3, 2), 2)
    assert all(np.array_equal(second.flat(k), whole.flat(k)) for k in range(4))


def test_best_weights_go_back_under_the_modules_own_names() -> None:
    module, shapes = made("BatchNorm1d")
    member = Member(0, {"learning_rate": 0.1, "batch_size": 8}, 3)
    program = lower(module, examples(shapes, 16), OUTPUTS)
    given, _ = some_examples(shapes)
    tile = tile_of([module], [program], [member])
    tile.train_epoch(given.ordered(3, 0), 0)
    tile.keep([0])
    weights, buffers = tile.best(0)
    again = made("BatchNorm1d", 1)[0].double()
    torch.nn.utils.vector_to_parameters(torch.from_numpy(weights), again.parameters())
    for name, buffer in again.named_buffers():
        buffer.copy_(torch.from_numpy(np.asarray(buffers[name])))
    assert int(again[1].num_batches_tracked) == 5
    with torch.no_grad():
        found = again.eval()(torch.from_numpy(given.x)).numpy()
    np.testing.assert_allclose(tile.outputs(given)[0], found, rtol=0, atol=1e-9)


def test_places_follow_the_parameters_order() -> None:
    module, _ = made("tied weights")
    _, names, weights, _ = weight_places(module)
    assert list(names) == [name for name, _ in module.named_parameters()]
    assert weights == sum(p.numel() for p in module.parameters())


# Networks of the same code


def _net(width: int, rate: float = 0.0) -> nn.Module:
    return nn.Sequential(nn.Linear(6, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Dropout(rate), nn.Linear(width, 3))


def test_calls_of_a_network_serve_those_of_other_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = examples([(6,)], 16)
    _, traced = lower_alike(_net(4), Known(), given, OUTPUTS)
    monkeypatch.setattr("ikura.population.program.lower.trace", None)
    program, _ = lower_alike(_net(9), Known(traced), given, OUTPUTS)
    assert np.array_equal(program.fields, lower_untraced(_net(9), given).fields)


def lower_untraced(module: nn.Module, given: list[torch.Tensor]) -> Program:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ikura.population.program.lower.trace", trace)
        return lower(module, given, OUTPUTS)


class Halved(nn.Module):
    """Its width becomes a number among its calls."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, width), nn.Linear(width, OUTPUTS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x) / self.first.out_features)


def test_a_size_among_the_calls_makes_a_network_be_traced_for_itself() -> None:
    given = examples([(6,)], 16)
    _, traced = lower_alike(Halved(4), Known(), given, OUTPUTS)
    program, anew = lower_alike(Halved(8), Known(traced), given, OUTPUTS)
    assert anew is not traced
    assert np.array_equal(program.numbers, lower(Halved(8), given, OUTPUTS).numbers)


def test_a_program_is_trusted_for_other_rates_of_dropout_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    given = examples([(6,)], 16)
    trusted, traced = lower_alike(_net(4, 0.1), Known(), given, OUTPUTS)
    checked: list[Program] = []
    monkeypatch.setattr("ikura.population.program.lower.check", lambda program, *rest: checked.append(program))
    other, _ = lower_alike(_net(4, 0.3), Known(traced, trusted), given, OUTPUTS)
    assert not checked
    assert not np.array_equal(other.numbers, trusted.numbers)
    for module in (_net(4, 0.0), _net(5, 0.1)):
        program, _ = lower_alike(module, Known(traced, trusted), given, OUTPUTS)
        assert checked.pop() is program
