"""The kernel's losses and their errors against autograd through the losses of `ikura.nn`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ikura.nn.loss import Loss, loss, task_loss
from ikura.nn.loss.by_task import each_loss
from ikura.population.kernel.loss import CODES, kernel_loss, loss_and_error

TASKS = ("binary", "multiclass", "regression", "multilabel", "values")
"""All, and a regression of several values."""
ROWS, CLASSES, VALUES = 60, 4, 3


def example(task: str, dtype: str, size: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outputs without bias, bias, targets."""
    rng = np.random.default_rng(0)
    outputs = {"multiclass": CLASSES, "multilabel": VALUES, "values": VALUES}.get(task, 1)
    y = {
        "binary": rng.integers(0, 2, ROWS),
        "multiclass": rng.integers(0, CLASSES, ROWS),
        "multilabel": rng.integers(0, 2, (ROWS, VALUES)),
        "values": rng.standard_normal((ROWS, VALUES)),
    }.get(task, rng.standard_normal(ROWS))
    z, bias = size * rng.standard_normal((ROWS, outputs)), rng.standard_normal(outputs)
    return z.astype(dtype), bias.astype(dtype), y.astype(dtype)


def reference(
    task: str, z: np.ndarray, bias: np.ndarray, y: np.ndarray, smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    """Summed loss and the gradient of the mean loss, in float64."""
    leaf = torch.from_numpy(z.astype(np.float64) + bias).requires_grad_()
    target = torch.from_numpy(y.astype(np.float64))
    share = torch.tensor(smoothing, dtype=torch.float64) if smoothing else None
    mean = task_loss(
        task.replace("values", "regression"), leaf, target.long() if task == "multiclass" else target, share
    )
    (error,) = torch.autograd.grad(mean, leaf)
    return mean.item() * len(y), error.numpy()


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("task", TASKS)
def test_weights_of_examples_weigh_losses_and_errors(task: str, smoothing: float) -> None:
    z, bias, y = example(task, "float64")
    weights = np.random.default_rng(1).choice([0.0, 0.25, 1.0, 40.0], ROWS)
    leaf, target = torch.from_numpy(z + bias).requires_grad_(), torch.from_numpy(y)
    each = each_loss(
        task.replace("values", "regression"), leaf, target.long() if task == "multiclass" else target,
        torch.tensor(smoothing, dtype=torch.float64) if smoothing else None,
    )  # fmt: skip
    total = (each * torch.from_numpy(weights)).sum()
    (error,) = torch.autograd.grad(total / ROWS, leaf)
    found = loss_and_error(code(task), 0.0, z, bias, y.reshape(-1), weights, smoothing)
    assert found == pytest.approx(total.item(), rel=1e-13)
    np.testing.assert_allclose(z, error.numpy(), rtol=0, atol=1e-14)


OF_VALUES: list[Loss] = [loss("mae"), loss("huber", delta=0.7), loss("quantile", q=0.9), loss("poisson")]


@pytest.mark.parametrize("which", OF_VALUES, ids=lambda one: one.name)
@pytest.mark.parametrize("task", ["regression", "values"])
def test_other_losses_of_values_are_those_of_pytorch(task: str, which: Loss) -> None:
    z, bias, y = example(task, "float64")
    # Some outputs are exactly right, and some far away.
    z[:9] = y.reshape(z.shape)[:9]
    z[9:12] += 30.0
    bias[:] = 0.0
    leaf, target = torch.from_numpy(z.copy()).requires_grad_(), torch.from_numpy(y)
    total = which.each("regression", leaf, target).sum()
    (error,) = torch.autograd.grad(total / ROWS, leaf)
    known = kernel_loss("regression", which.name, which.parameters)
    assert known is not None
    found = loss_and_error(*known, z, bias, y.reshape(-1), z[0, :0], 0.0)
    assert found == pytest.approx(total.item(), rel=1e-13)
    np.testing.assert_allclose(z, error.numpy(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("which", OF_VALUES, ids=lambda one: one.name)
def test_other_losses_of_values_are_nan_for_nan(which: Loss) -> None:
    known = kernel_loss("regression", which.name, which.parameters)
    assert known is not None
    for z, y in ((np.nan, 0.0), (0.0, np.nan)):
        one = np.full((1, 1), z)
        assert np.isnan(loss_and_error(*known, one, np.zeros(1), np.full(1, y), one[0, :0], 0.0))
        assert np.isnan(one[0, 0])


def code(task: str) -> int:
    return CODES[task.replace("values", "regression")]


@pytest.mark.parametrize("reduction", [torch.nn.BCEWithLogitsLoss, torch.nn.MSELoss])
def test_several_targets_have_the_mean_loss_of_torch(reduction: type[torch.nn.Module]) -> None:
    task = "values" if reduction is torch.nn.MSELoss else "multilabel"
    z, bias, y = example(task, "float64")
    leaf = torch.from_numpy(z + bias).requires_grad_()
    mean = reduction()(leaf, torch.from_numpy(y))
    (error,) = torch.autograd.grad(mean, leaf)
    assert loss_and_error(code(task), 0.0, z, bias, y.reshape(-1), z[0, :0], 0.0) == pytest.approx(
        mean.item() * ROWS, rel=1e-13
    )
    np.testing.assert_allclose(z, error.numpy(), rtol=0, atol=1e-15)


def test_every_task_has_a_number_of_its_own() -> None:
    assert {*CODES, "values"} == set(TASKS)
    assert len(set(CODES.values())) == len(CODES)


# About ten roundings between a logit and its loss or error, of a size up to 30 (a bias of 3 on an output of 10, squared
# for regression up to 100): 10 * 30 units of rounding; sums of 60 add no more, as they are in double precision.
@pytest.mark.parametrize(("dtype", "rounding"), [("float64", 2.0**-53), ("float32", 2.0**-24)])
@pytest.mark.parametrize("size", [0.1, 3.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("task", TASKS)
def test_loss_and_error(task: str, smoothing: float, size: float, dtype: str, rounding: float) -> None:
    z, bias, y = example(task, dtype, size)
    share = z.dtype.type(smoothing)
    total, error = reference(task, z, bias, y, float(share))
    assert loss_and_error(code(task), 0.0, z, bias, y.reshape(-1), z[0, :0], share) == pytest.approx(
        total, rel=300 * rounding
    )
    assert z.dtype == dtype
    np.testing.assert_allclose(z * ROWS, error * ROWS, rtol=0, atol=300 * rounding)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_huge_logits_neither_overflow_nor_lose_the_loss(task: str, dtype: str) -> None:
    z, bias, y = example(task, dtype, 1e4)
    total, error = reference(task, z, bias, y)
    # The loss is as large as the logits, 1e4, and linear in them: a few roundings of each.
    assert loss_and_error(CODES[task], 0.0, z, bias, y, z[0, :0], z.dtype.type(0)) == pytest.approx(
        total, rel=8 * float(np.finfo(dtype).eps)
    )
    # Adding the bias rounds a logit of up to 4e4 by 2e-3 in float32 and 4e-12 in float64, and probabilities by less.
    np.testing.assert_allclose(z * ROWS, error * ROWS, rtol=0, atol=4e-3 if dtype == "float32" else 8e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("task", TASKS)
def test_nan_gives_nan(task: str, place: int, dtype: str) -> None:
    z, bias, y = example(task, dtype)
    z[7, place] = np.nan
    assert np.isnan(loss_and_error(code(task), 0.0, z, bias, y.reshape(-1), z[0, :0], z.dtype.type(0)))
    assert np.isnan(z[7]).any()
    assert np.isfinite(np.delete(z, 7, axis=0)).all()
