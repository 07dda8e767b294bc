"""Studies that start from a pretrained network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
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
from ikura.data import prepare
from ikura.errors import UsageError
from ikura.metric import METRICS
from ikura.nn.noise import permutation
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.study.freezing import Freezing, _simplest, choose_freezing
from ikura.study.record.pretrained import Pretrained

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


def choice(start: Pretrained, rows: int, seed: int = 0, **changes: Any) -> Freezing:
    dataset = replace(prepare(digits([5, 6, 7, 8, 9], rows), seed=seed), **changes)
    return choose_freezing(start, dataset, folded=True, seed=seed, dtype="float32")


@pytest.fixture(scope="module")
def hasty() -> Iterator[None]:
    """Deciding what to freeze trains for fewer steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ikura.study.freezing.STEPS", 30)
        yield


@pytest.fixture(scope="module")
def chosen(hasty: None) -> Freezing:
    """What is chosen for 120 digits."""
    return choice(ikura.pretrained(own()), 120)


@pytest.mark.usefixtures("hasty")
def test_auto_compares_all_ways_and_repeats_itself(chosen: Freezing) -> None:
    assert set(chosen.losses) == {"all", "most", "none"}
    assert chosen == choice(ikura.pretrained(own()), 120)


@pytest.mark.usefixtures("hasty")
def test_auto_trains_a_layer_that_has_no_features() -> None:
    """A last layer that says nothing of its input has no features for a head."""
    silent = own()
    with torch.no_grad():
        silent[3].weight.zero_()
        silent[3].bias.fill_(1.0)
    assert choice(ikura.pretrained(silent), 120).chosen != "all"


def test_of_ways_that_are_as_good_the_one_that_freezes_most_is_taken() -> None:
    folds = np.array([1.0, 1.1, 0.9, 1.0])
    noise = np.array([0.1, -0.1, 0.1, -0.1])
    assert _simplest({"all": folds + 0.01 + noise, "most": folds + 0.005, "none": folds}) == "all"
    assert _simplest({"all": folds + 1, "most": folds + 0.5, "none": folds}) == "none"
    assert _simplest({"all": folds * np.inf, "most": folds + 0.5, "none": folds}) == "none"
    assert _simplest({"all": folds * np.inf, "none": folds * np.inf}) == "none"
    assert _simplest({"all": folds[:1] + 0.1, "most": folds[:1]}) == "most"


@pytest.mark.usefixtures("hasty")
def test_auto_does_not_look_at_the_test_set(chosen: Freezing) -> None:
    start, dataset = ikura.pretrained(own()), prepare(digits([5, 6, 7, 8, 9], 120))
    blind = replace(dataset, test=replace(dataset.test, x=dataset.test.x * np.nan))
    assert choice(start, 120, test=blind.test) == chosen


def test_auto_freezes_nothing_of_many_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.study.freezing.MANY", 50)
    found = choice(ikura.pretrained(own()), 120)
    assert found.chosen == "none"
    assert not found.losses


@pytest.mark.usefixtures("hasty")
def test_a_study_records_what_auto_chose(tune: Tune) -> None:
    study = tune(digits([7, 8, 9], 90), network=ikura.pretrained(own()), space=RATE, trials=2, finalists=0)
    note = next(note for note in study.summary["notes"] if note.startswith("freeze = "))
    assert note.startswith(f"freeze = {study.config['pretrained']['freeze']},")


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


def test_pretrained_weights_learn_at_a_rate_of_their_own(tune: Tune) -> None:
    space = {"optimizer": "sgd", "learning_rate": 0.01, "pretrained_rate": 0.0, "batch_size": 32}
    start = ikura.pretrained(own(), "none")
    still = tune(digits([7, 8, 9]), network=start, space=space, trials=1, finalists=0).model.network
    assert torch.equal(still[1][1].weight, own()[1].weight)
    moving = tune(digits([7, 8, 9]), network=start, space=space | {"pretrained_rate": 0.5}, trials=1, finalists=0)
    assert not torch.equal(moving.model.network[1][1].weight, own()[1].weight)


def test_one_step_of_two_rates_is_that_of_two_parameter_groups() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 64, dtype=torch.float64).float().double().numpy()
    y = np.arange(8) % 3
    setup = make_workshop(x.reshape(8, 1, 8, 8), y, ikura.pretrained(own(), "none"))
    member = Member(0, {"optimizer": "momentum", "learning_rate": 0.1, "pretrained_rate": 0.2, "batch_size": 8}, 3)
    net = setup.module(member).double()
    slow = [p for p in net.parameters() if getattr(p, "pretrained", False)]
    fast = [p for p in net.parameters() if not getattr(p, "pretrained", False)]
    assert len(slow) == 4
    assert len(fast) == 2
    groups = [{"params": slow, "lr": 0.02}, {"params": fast, "lr": 0.1}]
    rule = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    training = setup.training([member])
    training.run(3)
    for epoch in range(3):
        order = permutation(3, epoch, 8)
        rule.zero_grad()
        nn.functional.cross_entropy(
            net(torch.from_numpy(x[order].reshape(8, 1, 8, 8))), torch.from_numpy(y[order])
        ).backward()
        rule.step()
    expected = nn.utils.parameters_to_vector(net.parameters()).detach()
    torch.testing.assert_close(training.tile.weights[0], expected)


def make_workshop(x: np.ndarray, y: np.ndarray, start: Any) -> TrainingSetup:
    examples = Examples(x, np.zeros((len(x), 0), np.int32), y.astype(np.float64))
    scorer = Scorer("multiclass", METRICS["accuracy"])
    return TrainingSetup(examples, examples, scorer, 3, network=start, dtype="float64")
