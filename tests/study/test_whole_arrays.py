"""Arrays reach a network of the caller's whole, and whole numbers as they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ikura
from ikura.api.study import Study
from ikura.errors import UsageError

Tune = Callable[..., Study]
RATE = {"learning_rate": 0.05}


@pytest.fixture
def tune(tune: Tune) -> Tune:
    return partial(tune, trials=2, epochs=3, finalists=0, space=RATE)


def numbers(kind: type[np.generic] | str = "float32") -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    x = random.integers(0, 9, (120, 6))
    x[:, 2], x[:, 5] = 3, np.arange(120)  # constant, and one that counts
    return x.astype(kind), (x[:, 0] + x[:, 1] > 8).astype(int)


class Seen(nn.Module):
    """Keeps the first mini-batch that it gets in evaluation."""

    inputs: list[Tensor] = []  # noqa: RUF012

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(hp.inputs, hp.outputs)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training and len(Seen.inputs) < 1:
            Seen.inputs.append(x.detach().clone())
        return self.layer(x.float())


@pytest.fixture
def seen() -> list[Tensor]:
    Seen.inputs.clear()
    return Seen.inputs


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_no_column_is_left_out(tune: Tune, seen: list[Tensor], kind: str) -> None:
    x, y = numbers(kind)
    study = tune((x, y), network=Seen, jobs=1)
    assert study.model.network.layer.in_features == 6
    assert seen[0].shape[1] == 6
    assert seen[0].dtype == torch.float32
    train = study.model.encoder.transform(x)[0]
    assert not train[:, 2].any()
    assert abs(train[:, 0]).max() < 3
    assert any("standardise=False" in note for note in study.summary["notes"])
    expected = study.model.predict_proba(x)
    again = ikura.load(study.run, Seen)
    assert again.predict_proba(x).equals(expected)
    assert again.predict_proba(x.astype("float64")).equals(expected)


@pytest.mark.parametrize("kind", ["int64", "uint8", "int16", "bool"])
def test_whole_numbers_stay_as_they_are(tune: Tune, seen: list[Tensor], kind: str) -> None:
    x, y = numbers()
    x = x.astype(kind)
    study = tune((x, y), network=Seen, jobs=1)
    assert seen[0].dtype == torch.int64
    assert {tuple(row) for row in seen[0].tolist()} <= {tuple(row) for row in x.astype(int).tolist()}
    assert any("as they are" in note for note in study.summary["notes"])
    again = ikura.load(study.run, Seen)
    assert again.predict_proba(x.astype("float32")).equals(study.model.predict_proba(x))
    with pytest.raises(UsageError, match=r"row 1, x\[0\]: 0\.5 is no whole number"):
        again.predict(np.full((1, 6), 0.5))


def test_tokens_reach_an_embedding(tune: Tune) -> None:
    class Bag(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.table, self.out = nn.Embedding(20, 8), nn.Linear(8, hp.outputs)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.table(x).mean(1))

    random = np.random.default_rng(0)
    x = random.integers(0, 20, (400, 9))
    y = (x == 7).any(1)
    space = {"learning_rate": 0.05, "optimizer": "adam"}
    study = tune((x, y), network=Bag, space=space, epochs=30)
    # With tokens standardised nothing can be looked up; the share of the commoner class is about 0.63.
    assert study.test.value > 0.9
    curve = study.curve(0)["dev_loss"]
    assert study.replay(0)["dev_loss"].tolist() == curve.tolist()


def test_whole_numbers_are_standardised_where_the_network_takes_floats_alone(tune: Tune) -> None:
    x, y = numbers("int64")
    study = tune((x, y), network=lambda hp: nn.Linear(hp.inputs, hp.outputs))
    assert abs(study.model.encoder.transform(x)[0]).max() < 3
    assert any("does not take as they are" in note for note in study.summary["notes"])
    assert study.replay(1)["dev_loss"].tolist() == study.curve(1)["dev_loss"].tolist()


def test_nothing_is_standardised_when_told_so(tune: Tune, seen: list[Tensor]) -> None:
    x, y = numbers()
    x[:, 0] += 0.5
    study = tune((x, y), network=Seen, jobs=1, standardise=False)
    assert {tuple(row) for row in seen[0].tolist()} <= {tuple(row) for row in x.tolist()}
    assert study.replay(0)["dev_loss"].tolist() == study.curve(0)["dev_loss"].tolist()
    x[3, 1] = np.nan
    with pytest.raises(UsageError, match=r"x\[1\] of training row \d+ is missing"):
        tune((x, y), network=Seen, standardise=False)


def test_everything_is_standardised_when_told_so(tune: Tune, seen: list[Tensor]) -> None:
    tune(numbers("int64"), network=Seen, jobs=1, standardise=True)
    assert seen[0].dtype == torch.float32
    assert seen[0].abs().max() < 3


def test_missing_values_count_as_the_mean(tune: Tune) -> None:
    x, y = numbers()
    x[::7, 1] = np.nan
    study = tune((x, y), network=lambda hp: nn.Linear(hp.inputs, hp.outputs))
    assert study.model.network.in_features == 6
    assert not study.model.encoder.transform(x)[0][::7, 1].any()


@pytest.mark.parametrize("network", [None, "mlp"])
def test_standardise_is_for_own_networks(tune: Tune, network: str | None) -> None:
    with pytest.raises(UsageError, match="standardise is for arrays and a network of your own"):
        tune(numbers(), network=network, standardise=False)


def test_pixels_that_never_change_reach_a_network_made_for_all_of_them() -> None:
    checks = ikura.check(lambda hp: nn.Linear(64, 10), data="digits", only=["forward", "outputs"])
    assert [one.verdict for one in checks] == ["pass", "pass"]


def test_a_module_in_place_of_a_factory_is_one_line(tune: Tune) -> None:
    with pytest.raises(UsageError, match="network is a module of class Linear, which all trials would train together"):
        tune(numbers(), network=nn.Linear(6, 1))
