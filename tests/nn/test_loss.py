"""Losses and predictions against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax

from ikura.nn.loss import outputs_of, predict, task_loss

TASKS = ("binary", "multiclass", "regression")


def example(task: str, rows: int = 50, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Raw outputs and targets."""
    rng = np.random.default_rng(0)
    z = 3 * rng.standard_normal((rows, outputs_of(task, classes)))
    y = {
        "binary": rng.integers(0, 2, rows).astype(float),
        "multiclass": rng.integers(0, classes, rows),
        "regression": rng.standard_normal(rows),
    }[task]
    return z, y


def formula(task: str, z: np.ndarray, y: np.ndarray) -> float:
    """The mean loss by numpy and scipy."""
    if task == "binary":
        return float(np.mean(np.logaddexp(0, z[:, 0]) - y * z[:, 0]))
    if task == "multiclass":
        return float(-np.mean(log_softmax(z, axis=1)[np.arange(len(y)), y]))
    return float(np.mean((z[:, 0] - y) ** 2))


@pytest.mark.parametrize("task", TASKS)
def test_loss(task: str) -> None:
    z, y = example(task)
    # 50 summands of size up to 10, each within some units in the last place: 50 * 10 * 2**-52 < 2e-13.
    found = task_loss(task, torch.from_numpy(z), torch.from_numpy(y)).item()
    assert found == pytest.approx(formula(task, z, y), rel=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_nan_gives_nan(task: str) -> None:
    z, y = example(task)
    z[7, 0] = np.nan
    assert task_loss(task, torch.from_numpy(z), torch.from_numpy(y)).isnan()


def test_the_backward_error_of_softmax_is_prediction_minus_target() -> None:
    z, y = example("multiclass")
    logits = torch.from_numpy(z).requires_grad_()
    (error,) = torch.autograd.grad(task_loss("multiclass", logits, torch.from_numpy(y)), logits)
    # Probabilities, each within some units in the last place of 1.
    np.testing.assert_allclose(error * len(y), softmax(z, axis=1) - np.eye(z.shape[1])[y], rtol=0, atol=1e-14)


def test_predictions() -> None:
    z = np.random.default_rng(0).standard_normal((5, 4))
    outputs = torch.from_numpy(z)
    # One exponential and one quotient: some units in the last place of 1.
    np.testing.assert_allclose(predict("binary", outputs[:, :1]), expit(z[:, 0]), rtol=0, atol=1e-15)
    np.testing.assert_allclose(predict("binary", outputs[:, :2]), softmax(z[:, :2], axis=1)[:, 1], rtol=0, atol=1e-15)
    np.testing.assert_allclose(predict("multiclass", outputs), softmax(z, axis=1), rtol=0, atol=1e-15)
    np.testing.assert_allclose(predict("multilabel", outputs), expit(z), rtol=0, atol=1e-15)
    np.testing.assert_allclose(predict("regression", outputs[:, :1], 3, 2), 3 + 2 * z[:, 0], rtol=0, atol=1e-15)
    np.testing.assert_allclose(predict("regression", outputs, 3, 2), 3 + 2 * z, rtol=0, atol=1e-15)


def test_number_of_outputs() -> None:
    assert [outputs_of(task, 5) for task in TASKS] == [1, 5, 1]
