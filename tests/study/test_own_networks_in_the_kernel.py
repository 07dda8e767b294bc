"""Studies of the caller's networks: in the compiled kernel where it knows them, in PyTorch otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ikura


class Mine(nn.Module):
    """A network whose width and rate of dropout differ by trial."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.hp = hp
        self.body = nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.BatchNorm1d(hp.units), nn.ReLU(), nn.Dropout(hp.p))
        self.out = nn.Linear(hp.units, hp.outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.body(x))


class Unknown(Mine):
    """The same, with an operation that the kernel does not know."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).cumsum(1)


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 5))
    return x, (x[:, 0] + x[:, 1] ** 2 > 0.5).astype(int) + (x[:, 2] > 1)


def tuned(out: Path, network: Any) -> ikura.Study:
    space = ikura.Space(
        learning_rate=ikura.log(1e-3, 1e-1), units=ikura.integer(3, 20), p=ikura.linear(0, 0.5),
        batch_size=ikura.choice(16, 32), optimizer=ikura.choice("adam", "momentum"),
    )  # fmt: skip
    return ikura.tune(data(), network=network, space=space, trials=8, epochs=4, finalists=1, out=out, checks=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ikura.Study:
    return tuned(tmp_path_factory.mktemp("kernel") / "run", Mine)


def test_it_is_said_where_networks_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "ikura"):
        tuned(tmp_path / "known", Mine)
        assert "run in the compiled kernel: linear, batch normalisation, function, dropout." in caplog.text
        tuned(tmp_path / "unknown", Unknown)
        assert "run in PyTorch: the kernel does not know Tensor.cumsum" in caplog.text


def test_a_trial_is_replayed_to_the_bit(study: ikura.Study) -> None:
    for number in (0, 5):
        assert np.array_equal(study.replay(number).to_numpy(), study.curve(number).to_numpy(), equal_nan=True)


def test_the_chosen_network_is_the_callers(study: ikura.Study) -> None:
    module = study.model.module
    assert type(module) is Mine
    assert next(name for name, _ in module.named_parameters()) == "body.0.weight"
    again = Mine(module.hp)
    again.load_state_dict(module.state_dict())
    x = torch.randn(4, 5)
    assert torch.equal(again.eval()(x), module.eval()(x))


def test_a_resumed_study_is_the_same(study: ikura.Study, tmp_path: Path) -> None:
    other = tuned(tmp_path / "run", Mine)
    assert study.trials["dev_score"].tolist() == other.trials["dev_score"].tolist()


class TwoInputs(nn.Module):
    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.table = nn.Embedding(7, hp.units)
        self.first = nn.Linear(5, hp.units)
        self.out = nn.Linear(2 * hp.units, hp.outputs)

    def forward(self, values: Tensor, tokens: Tensor) -> Tensor:
        return self.out(torch.cat([self.first(values).relu(), self.table(tokens).mean(1)], 1))


@pytest.mark.parametrize("by_name", [False, True])
def test_networks_of_several_inputs_run_in_the_kernel(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, by_name: bool
) -> None:
    x, y = data()
    tokens = np.random.default_rng(1).integers(0, 7, (len(x), 4))
    # By name the order is that of forward, not of the dictionary.
    given: Any = {"tokens": tokens, "values": x} if by_name else (x, tokens)
    space = ikura.Space(learning_rate=ikura.log(1e-3, 1e-1), units=ikura.integer(3, 8))
    with caplog.at_level("INFO", "ikura"):
        study = ikura.tune(
            (given, y), network=TwoInputs, space=space, trials=4, epochs=3, finalists=1, out=tmp_path / "run",
            checks=False,
        )  # fmt: skip
    assert "run in the compiled kernel: linear, function, embedding" in caplog.text
    assert np.array_equal(study.replay(1).to_numpy(), study.curve(1).to_numpy(), equal_nan=True)
