"""Studies that start from a pretrained network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import ikura
from ikura import Study
from ikura.errors import UsageError

from .test_network import RATE, assert_replays

Tune = Callable[..., Study]


def digits(classes: list[int], rows: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    chosen = np.isin(labels, classes)
    return images[chosen].reshape(-1, 1, 8, 8)[:rows], labels[chosen][:rows]


def own() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 5))


@pytest.mark.parametrize("freeze", ["all", "most", "none"])
def test_from_a_run_and_back(tune: Tune, freeze: str) -> None:
    old = tune(digits([0, 1, 2, 3]), network="mlp", trials=2, epochs=8, finalists=0)
    new = tune(digits([4, 5, 6]), network=ikura.pretrained(old.run, freeze), trials=2, finalists=0)
    assert new.config["network"] == "pretrained"
    assert_replays(new, 0)
    x = digits([4, 5, 6])[0]
    pd.testing.assert_frame_equal(ikura.load(new.run).predict_proba(x), new.model.predict_proba(x), check_exact=True)
    frozen, learned = old.model.network.state_dict(), new.model.network.state_dict()
    first = next(tensor for name, tensor in learned.items() if tensor.shape == frozen["layers.0.weight"].shape)
    assert torch.equal(first, frozen["layers.0.weight"]) == (freeze != "none")


def test_from_a_module_of_the_callers(tune: Tune, tmp_path: Path) -> None:
    start = ikura.pretrained(own(), "most")
    study = tune(digits([7, 8, 9]), network=start, space=RATE, trials=2, finalists=1)
    x = digits([7, 8, 9])[0]
    again = ikura.load(study.run, network=start)
    pd.testing.assert_frame_equal(again.predict_proba(x), study.model.predict_proba(x), check_exact=True)
    assert torch.equal(again.network.state_dict()["0.1.weight"], own()[1].weight)


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_from_a_file_of_weights(tune: Tune, tmp_path: Path, ending: str) -> None:
    from safetensors.torch import save_file

    path = tmp_path / f"weights.{ending}"
    if ending == "pt":
        torch.save(own().state_dict(), path)
    else:
        save_file(own().state_dict(), path)
    start = ikura.pretrained(path, "all", network=lambda hp: own())
    assert torch.equal(start.module[1].weight, own()[1].weight)
    assert tune(digits([7, 8, 9]), network=start, space=RATE, trials=2, finalists=0).best is not None


@pytest.mark.parametrize(("rows", "freeze"), [(50, "all"), (500, "most"), (5000, "none")])
def test_auto_goes_by_the_number_of_examples(rows: int, freeze: str) -> None:
    assert ikura.pretrained(own()).chosen(rows).freeze == freeze


def _pickled(path: Path) -> Path:
    torch.save(own(), path)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: ikura.pretrained(own(), "al"), "did you mean 'all'"),
        (lambda folder: ikura.pretrained(folder / "none"), "no such run, model folder or file of weights"),
        (lambda folder: ikura.pretrained(_pickled(folder / "w.pt")), "give its factory as network="),
        (lambda folder: ikura.pretrained(_pickled(folder / "w.pt"), network=lambda hp: own()), "not a file of weights"),
    ],
)
def test_bad_sources_are_one_line(make: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make(tmp_path)
    assert "\n" not in str(caught.value)
