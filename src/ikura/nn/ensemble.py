"""An ensemble as one network: what its members predict is averaged, and given as raw outputs again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ikura.errors import UsageError
from ikura.nn.averaging import Averaging
from ikura.nn.mlp import MLP

__all__ = ["EnsembleNetwork"]


class EnsembleNetwork(nn.Module):
    """Networks of one task whose predictions are averaged.

    Of outputs z_i and shares s_i, Σ s_i = 1, the output is the z of which the prediction is the average of theirs:

        sigmoid       log Σ s_i σ(z_i) - log Σ s_i σ(-z_i)
        softmax       log Σ s_i softmax(z_i)
        identity      Σ s_i z_i
        exponential   log Σ s_i e^{z_i}

    so that whatever takes a network's raw outputs takes those of an ensemble.

    Args:
        members: the networks, all of the same inputs and outputs.
        shares: how much each counts.
        averaging: what outputs are turned into before they are averaged.

    Raises:
        UsageError: there is no network, or not a share above 0 for each.

    Example:
        >>> net = EnsembleNetwork([MLP(4, 1, []), MLP(4, 1, [])], [1, 3], "sigmoid")
        >>> x = torch.ones(1, 4)
        >>> p, q = (member(x).sigmoid() for member in net.members)
        >>> bool(torch.isclose(net(x).sigmoid(), (p + 3 * q) / 4))
        True
    """

    def __init__(self, members: Sequence[nn.Module], shares: Sequence[float], averaging: str) -> None:
        super().__init__()
        if not members or len(members) != len(shares) or not all(share > 0 for share in shares):
            raise UsageError(f"an ensemble has a share above 0 for each of its networks, but got {list(shares)!r}")
        self.members = nn.ModuleList(members)
        self.shares = [float(share) for share in shares]
        self.averaging = Averaging(averaging)

    def forward(self, x: Tensor, codes: Tensor | None = None) -> Tensor:
        """Compute the outputs of one mini-batch.

        Args:
            x: features, shape (rows, ...).
            codes: categories to embed, integers of shape (rows, number of cardinalities).

        Returns:
            Logits or values, shape (rows, outputs), in which the prediction is the average.
        """
        each = [member(x.flatten(1), codes) if isinstance(member, MLP) else member(x) for member in self.members]
        total = sum(self.shares)
        shares = [share / total for share in self.shares]
        if self.averaging is Averaging.IDENTITY:
            return torch.stack([share * z for share, z in zip(shares, each, strict=True)]).sum(0)
        logs = torch.tensor(shares, dtype=each[0].dtype, device=x.device).log()
        z = torch.stack(each)
        logs = logs.reshape(-1, *[1] * (z.dim() - 1))
        if self.averaging is Averaging.EXPONENTIAL:
            return (z + logs).logsumexp(0)
        if self.averaging is Averaging.SOFTMAX:
            return (z.log_softmax(2) + logs).logsumexp(0)
        log_sigmoid = nn.functional.logsigmoid
        return (log_sigmoid(z) + logs).logsumexp(0) - (log_sigmoid(-z) + logs).logsumexp(0)
