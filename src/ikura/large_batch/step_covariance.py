"""The covariance of weight steps: what a learning-rate rule keeps, and what it does not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from ikura.errors import UsageError
from ikura.nn.copying import copy_of
from ikura.nn.loss import each_loss

__all__ = ["example_gradients", "predicted_covariance", "sample_steps", "step_variance"]

Array = npt.NDArray[np.float64]


def example_gradients(network: nn.Module, x: npt.ArrayLike, y: npt.ArrayLike, task: str, block: int = 512) -> Array:
    """Differentiate the loss of every example by all weights at once; the network is not changed.

    Args:
        network: a network without statistics over the mini-batch; it is run in evaluation mode.
        x, y: examples, shape (rows, ...), and targets, shape (rows,).
        task: "binary", "multiclass" or "regression".
        block: examples at a time.

    Returns:
        Shape (rows, weights).

    Raises:
        UsageError: the network has batch or ghost normalisation, whose examples have no gradients of their own.
    """
    if any("running_mean" in name for name, _ in network.named_buffers()):
        raise UsageError("a network with batch normalisation has no gradient of a single example")
    own = copy_of(network).double().eval()
    weights = {name: p.detach() for name, p in own.named_parameters() if p.requires_grad}
    rest = {name: p.detach() for name, p in own.named_parameters() if not p.requires_grad} | dict(own.named_buffers())

    def cost(changed: dict[str, Tensor], one: Tensor, target: Tensor) -> Tensor:
        return each_loss(task, functional_call(own, (changed, rest), (one[None],)), target[None])[0]

    each = vmap(grad(cost), in_dims=(None, 0, 0))
    inputs, targets = torch.as_tensor(np.asarray(x)).double(), torch.as_tensor(np.asarray(y))
    parts = []
    for begin in range(0, len(targets), block):
        found = each(weights, inputs[begin : begin + block], targets[begin : begin + block])
        parts.append(torch.cat([found[name].flatten(1) for name in weights], 1))
    return np.asarray(torch.cat(parts).numpy())


def step_variance(learning_rate: float, batch_size: int, rows: int) -> float:
    """What the covariance C of the gradients of N examples is multiplied by in a step's: (η²/M) (N - M)/(N - 1).

    Args:
        learning_rate: η.
        batch_size: M, drawn without replacement.
        rows: N.

    Raises:
        UsageError: the batch is more than the examples.

    Example:
        >>> step_variance(0.1, 100, 10**9) / step_variance(0.2, 400, 10**9)
        1.0000003...
    """
    if not 1 <= batch_size <= rows:
        raise UsageError(f"1 <= batch_size <= examples must hold, but got batch_size={batch_size}, examples={rows}")
    return learning_rate**2 / batch_size * ((rows - batch_size) / (rows - 1) if rows > 1 else 0.0)


def predicted_covariance(gradients: Array, learning_rate: float, batch_size: int) -> Array:
    """Predict the covariance of one step of gradient descent on a mini-batch drawn without replacement.

    cov(Δw) = (η²/M) (N - M)/(N - 1) C with C the covariance of the N examples' gradients. For M ≪ N it is (η²/M) C, and
    stays the same if η grows with √M.

    Args:
        gradients: of each example, shape (examples, weights).
        learning_rate: η.
        batch_size: M.

    Returns:
        Shape (weights, weights).

    Example:
        >>> predicted_covariance(np.array([[1.0], [-1.0], [1.0], [-1.0]]), 1.0, 2)
        array([[0.33333333]])

    References:
        Hoffer, Hubara, Soudry 2017, arXiv:1705.08741, section 4.
    """
    rows = len(gradients)
    spread = gradients - gradients.mean(0)
    return np.asarray(spread.T @ spread * (step_variance(learning_rate, batch_size, rows) / rows))


def sample_steps(gradients: Array, learning_rate: float, batch_size: int, steps: int, seed: int) -> Array:
    """Make steps of gradient descent from the same weights, each on a mini-batch of its own.

    Args:
        gradients: of each example, shape (examples, weights).
        learning_rate: η.
        batch_size: examples of a mini-batch, drawn without replacement.
        steps: how many.
        seed: of the draws; steps of several batch sizes begin with the same examples.

    Returns:
        Δw, shape (steps, weights).
    """
    rows = len(gradients)
    found, block = np.empty((steps, gradients.shape[1])), 64
    for begin in range(0, steps, block):
        count = min(block, steps - begin)
        chosen = np.zeros((count, rows))
        for place in range(count):
            order = np.random.default_rng([seed, begin + place]).permutation(rows)
            chosen[place, order[:batch_size]] = -learning_rate / batch_size
        found[begin : begin + count] = chosen @ gradients
    return found
