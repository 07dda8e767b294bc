"""Losses of values: squared and absolute errors, quantiles, counts, and values with their variance."""

from __future__ import annotations

from math import inf, log

from ikura.lazy_torch import Tensor, functional
from ikura.nn.loss._base import Loss, Prediction, Targets, each_row
from ikura.nn.loss.target_shapes import like_target

__all__ = ["GAUSSIAN_NLL", "HUBER", "MAE", "MSE", "POISSON", "QUANTILE"]

LEAST_VARIANCE = 1e-6
"""Variance below which none counts, as in torch."""


def mse(outputs: Tensor, target: Tensor) -> Tensor:
    """Squared error (z - y)²; the mean over several values.

    Args:
        outputs: shape (rows, 1), or that of the target.
        target: shape (rows,) or (rows, ...).

    Returns:
        Shape (rows,).
    """
    target = target.to(outputs.dtype)
    return each_row(functional.mse_loss(like_target(outputs, target), target, reduction="none"))


def mae(outputs: Tensor, target: Tensor) -> Tensor:
    """Absolute error |z - y|."""
    target = target.to(outputs.dtype)
    return each_row(functional.l1_loss(like_target(outputs, target), target, reduction="none"))


def huber(outputs: Tensor, target: Tensor, delta: float) -> Tensor:
    """r²/2 of errors up to δ, δ (|r| - δ/2) of larger ones.

    References:
        Huber, Robust estimation of a location parameter, 1964.
    """
    target = target.to(outputs.dtype)
    return each_row(functional.huber_loss(like_target(outputs, target), target, reduction="none", delta=delta))


def quantile(outputs: Tensor, target: Tensor, q: float) -> Tensor:
    """max(q r, (q - 1) r) of the residual r = y - z, which is least where a share q of the targets lies below z.

    References:
        Koenker and Bassett, Regression quantiles, 1978.
    """
    residual = target.to(outputs.dtype) - like_target(outputs, target)
    return each_row((q * residual).maximum((q - 1) * residual))


def poisson(outputs: Tensor, target: Tensor) -> Tensor:
    """e^z - y z of the logarithm z of the expected count, the negative log-likelihood without log y!."""
    target = target.to(outputs.dtype)
    return each_row(functional.poisson_nll_loss(like_target(outputs, target), target, reduction="none"))


def gaussian_nll(outputs: Tensor, target: Tensor) -> Tensor:
    """(s + (y - m)² e^-s) / 2, the negative log-likelihood of a mean m and a log variance s without log(2π)/2.

    Args:
        outputs: means, then as many log variances: shape (rows, 2 · values).
        target: shape (rows,) or (rows, ...).

    References:
        Nix and Weigend, Estimating the mean and variance of the target probability distribution, 1994.
    """
    target = target.to(outputs.dtype)
    mean, log_variance = (like_target(half, target) for half in outputs.chunk(2, 1))
    log_variance = log_variance.clamp(min=log(LEAST_VARIANCE))
    return each_row((log_variance + (target - mean).square() * (-log_variance).exp()) / 2)


MSE = Loss("mse", {"regression": mse})
MAE = Loss("mae", {"regression": mae})
HUBER = Loss("huber", {"regression": huber}, {"delta": 1.0}, {"delta": (0.0, inf)})
QUANTILE = Loss("quantile", {"regression": quantile}, {"q": 0.5}, {"q": (0.0, 1.0)})
POISSON = Loss("poisson", {"regression": poisson}, targets=Targets.AS_GIVEN, prediction=Prediction.EXPONENTIAL)
GAUSSIAN_NLL = Loss("gaussian_nll", {"regression": gaussian_nll}, per_value=2, prediction=Prediction.FIRST_HALF)
