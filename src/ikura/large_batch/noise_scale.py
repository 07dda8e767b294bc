"""The gradient noise scale: the batch size at which a gradient is as much noise as direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ikura.errors import UsageError
from ikura.nn.copying import copy_of
from ikura.nn.generators import seeded
from ikura.nn.loss import Loss, usual_loss
from ikura.nn.noise import key

__all__ = ["NoiseScale", "measure_noise_scale", "noise_scale", "ratio_interval"]


@dataclass(frozen=True)
class NoiseScale:
    """A gradient noise scale B = tr(Σ) / |G|², with Σ the covariance of an example's gradient and G its mean.

    Attributes:
        value: the estimate; infinite where the direction drowns in noise.
        low, high: its 95 % interval.
        noise: estimate of tr(Σ).
        signal: estimate of |G|²; it may come out below 0.
        pairs: pairs of batches behind it.
    """

    value: float
    low: float
    high: float
    noise: float
    signal: float
    pairs: int

    @property
    def batch_size(self) -> int | None:
        """The batch size it suggests, the nearest power of two; None where it is not known.

        At that size an update makes half of the progress that the exact gradient would make.
        """
        return 2 ** max(round(math.log2(self.value)), 0) if 0 < self.value < math.inf else None


def noise_scale(
    small_squares: npt.ArrayLike, large_squares: npt.ArrayLike, small: int, large: int, level: float = 0.95
) -> NoiseScale:
    """Estimate the noise scale from squared norms of gradients over batches of two sizes, in pairs.

    |G|² ≈ (b_l |g_l|² - b_s |g_s|²) / (b_l - b_s) and tr(Σ) ≈ (|g_s|² - |g_l|²) / (1/b_s - 1/b_l), each unbiased and
    averaged over the pairs; B is the ratio of the averages, with Fieller's interval, which ends at 0 at least.

    Args:
        small_squares, large_squares: |g|² of batches of the small and of the large size, shape (pairs,); pairs are
            independent of one another, within a pair anything goes.
        small, large: the sizes b_s < b_l.
        level: the confidence.

    Returns:
        The estimate; NaN if any number is NaN or there are fewer than two pairs.

    Raises:
        UsageError: the large size is not larger.

    Example:
        >>> found = noise_scale([1.5, 1.5, 1.5], [1.1, 1.1, 1.1], 2, 10)
        >>> round(found.noise, 9), round(found.signal, 9), round(found.value, 9)
        (1.0, 1.0, 1.0)

    References:
        McCandlish, Kaplan, Amodei and OpenAI Dota Team 2018, An empirical model of large-batch training,
        arXiv:1812.06162, appendix A.1.
    """
    if not 0 < small < large:
        raise UsageError(f"0 < small < large must hold for the batch sizes, but got small={small}, large={large}")
    s, b = np.asarray(small_squares, np.float64), np.asarray(large_squares, np.float64)
    signal = (large * b - small * s) / (large - small)
    noise = (s - b) / (1 / small - 1 / large)
    value, low, high = ratio_interval(noise, signal, level)
    if signal.mean() <= 0:
        value = math.inf
    return NoiseScale(value, max(low, 0.0), high, float(noise.mean()), float(signal.mean()), s.size)


def measure_noise_scale(
    network: nn.Module,
    x: npt.NDArray[np.floating] | Tensor,
    y: npt.NDArray[np.generic] | Tensor,
    task: str,
    *,
    small: int = 32,
    large: int = 256,
    pairs: int = 30,
    seed: int = 0,
    codes: npt.NDArray[np.integer] | Tensor | None = None,
    loss: Loss | None = None,
) -> NoiseScale:
    """Measure the noise scale of a network at its present weights; the network is not changed.

    Each pair is a large batch, drawn with replacement, and the small ones that it consists of: |g_s|² is their mean,
    g_l the mean of their gradients. A network with batch normalisation sees statistics of the small batches, like
    ghosts.

    Args:
        network: a network in any mode; it is run in training mode.
        x, y: examples and targets to draw from, shape (rows, ...) and (rows,).
        task: "binary", "multiclass" or "regression".
        small, large: batch sizes; the large one is a multiple of the small one.
        pairs: large batches.
        seed: of the draws.
        codes: of the examples' categories, shape (rows, columns), for a network that takes (x, codes).
        loss: what was made small; None for the task's usual loss.

    Returns:
        The noise scale with its interval.

    Raises:
        UsageError: the large size is no multiple of the small one, at least twice as large.
    """
    if large % small or large < 2 * small:
        raise UsageError(f"large must be a multiple of small, but got small={small}, large={large}")
    own = copy_of(network).train()
    weights = [p for p in own.parameters() if p.requires_grad]
    device = weights[0].device
    inputs, targets = [torch.as_tensor(one) for one in (x, codes) if one is not None], torch.as_tensor(y)
    draws = np.random.default_rng(key(seed, "noise scale"))
    smalls, larges = np.empty(pairs), np.empty(pairs)
    with seeded(key(seed, "noise scale"), device):
        for pair in range(pairs):
            mean, square = torch.zeros((), device=device), 0.0
            parts = draws.integers(len(targets), size=(large // small, small))
            for rows in torch.from_numpy(parts):
                batch = [one[rows].to(device) for one in inputs]
                g = _gradient(own, weights, batch, targets[rows].to(device), task, loss)
                square += float(g.double().square().sum()) * small / large
                mean = mean + g * (small / large)
            smalls[pair], larges[pair] = square, float(mean.double().square().sum())
    return noise_scale(smalls, larges, small, large)


def _gradient(
    network: nn.Module, weights: Sequence[Tensor], x: Sequence[Tensor], y: Tensor, task: str, loss: Loss | None
) -> Tensor:
    cost = (loss or usual_loss(task)).mean(task, network(*x), y)
    found = torch.autograd.grad(cost, weights, allow_unused=True)
    return torch.cat(
        [torch.zeros_like(w).flatten() if g is None else g.flatten() for g, w in zip(found, weights, strict=True)]
    )


def ratio_interval(above: npt.ArrayLike, below: npt.ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Estimate E[a] / E[b] from pairs (a, b) by Fieller's theorem.

    The interval holds every ρ for which the mean of a - ρ b is not distinguishable from 0 by Student's t. Where the
    mean of b itself is not distinguishable from 0 the ratio has no bounded interval.

    Args:
        above, below: a and b, shape (pairs,), at least two.
        level: the confidence.

    Returns:
        The ratio of the means and both ends of its interval; an infinite end where the pairs set no bound, NaN if any
        number is NaN.

    Example:
        >>> ratio, low, high = ratio_interval([2.0, 2.2, 1.8, 2.0], [1.0, 1.0, 1.1, 0.9])
        >>> round(ratio, 2), round(low, 2), round(high, 2)
        (2.0, 1.59, 2.51)

    References:
        Fieller 1954, Some problems in interval estimation, JRSS B 16:175.
    """
    from scipy.special import stdtrit

    a, b = np.asarray(above, np.float64), np.asarray(below, np.float64)
    n = a.size
    if n < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.nan, math.nan, math.nan
    t = float(stdtrit(n - 1, (1 + level) / 2))
    mean_a, mean_b = float(a.mean()), float(b.mean())
    (va, vab), (_, vb) = np.cov(a, b) / n
    # Ends solve (mean_a - ρ mean_b)² = t² (va - 2 ρ vab + ρ² vb).
    square, middle, constant = mean_b**2 - t**2 * vb, mean_a * mean_b - t**2 * vab, mean_a**2 - t**2 * va
    root = middle**2 - square * constant
    ratio = mean_a / mean_b if mean_b else math.nan
    if square <= 0:
        return ratio, -math.inf, math.inf
    half = math.sqrt(max(root, 0.0))
    return ratio, float((middle - half) / square), float((middle + half) / square)
