"""Named losses against torch.nn.functional, with their gradients; what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import ikura
from ikura.nn.loss import LOSSES, Loss, OutputShape, chosen_loss, outputs_of

ROWS, CLASSES = 40, 4


@dataclass(frozen=True)
class Row:
    """A loss, and what torch computes instead of it."""

    name: str
    task: str
    reference: Callable[[Tensor, Tensor], Tensor]
    parameters: dict[str, float] = field(default_factory=dict)
    target: str = "normal"
    values: int = 1
    outputs: int | None = None

    def __str__(self) -> str:
        return "-".join([self.name, self.task, *(f"{n}={v}" for n, v in self.parameters.items()), str(self.outputs)])


def focal(gamma: float) -> Callable[[Tensor, Tensor], Tensor]:
    def reference(z: Tensor, y: Tensor) -> Tensor:
        p = z.softmax(1).gather(1, y[:, None])
        return ((1 - p) ** gamma * -p.log()).mean()

    return reference


def binary_focal(gamma: float) -> Callable[[Tensor, Tensor], Tensor]:
    def reference(z: Tensor, y: Tensor) -> Tensor:
        right = torch.where(y.reshape(z.shape) > 0, z.sigmoid(), 1 - z.sigmoid())
        return ((1 - right) ** gamma * -right.log()).mean()

    return reference


def pinball(z: Tensor, y: Tensor) -> Tensor:
    r = y - z[:, 0]
    return torch.where(r > 0, 0.9 * r, -0.1 * r).mean()


TABLE = [
    Row("cross_entropy", "binary", lambda z, y: F.binary_cross_entropy_with_logits(z[:, 0], y), target="half"),
    Row("cross_entropy", "binary", lambda z, y: F.cross_entropy(z, y.long()), target="half", outputs=2),
    Row("cross_entropy", "multiclass", F.cross_entropy),
    Row("binary_cross_entropy", "binary", lambda z, y: F.binary_cross_entropy_with_logits(z[:, 0], y), target="half"),
    Row("binary_cross_entropy", "multilabel", F.binary_cross_entropy_with_logits, target="half", values=3),
    Row("focal", "multiclass", focal(2.0)),
    Row("focal", "multiclass", focal(0.5), {"gamma": 0.5}),
    Row("focal", "binary", binary_focal(2.0), target="half"),
    Row("focal", "multilabel", binary_focal(3.0), {"gamma": 3.0}, target="half", values=3),
    Row("hinge", "multiclass", F.multi_margin_loss),
    Row("hinge", "binary", lambda z, y: torch.clamp(1 - (2 * y - 1) * z[:, 0], min=0).mean(), target="half"),
    Row("mse", "regression", lambda z, y: F.mse_loss(z[:, 0], y)),
    Row("mse", "regression", F.mse_loss, values=3),
    Row("mae", "regression", lambda z, y: F.l1_loss(z[:, 0], y)),
    Row("huber", "regression", lambda z, y: F.huber_loss(z[:, 0], y)),
    Row("huber", "regression", lambda z, y: F.huber_loss(z, y, delta=0.3), {"delta": 0.3}, values=2),
    Row("quantile", "regression", lambda z, y: F.l1_loss(z[:, 0], y) / 2),
    Row("quantile", "regression", pinball, {"q": 0.9}),
    Row("poisson", "regression", lambda z, y: F.poisson_nll_loss(z[:, 0], y), target="counts"),
    Row("gaussian_nll", "regression", lambda z, y: F.gaussian_nll_loss(z[:, 0], y, z[:, 1].exp())),
    Row("gaussian_nll", "regression", lambda z, y: F.gaussian_nll_loss(z[:, :2], y, z[:, 2:].exp()), values=2),
]  # fmt: skip


def drawn(row: Row) -> tuple[Tensor, Tensor]:
    """Raw outputs and targets."""
    random = np.random.default_rng(0)
    loss = LOSSES[row.name]
    outputs = row.outputs or outputs_of(row.task, CLASSES, row.values, loss)
    shape = (ROWS,) if row.values == 1 else (ROWS, row.values)
    target = {
        "normal": random.standard_normal(shape),
        "half": random.integers(0, 2, shape).astype(float),
        "counts": random.poisson(2.0, shape).astype(float),
    }[row.target]
    y = random.integers(0, CLASSES, ROWS) if row.task == "multiclass" else target
    return torch.from_numpy(random.standard_normal((ROWS, outputs))).requires_grad_(), torch.from_numpy(y)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_named_loss_is_that_of_torch(row: Row) -> None:
    loss = ikura.loss(row.name, **row.parameters)
    outputs, target = drawn(row)
    mine, theirs = loss.mean(row.task, outputs, target), row.reference(outputs, target)
    # 40 to 120 summands below 20, each within a few units in the last place: below 1e-12.
    assert mine.item() == pytest.approx(theirs.item(), rel=1e-12)
    slopes = [torch.autograd.grad(one, outputs)[0] for one in (mine, theirs)]
    np.testing.assert_allclose(*slopes, rtol=1e-9, atol=1e-14)
    assert loss.each(row.task, outputs, target).shape == (ROWS,)
    weight = torch.linspace(0.5, 1.5, ROWS, dtype=torch.float64)
    weighted = (loss.each(row.task, outputs, target) * weight).mean()
    assert loss.mean(row.task, outputs, target, None, weight).item() == pytest.approx(weighted.item(), rel=1e-12)


@pytest.mark.parametrize("row", [one for one in TABLE if LOSSES[one.name].smooths(one.task)], ids=str)
def test_smoothed_labels_are_the_mean_over_all_labels(row: Row) -> None:
    loss = ikura.loss(row.name, **row.parameters)
    outputs, target = drawn(row)
    outputs, share = outputs.detach(), torch.tensor(0.3, dtype=torch.float64)
    if row.task == "multiclass":
        every = [loss.each(row.task, outputs, torch.full((ROWS,), label)) for label in range(CLASSES)]
    else:
        every = [loss.each(row.task, outputs, torch.full_like(target, label)) for label in (0.0, 1.0)]
    expected = 0.7 * loss.each(row.task, outputs, target) + 0.3 * torch.stack(every).mean(0)
    np.testing.assert_allclose(loss.each(row.task, outputs, target, share), expected, rtol=1e-12)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_nan_gives_nan(row: Row) -> None:
    outputs, target = drawn(row)
    outputs = outputs.detach()
    outputs[3, 0] = torch.nan
    assert ikura.loss(row.name, **row.parameters).mean(row.task, outputs, target).isnan()


@pytest.mark.parametrize("name", list(LOSSES.built_in))
def test_every_loss_is_in_the_table(name: str) -> None:
    assert {row.task for row in TABLE if row.name == name} >= set(LOSSES[name].tasks) - {"multilabel"}


def test_counts_and_variances_make_predictions() -> None:
    z = torch.tensor([[0.0, 1.0], [2.0, -3.0]], dtype=torch.float64)
    assert LOSSES["gaussian_nll"].predict("regression", z, 10.0, 2.0).tolist() == [10.0, 14.0]
    assert LOSSES["poisson"].predict("regression", z[:, :1]).tolist() == pytest.approx([1.0, np.exp(2.0)])


def test_a_loss_of_ones_own_gives_a_value_each_or_a_mean() -> None:
    z, y = torch.randn(6, 3, 2), torch.randn(6, 3, 2)
    weight = torch.tensor([1.0, 0.0, 2.0, 1.0, 1.0, 1.0])
    each = ikura.loss(lambda z, y: (z - y).square())
    mean = ikura.loss(nn.MSELoss())
    weighted = ikura.loss(lambda z, y, weight: (weight[:, None, None] * (z - y).square()).mean())
    expected = F.mse_loss(z, y)
    for loss in (each, mean, weighted):
        assert torch.allclose(loss.mean("regression", z, y), expected)
    for loss in (each, weighted):
        found = loss.mean("regression", z, y, None, weight)
        assert torch.allclose(found, ((z - y).square().flatten(1).mean(1) * weight).mean())
    with pytest.raises(ikura.UsageError, match="gives one number for all examples together, so that they cannot be w"):
        mean.mean("regression", z, y, None, weight)
    with pytest.raises(ikura.UsageError, match="and here each example's is needed"):
        mean.each("regression", z, y)
    structured = ikura.loss(lambda out, y: (out["a"] - y).square() + out["b"].square())
    assert structured.each("own", {"a": z, "b": 0 * z}, y).shape == (6,)


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: ikura.loss("hubert"), "unknown loss 'hubert', did you mean 'huber'"),
    (lambda: ikura.loss("mse", delta=2), "the loss 'mse' has no parameter 'delta'; it has none"),
    (lambda: ikura.loss("huber", q=2), "the loss 'huber' has no parameter 'q'; it has delta"),
    (lambda: ikura.loss("quantile", q=1.0), "q of the loss 'quantile' must be between 0 and 1, but is 1.0"),
    (lambda: ikura.loss("huber", delta="2"), "delta of the loss 'huber' must be above 0, but is '2'"),
    (lambda: chosen_loss("huber:delta"), "has the parameter 'delta'; write name=number, as in huber:delta=2"),
    (lambda: chosen_loss(5), "a loss is a name or a function of .outputs, target., not 5"),
    (lambda: chosen_loss(nn.MSELoss), "the loss is the class MSELoss; give one of it"),
    (lambda: chosen_loss(lambda outputs: 0), "but takes 1"),
    (lambda: chosen_loss(nn.Linear(2, 2)), "the loss Linear has parameters of its own, which would not be trained"),
    (lambda: chosen_loss(lambda z, y: 1.0).mean("own", torch.ones(2), torch.ones(2)), "returns a float; return a ten"),  # type: ignore[union-attr]
    (lambda: chosen_loss(lambda z, y: z[:1]).mean("own", torch.ones(3, 2), torch.ones(3)), "for 3 examples"),  # type: ignore[union-attr]
    (lambda: ikura.loss("mse", prediction=lambda z: z), "makes its own predictions"),
    (lambda: ikura.loss(F.mse_loss, q=2), "parameters .q. are for named losses"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ikura.UsageError, match=message):
        make()


def test_what_is_taken_as_a_loss() -> None:
    assert chosen_loss(None) is None
    assert chosen_loss("quantile:q=0.9") == ikura.loss("quantile", q=0.9)
    assert isinstance(chosen_loss(F.mse_loss), Loss)
    assert chosen_loss(nn.CrossEntropyLoss(weight=torch.ones(3))) is not None


def test_outputs_that_a_loss_takes() -> None:
    OutputShape("binary", 1).check(torch.zeros(5, 2), 5)
    OutputShape("regression", 1).check(torch.zeros(5), 5)
    OutputShape("regression", 6, (2, 3)).check(torch.zeros(5, 6), 5)
    OutputShape("regression", 6, (2, 3)).check(torch.zeros(5, 2, 3), 5)
    OutputShape("own", 1, free=True).check({"a": torch.zeros(5, 9)}, 5)
    for shape, found, message in (
        (OutputShape("multiclass", 3), torch.zeros(5, 2), r"returns shape \(5, 2\); return a tensor of shape \(5, 3\)"),
        (OutputShape("multiclass", 3), torch.zeros(5, 3).long(), "returns int64; return floats"),
        (OutputShape("own", 1, free=True), torch.zeros(()), "for 5 examples; return a row for each"),
        (OutputShape("own", 1, free=True), "text", "returns a str without a tensor in it"),
    ):
        with pytest.raises(ikura.UsageError, match=message):
            shape.check(found, 5)
