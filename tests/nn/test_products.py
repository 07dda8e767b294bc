"""Which parameters are weights of products."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from ikura.nn.products import weights_in_products


class Transformer(nn.Module):
    """Positions, a token of its own, attention, scales of two dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 4)
        self.positions = nn.Parameter(torch.randn(1, 5, 4))
        self.token = nn.Parameter(torch.randn(1, 1, 4))
        self.gain = nn.Parameter(torch.ones(1, 4))
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.LayerNorm(4)
        self.mix = nn.Parameter(torch.randn(4, 3))
        self.out = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        z = self.table((x > 0).long()) + self.positions[:, : x.shape[1]]
        z = torch.cat([self.token.expand(len(z), -1, -1), z], 1)
        z = self.norm(self.attention(z, z, z, need_weights=False)[0]) * self.gain
        out: Tensor = self.out(z.mean(1) @ self.mix)
        return out


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w, self.centres = nn.Parameter(torch.randn(3, 5)), nn.Parameter(torch.randn(7, 5))
        self.vector, self.shift = nn.Parameter(torch.randn(5)), nn.Parameter(torch.randn(1, 3))

    def forward(self, x: Tensor) -> Tensor:
        z = functional.linear(x, self.w * torch.ones(3, 5), None) + self.shift
        near = torch.cdist(x, self.centres).amin(1)
        return z.sum(1, keepdim=True) + near[:, None] + torch.einsum("ij,j->i", x, self.vector)[:, None]


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize(
    ("make", "shape", "weights"),
    [
        (Transformer, (2, 5), {"attention.in_proj_weight", "attention.out_proj.weight", "mix", "out.weight"}),
        (Masked, (2, 5), {"w", "vector"}),
        (lambda: nn.GRU(3, 2, batch_first=True), (2, 4, 3), {"weight_ih_l0", "weight_hh_l0"}),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.PReLU(2)), (2, 1, 4, 4), {"0.weight"}),
        (lambda: parametrizations.weight_norm(nn.Linear(5, 3)), (2, 5), {"parametrizations.weight.original1"}),
        (lambda: nn.utils.weight_norm(nn.Linear(5, 3)), (2, 5), {"weight_v"}),
        (lambda: parametrizations.spectral_norm(nn.Linear(5, 3)), (2, 5), {"parametrizations.weight.original"}),
        (lambda: nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)).eval(), (2, 5), {"0.weight"}),
    ],
)
def test_weights_are_what_stands_in_a_product(
    make: Callable[[], nn.Module], shape: tuple[int, ...], weights: set[str]
) -> None:
    module = make()
    assert weights_in_products(module, lambda: module(torch.randn(shape))) == weights


def test_a_table_that_is_also_a_matrix_is_a_weight() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(9, 4)

        def forward(self, x: Tensor) -> Tensor:
            return functional.linear(self.table((x > 0).long()).mean(1), self.table.weight)

    module = Tied()
    assert weights_in_products(module, lambda: module(torch.randn(2, 5))) == {"table.weight"}
