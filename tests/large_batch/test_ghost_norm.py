"""Ghosts in a network of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ikura
from ikura.large_batch.ghost_norm import Ghosts, ghosted, without_ghosts
from ikura.nn import BatchNorm, GhostNorm


def network(hp: Mapping[str, Any]) -> nn.Module:
    return nn.Sequential(nn.Linear(hp["inputs"], 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, hp["outputs"]))


def layers() -> nn.Module:
    torch.manual_seed(5)
    inner = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, eps=1e-3, momentum=0.2), nn.ReLU())
    return nn.Sequential(inner, BatchNorm(3), nn.BatchNorm2d(3, affine=False), nn.Flatten(), nn.Linear(3 * 4, 2))


def test_weights_keep_their_names_and_order() -> None:
    before, after = layers(), ghosted(layers(), 4)
    assert [name for name, _ in before.named_parameters()] == [name for name, _ in after.named_parameters()]
    assert sum(isinstance(part, GhostNorm) for part in after.modules()) == 2


def test_one_ghost_trains_as_batch_normalisation_does() -> None:
    x = torch.randn(8, 2, 4, 4, dtype=torch.float64)
    before, after = layers().double(), ghosted(layers(), 8).double()
    # Float64 sums of some hundred numbers.
    torch.testing.assert_close(after(x), before(x), rtol=1e-10, atol=1e-12)


def test_back_again_it_predicts_the_same() -> None:
    trained = ghosted(layers(), 4).double().train()
    for _ in range(5):
        trained(3 * torch.randn(8, 2, 4, 4, dtype=torch.float64) + 1)
    plain = without_ghosts(trained.eval(), layers().double())
    x = torch.randn(6, 2, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(plain(x), trained(x), rtol=1e-10, atol=1e-12)
    assert not any(isinstance(part, GhostNorm) for part in plain.modules())


def test_a_factory_makes_ghosts_only_where_it_is_told() -> None:
    hp = {"inputs": 3, "outputs": 2, "ghost_size": 4}
    assert normalised(Ghosts(network)(hp)) == [nn.BatchNorm1d]
    assert normalised(Ghosts(network)({**hp, "normalisation": "ghost"})) == [GhostNorm]


def normalised(module: nn.Module) -> list[type]:
    return [type(part) for part in module.modules() if isinstance(part, GhostNorm | nn.BatchNorm1d)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_with_a_network_of_ones_own(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32), np.arange(200) % 2
    x[:, 0] += 2 * y
    space = {"learning_rate": 0.02, "batch_size": 8, "optimizer": "momentum"}
    options: dict[str, Any] = {"trials": 1, "epochs": 3, "finalists": 0, "jobs": 1, "device": "cpu"}
    study = ikura.tune((x, y), network=network, space=space, out=tmp_path / "own", **options)
    found = ikura.scale(study, 32, rule="sqrt", regime="same-epochs", seeds=2, jobs=1)
    assert "+ ghost normalisation" in list(found.table["name"])
    model = ikura.load(found.folder, network=network)
    assert normalised(model.network) == [nn.BatchNorm1d]
    assert set(model.predict(x)) <= {0, 1}
