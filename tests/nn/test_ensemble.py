"""An ensemble's outputs are those of which the prediction is the average of its networks' predictions."""

from __future__ import annotations

import pytest
import torch

from ikura.errors import UsageError
from ikura.nn.averaging import Averaging, averaging_of
from ikura.nn.ensemble import EnsembleNetwork
from ikura.nn.loss import LOSSES, Loss
from ikura.nn.mlp import MLP

SHARES = [3, 1, 2]
CASES = [
    ("binary", LOSSES["cross_entropy"], 1),
    ("multiclass", LOSSES["cross_entropy"], 4),
    ("multilabel", LOSSES["binary_cross_entropy"], 2),
    ("regression", LOSSES["mse"], 1),
    ("regression", LOSSES["poisson"], 1),
]


@pytest.mark.parametrize(("task", "loss", "outputs"), CASES, ids=lambda one: getattr(one, "name", str(one)))
def test_predictions_are_the_average_over_single_networks(task: str, loss: Loss, outputs: int) -> None:
    torch.manual_seed(0)
    members = [MLP(5, outputs, [7], cardinalities=[20]).double().eval() for _ in SHARES]
    averaging = averaging_of(task, loss)
    assert averaging is not None
    network = EnsembleNetwork(members, SHARES, averaging).eval()
    x, codes = 3 * torch.randn(50, 5, dtype=torch.float64), torch.randint(0, 20, (50, 1))
    with torch.no_grad():
        found = loss.predict(task, network(x, codes), 2.0, 3.0)
        wanted = torch.zeros_like(found)
        for member, share in zip(members, SHARES, strict=True):
            wanted += share / sum(SHARES) * loss.predict(task, member(x, codes), 2.0, 3.0)
    # Sums of three numbers in double precision.
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)


def test_networks_that_are_sure_of_opposite_things() -> None:
    """Logits of ±1000 in single precision: the averages are finite, and right."""
    for averaging, z in (("sigmoid", [[1000.0], [-1000.0]]), ("softmax", [[1000.0, 0.0], [0.0, 1000.0]])):
        members = [MLP(1, len(row), []) for row in z]
        for member, row in zip(members, z, strict=True):
            member.layers[0].weight.data.zero_()
            member.layers[0].bias.data.copy_(torch.tensor(row))
        out = EnsembleNetwork(members, [1, 3], averaging)(torch.zeros(1, 1))
        found = out.sigmoid() if averaging == "sigmoid" else out.softmax(1)[:, 0]
        assert found.item() == pytest.approx(0.25, rel=1e-6)


def test_what_has_no_average() -> None:
    assert averaging_of("regression", LOSSES["gaussian_nll"]) is None
    assert averaging_of("own", Loss("mine", own=lambda z, y: z)) is None
    assert averaging_of("regression", LOSSES["huber"]) is Averaging.IDENTITY


@pytest.mark.parametrize("shares", [[], [1], [1, 0]])
def test_a_share_above_0_for_each(shares: list[float]) -> None:
    with pytest.raises(UsageError, match="a share above 0 for each of its networks"):
        EnsembleNetwork([MLP(1, 1, []), MLP(1, 1, [])], shares, "identity")
