"""Populations trained with other losses than the task's: against a plain loop, alone, and beside one that diverges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import ikura
from ikura.errors import UsageError
from ikura.nn.loss import Loss, outputs_of, usual_loss
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup

ROWS, INPUTS, EPOCHS = 48, 5, 3


class Two(nn.Module):
    """A network of two outputs, in a dictionary."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.hidden, self.out, self.aux = nn.Linear(inputs, 6), nn.Linear(6, outputs), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.hidden(x).tanh()
        return {"out": self.out(h), "aux": self.aux(h)}


def with_auxiliary(outputs: dict[str, Tensor], target: Tensor) -> Tensor:
    """Cross-entropy, and what keeps an auxiliary output small."""
    return F.cross_entropy(outputs["out"], target, reduction="none") + 0.1 * outputs["aux"][:, 0].square()


def smooth_l1(outputs: Tensor, target: Tensor) -> Tensor:
    """The mean of a loss of one's own."""
    return F.smooth_l1_loss(outputs[:, 0], target)


def weighted_square(outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """A mean of one's own that takes weights."""
    return (weight * (outputs[:, 0] - target).square()).mean()


@dataclass(frozen=True)
class Row:
    """A loss and the task that it is trained on."""

    loss: Loss
    task: str
    values: int = 1
    classes: int = 3
    weighted: bool = False
    two_logits: bool = False

    def __str__(self) -> str:
        return f"{self.loss.name}-{self.task}{'-weighted' * self.weighted}{'-two' * self.two_logits}-{self.values}"


TABLE = [
    Row(ikura.loss("huber", delta=0.4), "regression"),
    Row(ikura.loss("quantile", q=0.8), "regression", weighted=True),
    Row(ikura.loss("mae"), "regression", values=3),
    Row(ikura.loss("poisson"), "regression"),
    Row(ikura.loss("gaussian_nll"), "regression"),
    Row(ikura.loss("focal"), "multiclass"),
    Row(ikura.loss("focal"), "binary", weighted=True),
    Row(ikura.loss("hinge"), "multiclass"),
    Row(ikura.loss("binary_cross_entropy"), "multilabel", values=4),
    Row(usual_loss("multiclass"), "multiclass", weighted=True),
    Row(usual_loss("binary"), "binary", two_logits=True),
    Row(ikura.loss(smooth_l1), "regression"),
    Row(ikura.loss(weighted_square), "regression", weighted=True),
    Row(ikura.loss(with_auxiliary), "multiclass", weighted=True),
]


def drawn(row: Row, rows: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, INPUTS))
    s = x @ random.standard_normal((INPUTS, row.values)) + 0.1 * random.standard_normal((rows, row.values))
    y = {
        "binary": s[:, 0] > 0,
        "multiclass": np.digitize(s[:, 0], [-0.5, 0.5]),
        "multilabel": s > 0,
        "regression": np.floor(np.abs(s)) if row.loss.name == "poisson" else s,
    }[row.task]
    y = y[:, 0] if row.values == 1 and y.ndim == 2 else y
    weights = random.uniform(0.2, 1.8, rows) if row.weighted else None
    weights = None if weights is None else weights / weights.mean()
    return Examples(x, np.zeros((rows, 0), np.int32), np.asarray(y, np.float64), weights=weights)


def made(row: Row, network: Any = "usual") -> TrainingSetup:
    def usual(hp: Any) -> nn.Module:
        if row.loss.name == "with_auxiliary":
            return Two(hp.inputs, hp.outputs)
        return nn.Sequential(nn.Linear(hp.inputs, 6), nn.Tanh(), nn.Linear(6, 2 if row.two_logits else hp.outputs))

    return TrainingSetup(
        drawn(row, ROWS, 1),
        drawn(row, 30, 2),
        Scorer(row.task, lambda p, y: (p.double().mean() - y.double().mean()).abs(), loss=row.loss),
        outputs_of(row.task, row.classes, row.values, row.loss),
        network=usual if network == "usual" else network,
        dtype="float64",
    )


def member(number: int, rate: float = 0.05) -> Member:
    return Member(number, {"learning_rate": rate, "optimizer": "momentum", "momentum": 0.8, "batch_size": 10}, 3)


def plain(row: Row, setup: TrainingSetup, one: Member) -> tuple[np.ndarray, np.ndarray]:
    """Train one member by torch alone; costs of training, and losses on the dev set without smoothed labels."""
    module = setup.module(one).double()
    optimizer = torch.optim.SGD(module.parameters(), one.values.learning_rate, 0.8)
    costs, losses = [], []
    dtype = torch.int64 if row.task == "multiclass" else torch.float64

    def cost(examples: Examples, rows: slice) -> Tensor:
        weight = None if examples.weights is None else torch.from_numpy(examples.weights[rows])
        y = torch.from_numpy(examples.y[rows]).to(dtype)
        return row.loss.mean(row.task, module(torch.from_numpy(examples.x[rows])), y, None, weight)

    for epoch in range(EPOCHS):
        examples, total = setup.train.ordered(one.seed, epoch), 0.0
        for begin in range(0, ROWS, 10):
            rows = slice(begin, min(begin + 10, ROWS))
            optimizer.zero_grad()
            value = cost(examples, rows)
            value.backward()
            optimizer.step()
            total += value.item() * (rows.stop - begin)
        costs.append(total / ROWS)
        with torch.no_grad():
            dev = setup.dev
            share = None if dev.weights is None else dev.weights / dev.weights.mean()
            losses.append(cost(replace(dev, weights=share), slice(None)).item())
    return np.array(costs), np.array(losses)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_population_trains_as_a_plain_loop(row: Row) -> None:
    setup = made(row)
    assert not setup.compiled
    members = [member(0), member(1, 0.02), member(2, 0.1)]
    together = setup.training(members, more=0.0)
    together.run(EPOCHS)
    for place, one in enumerate(members):
        costs, losses = plain(row, setup, one)
        curve = together.curve(place)
        # Some tens of updates in double precision.
        np.testing.assert_allclose(curve[:, 0], costs, rtol=1e-9)
        np.testing.assert_allclose(curve[:, 1], losses, rtol=1e-9)
        assert np.isfinite(curve[:, 2]).all()
        alone = setup.training([one], more=0.0)
        alone.run(EPOCHS)
        np.testing.assert_allclose(alone.curve(0), curve, rtol=1e-9)


@pytest.mark.parametrize("row", [TABLE[0], TABLE[5], TABLE[11], TABLE[13]], ids=str)
def test_one_that_diverges_changes_nobody(row: Row) -> None:
    setup = made(row)
    calm, wild = [member(0), member(1, 0.02)], [member(0), member(1, 0.02), member(2, 1e30)]
    curves = []
    for members in (calm, wild):
        training = setup.training(members)
        training.run(EPOCHS)
        curves.append([training.curve(place) for place in (0, 1)])
    assert training.diverged.tolist()[:2] == [False, False]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-12)


def strict(outputs: Tensor, target: Tensor) -> Tensor:
    """A loss that raises for outputs beyond what it takes, those of a member that diverges among them."""
    if not bool(outputs.isfinite().all()):
        raise ValueError("outputs must be finite")
    return (outputs[:, 0] - target).square()


def test_a_loss_that_refuses_what_diverges_ends_only_that_member() -> None:
    setup = made(Row(ikura.loss(strict), "regression"))
    training = setup.training([member(0), member(1, 1e38)])
    training.run(EPOCHS)
    assert training.diverged.tolist() == [False, True]
    assert np.isfinite(training.curve(0)).all()


def test_built_in_networks_train_with_other_losses() -> None:
    row = Row(ikura.loss("huber", delta=0.5), "regression", weighted=True)
    setup = made(row, None)
    members = [
        replace(member(k), hyperparameters=member(k).hyperparameters | {"units": u}) for k, u in ((0, 4), (1, 9))
    ]
    training = setup.training(members, more=0.0)
    training.run(EPOCHS)
    for place, one in enumerate(members):
        np.testing.assert_allclose(training.curve(place)[:, 0], plain(row, setup, one)[0], rtol=1e-9)


def remembering() -> Callable[[Tensor, Tensor], Tensor]:
    seen: list[float] = []

    def loss(outputs: Tensor, target: Tensor) -> Tensor:
        seen.append(1.0)
        return (outputs[:, 0] - target).square() * len(seen)

    return loss


def forgetful(outputs: Tensor, target: Tensor) -> Tensor:
    """It broadcasts (rows, 1) against (rows,)."""
    return (outputs - target).square().mean()


REFUSED: list[tuple[Any, str, str]] = [
    (lambda z, y: (z[:, 0] - y).square().detach(), "regression", "has no gradient"),
    (lambda z, y: (z[:, 7] - y).square(), "regression", "fails on outputs of shape .8, 1. and targets of shape .8,."),
    (lambda z, y: (z[:, 0] - y).square().sum() * torch.nan, "regression", "is nan before training"),
    (remembering(), "regression", "it remembers something"),
    (forgetful, "regression", "compares every output with every target"),
    (lambda z, y: (z * 0).sum(1) + z.mean(), "multiclass", None),
]


@pytest.mark.parametrize(("function", "task", "message"), REFUSED)
def test_losses_that_are_refused(function: Any, task: str, message: str | None) -> None:
    setup = made(Row(ikura.loss(function), task))
    if message is None:
        assert setup.traits(member(0)) is not None
        return
    with pytest.raises(UsageError, match=message):
        setup.traits(member(0))


def test_outputs_of_which_no_predictions_are_made_are_refused() -> None:
    row = Row(ikura.loss(lambda z, y: z.square().mean(1)), "multiclass")
    setup = replace(made(row), network=lambda hp: nn.Linear(hp.inputs, 8))
    with pytest.raises(UsageError, match=r"gives outputs of shape \(8, 8\), of which no predictions of a multiclass"):
        setup.traits(member(0))
    shown = ikura.loss(row.loss.own, prediction=lambda z: z[:, :3].softmax(1))  # type: ignore[arg-type]
    setup = replace(setup, scorer=replace(setup.scorer, loss=shown))
    assert setup.traits(member(0)) is not None
