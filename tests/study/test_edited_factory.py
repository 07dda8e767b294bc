"""A factory that was edited is refused where the networks of a study are made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ikura
from ikura.api.study import Study
from ikura.errors import RunError
from ikura.study.record.progress import Progress

Tune = Callable[..., Study]


class Net(nn.Module):
    def __init__(self, hp: Any, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.act = nn.Linear(hp.inputs, 8), nn.Linear(8, hp.outputs), act

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.act(self.a(x)))
        return out


def made(act: Callable[[Tensor], Tensor]) -> Callable[[Any], nn.Module]:
    return lambda hp: Net(hp, act)


def test_check_and_scale_refuse_another_activation(tune: Tune) -> None:
    study = tune(network=made(torch.relu), **OPTIONS)
    other = made(torch.sigmoid)
    with pytest.raises(RunError, match="the network factory is not the one that this study began with"):
        ikura.check(study.run, network=other, only=["forward"])
    with pytest.raises(RunError, match="the network factory is not the one that this study began with"):
        ikura.scale(study.run, 64, network=other, seeds=2)
    assert ikura.check(study.run, network=made(torch.relu), only=["forward"]).results[0].verdict == "pass"


class StoppedError(Exception):
    pass


class Stopping(Progress):
    """Ends a study from outside when it has begun to train."""

    def update(self, *_: Any) -> None:
        raise StoppedError


OPTIONS: dict[str, Any] = {"space": {"learning_rate": ikura.log(1e-3, 1e-1)}, "trials": 4, "epochs": 2, "finalists": 0}


def test_resume_replay_and_load_refuse_another_activation(tune: Tune) -> None:
    study = tune(network=made(torch.relu), **OPTIONS)
    x = np.zeros((2, 4))
    again = Study(study.run, made(torch.relu))
    assert (again.model.predict(x) == study.model.predict(x)).all()
    assert again.replay(1)["dev_loss"].tolist() == study.curve(1)["dev_loss"].tolist()
    other = made(torch.sigmoid)
    with pytest.raises(RunError, match="the network computes something else than it did when it was saved") as caught:
        ikura.load(study.run, other)
    assert "\n" not in str(caught.value)
    with pytest.raises(RunError, match="the network factory is not the one that this study began with"):
        Study(study.run, other).replay(1)


def test_an_interrupted_study_goes_on_with_its_own_factory_alone(tune: Tune, tmp_path: Any) -> None:
    run = tmp_path / "cut"
    with pytest.raises(StoppedError):
        tune(network=made(torch.relu), out=run, progress=Stopping(), **OPTIONS)
    with pytest.raises(RunError, match="is not the one that this study began with: the code of"):
        ikura.resume(run, network=made(torch.tanh))
    study = ikura.resume(run, network=made(torch.relu))
    whole = tune(network=made(torch.relu), **OPTIONS)
    assert study.trials["dev_loss"].tolist() == whole.trials["dev_loss"].tolist()
