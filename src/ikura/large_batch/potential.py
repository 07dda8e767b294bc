"""The random potential around the initial weights: how differences of the loss grow with the distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.dropout import _DropoutNd

from ikura.errors import UsageError
from ikura.nn.copying import copy_of
from ikura.nn.dropout import Dropout
from ikura.nn.generators import preserved, reseed
from ikura.nn.loss import Loss, usual_loss
from ikura.nn.noise import key

__all__ = ["LENGTHS", "Potential", "fit_potential", "network_walk", "random_potential", "walk_losses"]

LENGTHS = tuple(np.linspace(0.5, 10, 20).tolist())
"""Distances from the initial weights, as in the paper."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Potential:
    """How the spread of L(w) - L(w_0) grows with r = ‖w - w_0‖.

    Attributes:
        alpha: α in E(L(w) - L(w_0))² ~ r^α, twice the slope of the log of the spread against log r.
        low, high: its 95 % interval, over directions.
        lengths: r.
        spread: standard deviation of the loss over directions at each r.
    """

    alpha: float
    low: float
    high: float
    lengths: tuple[float, ...]
    spread: tuple[float, ...]


def walk_losses(
    measure: Callable[[Array], float],
    origin: Array,
    directions: int | range,
    lengths: Sequence[float] = LENGTHS,
    seed: int = 0,
) -> Array:
    """Measure the loss along random directions from one point.

    Args:
        measure: the loss of a weight vector.
        origin: w_0, shape (weights,).
        directions: how many, uniform on the sphere; or which ones of them.
        lengths: distances r.
        seed: of the directions.

    Returns:
        L(w_0 + r u) - L(w_0), shape (directions, lengths).
    """
    which = range(directions) if isinstance(directions, int) else directions
    start, found = measure(origin), np.empty((len(which), len(lengths)))
    for row, place in enumerate(which):
        u = np.random.default_rng([key(seed, "direction"), place]).standard_normal(origin.size)
        u /= np.linalg.norm(u)
        found[row] = [measure(origin + length * u) - start for length in lengths]
    return found


def fit_potential(losses: Array, lengths: Sequence[float] = LENGTHS, resamples: int = 1000, seed: int = 0) -> Potential:
    """Fit α, with an interval by resampling directions (a percentile bootstrap).

    Args:
        losses: what `walk_losses` returned, shape (directions, lengths); rows with a NaN are left out.
        lengths: distances r, above 0.
        resamples: of the bootstrap.
        seed: of it.

    Returns:
        α with its interval.

    Raises:
        UsageError: there are fewer than three directions or two lengths.

    Example:
        >>> slopes = np.random.default_rng(0).standard_normal((50, 1))
        >>> found = fit_potential(slopes * np.array([1.0, 2.0, 4.0]), [1.0, 2.0, 4.0])
        >>> round(found.alpha, 6)
        2.0
    """
    known = losses[np.isfinite(losses).all(1)]
    if len(known) < 3 or len(lengths) < 2:
        raise UsageError(f"three directions and two lengths are needed, but got {len(known)} and {len(lengths)}")
    logs = np.log(np.asarray(lengths, np.float64))
    centred = logs - logs.mean()

    def alpha(spread: Array) -> Array:
        return np.asarray(2 * (np.log(spread) @ centred) / (centred @ centred))

    spread = known.std(0, ddof=1)
    draws = np.random.default_rng(seed).integers(len(known), size=(resamples, len(known)))
    spreads = np.stack([known[rows].std(0, ddof=1) for rows in draws])
    # A resample that has one direction only, over and over, has no spread.
    low, high = np.quantile(alpha(spreads[(spreads > 0).all(1)]), [0.025, 0.975])
    return Potential(float(alpha(spread)), float(low), float(high), tuple(map(float, lengths)), tuple(spread.tolist()))


def random_potential(
    network: nn.Module,
    x: npt.NDArray[np.floating] | Tensor,
    y: npt.NDArray[np.generic] | Tensor,
    task: str,
    *,
    directions: int = 200,
    lengths: Sequence[float] = LENGTHS,
    seed: int = 0,
    codes: npt.NDArray[np.integer] | Tensor | None = None,
) -> Potential:
    """Measure α around the present weights of a network on given examples; the network is not changed.

    Args:
        network: any network; batch normalisation takes the statistics of the examples, dropout is off, and weights that
            do not learn stay where they are.
        x, y: examples and targets, shape (rows, ...) and (rows,).
        task: "binary", "multiclass" or "regression".
        directions, lengths, seed: of the walk.
        codes: of the examples' categories, shape (rows, columns), for a network that takes (x, codes).

    Returns:
        α with its interval over directions.

    References:
        Hoffer, Hubara, Soudry 2017, arXiv:1705.08741, section 3; Bouchaud and Georges 1990 on random potentials.
    """
    return fit_potential(network_walk(network, x, y, task, directions, lengths, seed, codes), lengths, seed=seed)


def network_walk(
    network: nn.Module,
    x: npt.NDArray[np.floating] | Tensor,
    y: npt.NDArray[np.generic] | Tensor,
    task: str,
    directions: int | range,
    lengths: Sequence[float] = LENGTHS,
    seed: int = 0,
    codes: npt.NDArray[np.integer] | Tensor | None = None,
    loss: Loss | None = None,
) -> Array:
    """Measure a network's loss along random directions from its present weights; arguments as `random_potential`.

    `loss` is what was made small; None is the task's usual loss.

    Returns:
        L(w) - L(w_0), shape (directions, lengths).
    """
    own = copy_of(network).train()
    for part in own.modules():
        part.training = not isinstance(part, Dropout | _DropoutNd)
    weights = {name: p.detach() for name, p in own.named_parameters() if p.requires_grad}
    device = next(iter(weights.values())).device
    inputs = tuple(torch.as_tensor(one).to(device) for one in (x, codes) if one is not None)
    targets = torch.as_tensor(y).to(device)

    @torch.no_grad()
    def measure(vector: Array) -> float:
        # What noise there is in the network is the same at every point.
        reseed(key(seed, "potential"), device)
        parts = torch.from_numpy(vector).split([w.numel() for w in weights.values()])
        changed = {n: part.reshape(w.shape).to(w) for (n, w), part in zip(weights.items(), parts, strict=True)}
        return float((loss or usual_loss(task)).mean(task, functional_call(own, changed, inputs), targets))

    origin = torch.cat([w.flatten().double().cpu() for w in weights.values()]).numpy()
    with preserved(device):
        return walk_losses(measure, origin, directions, lengths, seed)
