"""Tiles whose members train with optimizers of PyTorch: each a plain loop, alone and in company, and resumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import lr_scheduler

from ikura.built_in import OPTIMIZERS
from ikura.metric import metric
from ikura.nn.generators import preserved
from ikura.population.examples import Examples
from ikura.population.member import Hyperparameters, Member
from ikura.population.own_optimizer import as_optimizer
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.population.snapshot import load_snapshot, save_snapshot
from ikura.population.training import TrainingRun

SPACE = {"learning_rate": 0.05, "batch_size": 16}
EPOCHS = 4
SEED = 3


def network(hp: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(hp.inputs, 8), nn.Tanh(), nn.Linear(8, hp.outputs))


def examples(rows: int, seed: int) -> Examples:
    x = np.random.default_rng(seed).normal(size=(rows, 5))
    return Examples(x, np.zeros((rows, 0), np.int32), (x.sum(1) > 0).astype(float))


SETUP = TrainingSetup(
    examples(60, 0), examples(20, 1), Scorer("binary", metric("accuracy", "binary")), 1, network=network,
    dtype="float64",
)  # fmt: skip


def grouped(module: nn.Module, hp: Any) -> Any:
    """No decay of biases, and a tenth of the learning rate for the last layer."""
    last = list(module[-1].parameters())
    groups = [
        {"params": [module[0].weight], "weight_decay": hp.weight_decay},
        {"params": [module[0].bias]},
        {"params": last, "lr": hp.learning_rate / 10},
    ]
    return torch.optim.AdamW(groups, lr=hp.learning_rate, weight_decay=0.0)


def cosine(module: nn.Module, hp: Any) -> Any:
    made = torch.optim.SGD(module.parameters(), lr=hp.learning_rate, momentum=0.9, nesterov=True)
    return made, lr_scheduler.CosineAnnealingLR(made, hp.epochs)


def one_cycle(module: nn.Module, hp: Any) -> Any:
    made = torch.optim.RAdam(module.parameters(), lr=hp.learning_rate)
    return made, lr_scheduler.OneCycleLR(made, hp.learning_rate, epochs=hp.epochs, steps_per_epoch=hp.updates)


def steps_by_update(module: nn.Module, hp: Any) -> Any:
    made = torch.optim.SGD(module.parameters(), lr=hp.learning_rate)
    return made, lr_scheduler.MultiStepLR(made, [3, 9], 0.5), "update"


def plateau(module: nn.Module, hp: Any) -> Any:
    made = torch.optim.Rprop(module.parameters(), lr=hp.learning_rate)
    return made, lr_scheduler.ReduceLROnPlateau(made, patience=0)


def one_class(optimizer: Any, **arguments: Any) -> Callable[..., Any]:
    return lambda module, hp: optimizer(module.parameters(), **arguments)


CASES: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "class": (torch.optim.NAdam, {"beta1": 0.8, "weight_decay": 0.01},
              one_class(torch.optim.NAdam, lr=0.05, betas=(0.8, 0.999), weight_decay=0.01)),
    "partial": (partial(torch.optim.SGD, nesterov=True), {"momentum": 0.9},
                one_class(torch.optim.SGD, lr=0.05, momentum=0.9, nesterov=True)),
    "name": ("radam", {"epsilon": 1e-6}, one_class(torch.optim.RAdam, lr=0.05, eps=1e-6)),
    "groups": (grouped, {"weight_decay": 0.1}, grouped),
    "cosine": (cosine, {}, cosine),
    "one cycle": (one_cycle, {}, one_cycle),
    "by update": (steps_by_update, {}, steps_by_update),
    "plateau": (plateau, {}, plateau),
    "ikura's schedule": (torch.optim.Adam, {"schedule_shape": "exponential", "learning_rate_decay": 0.3},
                         lambda module, hp: decaying(torch.optim.Adam(module.parameters(), lr=0.05))),
}  # fmt: skip


def decaying(made: Any) -> Any:
    return made, lr_scheduler.LambdaLR(made, lambda update: float(np.exp(-0.3 * update / 4))), "update"


def begun(own: Any, members: int = 1, **more: Any) -> TrainingRun:
    """A training of members that differ in their learning rate."""
    factory = OPTIMIZERS[own] if isinstance(own, str) else own and as_optimizer("mine", own)
    given = SPACE | more
    every = [Member(n, given | {"learning_rate": given["learning_rate"] * (n + 1)}, SEED) for n in range(members)]
    return replace(SETUP, optimizer=factory).training(every, budget=EPOCHS)


def plain_loop(member: Member, factory: Any) -> np.ndarray:
    """The weights after the same training in PyTorch alone."""
    module = SETUP.module(member).double()
    hp = Hyperparameters({**member.hyperparameters, "epochs": EPOCHS, "updates": 4})
    made = factory(module, hp)
    optimizer, scheduler, *every = made if isinstance(made, tuple) else (made, None)
    by_update = every == ["update"] or isinstance(scheduler, lr_scheduler.OneCycleLR)
    dev = torch.from_numpy(SETUP.dev.inputs(slice(None))).double(), torch.from_numpy(SETUP.dev.y).double()
    for epoch in range(EPOCHS):
        rows_of = SETUP.train.ordered(member.seed, epoch)
        for first in range(0, len(rows_of), 16):
            rows = slice(first, first + 16)
            x, y = torch.from_numpy(rows_of.inputs(rows)).double(), torch.from_numpy(rows_of.y[rows]).double()
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(module(x)[:, 0], y).backward()
            optimizer.step()
            if by_update:
                scheduler.step()
        if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
            scheduler.step(smoothed(module(dev[0])[:, 0], dev[1]).item())
        elif scheduler is not None and not by_update:
            scheduler.step()
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()]).numpy()


def smoothed(logits: Tensor, y: Tensor) -> Tensor:
    """The dev loss, which counts an example more that might be of either class."""
    share = 1 / (len(y) + 1)
    return F.binary_cross_entropy_with_logits(logits, (1 - share) * y + share / 2)


@pytest.mark.parametrize("name", CASES)
def test_training_is_a_plain_loop_and_a_population_solo(name: str) -> None:
    given, more, reference = CASES[name]
    alone = begun(given, **more)
    alone.run(EPOCHS)
    with preserved(dtype="float64"):
        expected = plain_loop(alone.tile.members[0], reference)
    np.testing.assert_allclose(alone.tile.flat(0), expected, rtol=1e-9, atol=1e-10)
    together = begun(given, 3, **more)
    together.run(EPOCHS)
    assert np.array_equal(together.tile.flat(0), alone.tile.flat(0))
    assert not np.array_equal(together.tile.flat(1), alone.tile.flat(0))


@pytest.mark.parametrize("name", CASES)
def test_snapshots_go_on_to_the_bit(name: str, tmp_path: Path) -> None:
    given, more, _ = CASES[name]
    whole = begun(given, 2, **more)
    whole.run(EPOCHS)
    half = begun(given, 2, **more)
    half.run(2)
    save_snapshot(tmp_path / "half", half)
    again = begun(given, 2, **more)
    assert load_snapshot(tmp_path / "half", again)
    again.run(EPOCHS)
    for place in range(2):
        assert np.array_equal(again.tile.flat(place), whole.tile.flat(place))
        assert np.array_equal(again.curve(place), whole.curve(place))


def test_a_copy_goes_on_with_its_own_hyperparameters() -> None:
    parent = begun(grouped, weight_decay=0.1)
    parent.run(2)
    child = begun(grouped, learning_rate=0.01, weight_decay=0.5)
    child.insert(0, parent.extract(0))
    child.advance(EPOCHS)
    groups = child.tile.optimizers[0].optimizer.param_groups  # type: ignore[attr-defined]
    assert [group["lr"] for group in groups] == [0.01, 0.01, 0.001]
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0, 0.0]


@pytest.mark.parametrize(
    "more", [{"l2": 0.1}, {"l1": 0.05}, {"clip_norm": 0.2}, {"clip_value": 0.02}, {"max_norm": 0.4}]
)
def test_penalties_clipping_and_norms_are_those_of_the_compiled_update(more: dict[str, Any]) -> None:
    runs = [begun(torch.optim.SGD, momentum=0.9, **more), begun(None, momentum=0.9, optimizer="momentum", **more)]
    for one in runs:
        one.run(EPOCHS)
    np.testing.assert_allclose(runs[0].tile.flat(0), runs[1].tile.flat(0), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(runs[0].curve(0), runs[1].curve(0), rtol=1e-7)


def test_a_member_that_diverges_changes_nobody() -> None:
    alone = begun(torch.optim.SGD)
    setup = replace(SETUP, optimizer=as_optimizer("mine", torch.optim.SGD))
    exploding = Member(1, SPACE | {"learning_rate": 1e30}, SEED)
    beside = setup.training([exploding, alone.tile.members[0]], budget=EPOCHS)
    for one in (alone, beside):
        one.run(EPOCHS)
    assert beside.diverged.tolist() == [True, False]
    assert np.array_equal(beside.tile.flat(1), alone.tile.flat(0))


class Averaged(torch.optim.Optimizer):
    """Evaluates the mean of the weights that it trained, as schedule-free optimizers do."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "count": 0, "training": True})

    def _swap(self, training: bool) -> None:
        for group in self.param_groups:
            if group["training"] != training:
                group["training"] = training
                for p in group["params"]:
                    state = self.state[p]
                    if "other" in state:
                        p.data, state["other"] = state["other"].clone(), p.data.clone()

    def train(self) -> None:
        self._swap(True)

    def eval(self) -> None:
        self._swap(False)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            group["count"] += 1
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad)
                mean = self.state[p].setdefault("other", torch.zeros_like(p))
                mean.add_((p - mean) / group["count"])


def test_weights_are_evaluated_where_the_optimizer_puts_them() -> None:
    training = begun(Averaged)
    training.run(EPOCHS)
    module = SETUP.module(training.tile.members[0]).double()
    optimizer, seen = torch.optim.SGD(module.parameters(), lr=0.05), []
    for epoch in range(EPOCHS):
        rows_of = SETUP.train.ordered(SEED, epoch)
        for first in range(0, len(rows_of), 16):
            rows = slice(first, first + 16)
            x, y = torch.from_numpy(rows_of.inputs(rows)).double(), torch.from_numpy(rows_of.y[rows]).double()
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(module(x)[:, 0], y).backward()
            optimizer.step()
            seen.append(torch.cat([p.detach().reshape(-1) for p in module.parameters()]).numpy())
    np.testing.assert_allclose(training.tile.flat(0), np.mean(seen, 0), rtol=1e-8, atol=1e-10)
