"""A check changes nothing: the module, its mode and weights, random numbers, the run."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ikura
from ikura.checks import CHECKS


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    net.train()
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()


@pytest.mark.parametrize("training", [True, False])
def test_module_and_random_numbers_stay_as_they_are(training: bool) -> None:
    module = network().train(training)
    module[0].requires_grad_(False)
    module[4].weight.grad = torch.ones(3, 8)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    identities = [id(p) for p in module.parameters()]
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    states = torch.get_rng_state(), repr(np.random.get_state()), random.getstate()
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    checks = ikura.check(module, data="iris", step=step, hyperparameters={"clip_norm": 5.0, "optimizer": "sgd"})
    made = [one.name for one in checks if one.verdict != "skipped"]
    assert len(made) >= len(CHECKS) - 3
    assert module.training is training
    assert all(part.training is training for part in module.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert [id(p) for p in module.parameters()] == identities
    assert [p.requires_grad for p in module.parameters()] == [False, True, True, True, True]
    assert torch.equal(module[4].weight.grad, torch.ones(3, 8))
    assert module[4].bias.grad is None
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (repr(np.random.get_state()), random.getstate()) == states[1:]
    assert (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()) == (dtype, threads, True)


def test_the_same_call_gives_the_same_results() -> None:
    first, second = (
        ikura.check("wine", hyperparameters={"dropout": 0.2}, only=["gradient", "learning-rate", "overfit", "units"])
        for _ in range(2)
    )
    assert first.to_json() == second.to_json()


def contents(folder: Path) -> dict[str, Any]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("own", [False, True])
def test_a_run_stays_as_it_is(tmp_path: Path, own: bool) -> None:
    def factory(hp: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(hp.inputs, 8), nn.ReLU(), nn.Linear(8, hp.outputs))

    run = tmp_path / "run"
    given = {"network": factory} if own else {}
    study = ikura.tune("iris", trials=2, epochs=2, finalists=0, out=run, jobs=1, **given)
    before = contents(run)
    checks = ikura.check(run, **given)
    assert contents(run) == before, study
    assert "trial" in checks.subject
    assert checks["overfit"].verdict == "pass"
    assert not [one for one in checks.of("skipped") if "could not be made" in one.finding]
    if own:
        with pytest.raises(ikura.UsageError, match="factory"):
            ikura.check(run)
