"""An account of the chosen network: what stopping early traded, and how many of its weights a penalty made zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ikura.metric import as_array
from ikura.nn.array_network import ArrayNetwork
from ikura.population.network_setup import Network
from ikura.study.record.facts import Sparsity, Stopping

__all__ = ["sparsity", "stopping"]


def stopping(curve: Sequence[Sequence[float]], best: int, budget: int, by: str = "") -> Stopping | None:
    """Say which of two goals stopping early served, and what the other one lost.

    One goal is a low cost J of training, the other a low error on new data; stopping at the best dev loss is no longer
    concerned with the first (orthogonalisation would leave each goal a knob of its own).

    Args:
        curve: (train loss, dev loss, …) after each epoch, in order.
        best: the epoch whose weights are kept, from 1.
        budget: epochs that training might have taken.
        by: what ended it before that, for a reader; empty where it ended on its own.

    Returns:
        epoch, ended, budget, cost (J at that epoch and the lowest after it), loss (of the dev set, there and at the
        end) and a sentence; None where the weights are those of the last epoch, or a number is missing.

    Example:
        >>> stopping([(0.9, 0.8), (0.5, 0.6), (0.3, 0.7)], best=2, budget=10).sentence
        'training ended at epoch 3 of 10 and the weights of epoch 2 are kept: the dev loss rose from 0.6 to 0.7 while J
        still fell from 0.5 to 0.3, so stopping early traded the training cost for the dev error'
    """
    points = np.array([point[:2] for point in curve], np.float64).reshape(-1, 2)
    if not 0 < best < len(points) or not np.isfinite(points[best - 1 :]).all():
        return None
    (cost, loss), after = points[best - 1], points[best:]
    lowest, last = after[:, 0].min(), after[-1, 1]
    ended = f"training ended at epoch {len(points)} of {budget}" + f", by {by}," * bool(by)
    if len(points) >= budget:
        ended = f"training took all {budget} epochs"
    moved = f"rose from {loss:.4g} to {last:.4g}" if last > loss else f"fell no lower than {loss:.4g}"
    if lowest < cost:
        what = f"the dev loss {moved} while J still fell from {cost:.4g} to {lowest:.4g}, so stopping early traded the "
        what += "training cost for the dev error"
    else:
        what = f"the dev loss {moved}, and J fell no lower than {cost:.4g} either, so stopping early traded nothing"
    costs, losses = [float(cost), float(lowest)], [float(loss), float(last)]
    sentence = f"{ended} and the weights of epoch {best} are kept: {what}"
    return Stopping(best, len(points), budget, costs, losses, sentence)


def sparsity(network: Network, hyperparameters: Mapping[str, Any]) -> Sparsity | None:
    """Count the weights that an l1 penalty made exactly zero.

    Args:
        network: the chosen one.
        hyperparameters: of its trial.

    Returns:
        zeros, weights (those that are penalised: no biases), l1 and a sentence; None where there is no l1 penalty.

    Example:
        >>> from torch import nn
        >>> layer = nn.Linear(2, 1)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> sparsity(layer, {"l1": 0.1}).sentence
        '2 of 2 weights are exactly zero (100 %), by l1 = 0.1'
    """
    l1 = float(hyperparameters.get("l1") or 0)
    if not l1 > 0:
        return None
    if isinstance(network, ArrayNetwork):
        penalised = [one for one in network.parameters if one.ndim > 1]
    else:
        penalised = [as_array(one) for one in network.parameters() if one.dim() > 1 and one.requires_grad]
    zeros, weights = sum(int((one == 0).sum()) for one in penalised), sum(one.size for one in penalised)
    share = 100 * zeros / max(weights, 1)
    sentence = f"{zeros:,} of {weights:,} weights are exactly zero ({share:.3g} %), by l1 = {l1:.4g}"
    return Sparsity(zeros, weights, l1, sentence)
