"""Metrics for numbers, written for one member; shapes as in `Metric`."""

from __future__ import annotations

import torch
from torch import Tensor

from ikura.errors import UsageError
from ikura.metric._base import Metric, Needs

__all__ = ["MAE", "QUANTILE", "R2", "RMSE", "quantile_loss"]

NUMBERS = frozenset({"regression"})


def r2(prediction: Tensor, target: Tensor) -> Tensor:
    """The share of the target's variance explained, 1 - sum (y - p)^2 / sum (y - mean y)^2; at most 1.

    Of several values each has a mean of its own, and the sums run over all of them. A target that does not vary gives 1
    for perfect predictions and 0 for others; a single example gives NaN.

    Example:
        >>> r2(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 3.0])).item()
        0.5
    """
    target = target.double()
    residual = (prediction.double() - target).square().sum()
    total = (target - target.mean(0)).square().sum()
    if target.shape[0] < 2:
        return residual * torch.nan
    constant = torch.where(residual > 0, torch.zeros_like(residual), 1 + 0 * residual)
    # The mean of equal numbers may be off by a rounding, which is no variance.
    varies = (target.amax(0) > target.amin(0)).any()
    return torch.where(varies, 1 - residual / total, constant)


def rmse(prediction: Tensor, target: Tensor) -> Tensor:
    """The root of the mean squared error, sqrt(mean (y - p)^2), in the target's unit.

    Example:
        >>> round(rmse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])).item(), 6)
        1.414214
    """
    return (prediction.double() - target.double()).square().mean().sqrt()


def mae(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean absolute error, mean |y - p|, in the target's unit.

    Example:
        >>> mae(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])).item()
        1.0
    """
    return (prediction.double() - target.double()).abs().mean()


R2 = Metric("r2", True, NUMBERS, r2, needs=Needs.DIFFERENT)
RMSE = Metric("rmse", False, NUMBERS, rmse)
MAE = Metric("mae", False, NUMBERS, mae)


def quantile_loss(text: str) -> Metric:
    """The mean quantile loss, mean max(q (y - p), (q - 1) (y - p)), which the q-quantile makes least.

    Args:
        text: "quantile:q", with q between 0 and 1; "quantile" for the median, half of the mean absolute error.

    Raises:
        UsageError: q is no such number.

    Source: Koenker and Bassett (1978), Regression quantiles, Econometrica 46.

    Example:
        >>> quantile_loss("quantile:0.9")(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])).item()
        0.9
    """
    try:
        q = float(text.partition(":")[2] or 0.5)
    except ValueError:
        q = float("nan")
    if not 0 < q < 1:
        raise UsageError(f"the metric {text!r} takes a number between 0 and 1, as in quantile:0.9")

    def quantile(prediction: Tensor, target: Tensor) -> Tensor:
        above = target.double() - prediction.double()
        return torch.maximum(q * above, (q - 1) * above).mean()

    return Metric(text, False, NUMBERS, quantile)


QUANTILE = quantile_loss("quantile")
