"""A network cut in two is the network; what is frozen stays."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ikura.errors import UsageError
from ikura.nn import MLP
from ikura.nn.transfer import cut, features, replace_head


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner, self.norm = (
            nn.Conv2d(1, 4, 3, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
        )
        self.last, self.head = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        x = self.stem(x).relu()
        x = x + self.norm(self.inner(x)).relu()
        return self.head(self.last(x.mean((2, 3))).tanh())


NETWORKS = {
    "sequential": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 5), nn.Linear(5, 3)),
        3,
    ),
    "residual": (Residual, 3),
    "mlp": (lambda: nn.Sequential(nn.Flatten(), MLP(64, 3, [8, 5], dropout=0.5)), 3),
}


@pytest.mark.parametrize("freeze", ["all", "most", "none"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_parts_make_the_network(name: str, freeze: str) -> None:
    torch.manual_seed(0)
    network, outputs = NETWORKS[name]
    module, x = network().double().eval(), torch.randn(7, 1, 8, 8, dtype=torch.float64)
    parts = cut(module, freeze)
    torch.testing.assert_close(parts.top.eval()(features(parts.body, x)), module(x))
    assert isinstance(parts.top.get_submodule(parts.head), nn.Linear)
    assert parts.top.get_submodule(parts.head).out_features == outputs


@pytest.mark.parametrize("name", NETWORKS)
def test_more_frozen_means_less_that_learns(name: str) -> None:
    module = NETWORKS[name][0]()
    sizes = [sum(p.numel() for p in cut(module, freeze).top.parameters()) for freeze in ("all", "most", "none")]
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[0] == sum(p.numel() for p in list(module.modules())[-1].parameters()) or name == "mlp"


def test_a_cut_never_goes_through_a_residual_connection() -> None:
    class Blocks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.inner, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            """Raw outputs."""
            x = self.stem(x)
            return self.head(x + self.inner(x).relu())

    parts = cut(Blocks(), "most")
    assert [name for name, _ in parts.top.named_parameters()] == [
        "inner.weight", "inner.bias", "head.weight", "head.bias",
    ]  # fmt: skip


def test_a_new_head_has_the_new_outputs() -> None:
    parts = cut(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), "all")
    top = replace_head(parts.top, parts.head, 7)
    assert top(torch.ones(2, 8)).shape == (2, 7)


class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        return self.head(x) if x.sum() > 0 else self.head(-x)


class Training(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        return self.head(nn.functional.dropout(x, 0.5, self.training))


@pytest.mark.parametrize(
    ("module", "freeze", "message"),
    [
        (nn.Linear(4, 2), "al", "did you mean 'all'"),
        (nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)), "all", "ends in BatchNorm1d"),
        (nn.Sequential(nn.ReLU()), "all", "nothing that learns"),
        (Deciding(), "most", "cannot be followed"),
        (Training(), "most", "decides in its forward whether it trains"),
    ],
)
def test_what_cannot_be_cut_is_one_line(module: nn.Module, freeze: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        cut(module, freeze)
    assert "\n" not in str(caught.value)
