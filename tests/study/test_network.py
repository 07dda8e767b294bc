"""Any `nn.Module` through `network=`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import ikura
from ikura.api.study import Study
from ikura.data import load_bundled
from ikura.errors import UsageError
from ikura.study.record.progress import Progress

from ..sweep import one_in, swept
from .comparing import assert_replays, assert_same

Tune = Callable[..., Study]
RATE = {"learning_rate": ikura.log(1e-3, 1e-1)}


@pytest.fixture
def tune(tune: Tune) -> Tune:
    """A study just large enough to have a population."""
    return partial(tune, trials=4, epochs=4, finalists=1)


def linear(hp: Any) -> nn.Module:
    return nn.Linear(hp.inputs, hp.outputs)


class Deep(nn.Module):
    """As many layers as the trial wants."""

    def __init__(self, inputs: int, outputs: int, depth: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(inputs, inputs) for _ in range(depth))
        self.out = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.out(x)


def test_trials_may_differ_in_structure(tune: Tune) -> None:
    space = {**RATE, "depth": ikura.integer(0, 3)}
    study = tune(
        network=lambda hp: Deep(hp.inputs, hp.outputs, hp.depth), space=space, trials=10, finalists=1, search="random"
    )
    assert study.trials["depth"].nunique() > 2
    assert len(study.model.network.hidden) == study.best.hyperparameters["depth"]
    assert study.test.value > 0.6
    assert_replays(study)


def test_trials_may_differ_in_dropout_inside_the_module(tune: Tune) -> None:
    space = {"learning_rate": 0.05, "share": ikura.choice(0.0, 0.5, 0.9)}

    def network(hp: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(hp.inputs, 16), nn.ReLU(), nn.Dropout(hp.share), nn.Linear(16, hp.outputs))

    study = tune(network=network, space=space, trials=16, search="random", finalists=0)
    losses = study.trials.groupby("share")["train_loss"]
    # One seed and one learning rate: the same rate gives the same curve, another rate another one.
    assert losses.nunique().tolist() == [1, 1, 1]
    assert losses.first().nunique() == 3
    assert_replays(study, 0, 15)


def test_a_function_kept_in_the_module_is_each_trial_s_own(tune: Tune) -> None:
    class Scaled(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.layer = nn.Linear(hp.inputs, hp.outputs)
            self.scale = lambda z: z * hp.gain

        def forward(self, x: Tensor) -> Tensor:
            return self.scale(self.layer(x))

    space = {"learning_rate": 0.05, "gain": ikura.choice(0.2, 1.0, 5.0)}
    study = tune(network=Scaled, space=space, trials=16, search="random", finalists=0)
    losses = study.trials.groupby("gain")["dev_loss"]
    assert losses.nunique().tolist() == [1, 1, 1]
    assert losses.first().nunique() == 3


def test_members_of_a_tile_do_not_disturb_each_other(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    """A population equals solo runs: in tiles of one and of four."""
    studies = []
    for size in (1, 4):
        monkeypatch.setattr("ikura.api.run.measure_tile_size", lambda *_, size=size: size)
        studies.append(tune(network=linear, space=RATE, trials=8, schedule="none", dtype="float64", finalists=0))
    alone, together = studies
    # Sums of at most 150 products in another order, over 4 epochs of 3 steps: far below 1e-10 relative in float64.
    pd.testing.assert_frame_equal(alone.curves(), together.curves(), rtol=1e-10)


def test_images_keep_their_shape(tune: Tune) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(120, 1, 6, 6)), np.arange(120) % 2
    x[y == 1, :, :3] += 1

    def network(hp: Any) -> nn.Module:
        assert hp.inputs == 36
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, hp.outputs))

    study = tune((x, y), network=network, space=RATE)
    assert study.test.value > 0.8
    assert study.model.predict(x).shape == (120,)
    assert_replays(study, 0)


def test_the_built_in_network_takes_images_flat(tune: Tune) -> None:
    x, y = np.random.default_rng(0).normal(size=(60, 1, 4, 4)), np.arange(60) % 2
    study = tune((x, y), network="mlp")
    assert study.model.network.layers[0].in_features == 16
    expected = study.model.predict_proba(x)
    pd.testing.assert_frame_equal(ikura.load(study.run).predict_proba(x), expected, check_exact=True)
    assert_replays(study, 0)


def test_hyperparameters_can_be_read_in_three_ways(tune: Tune) -> None:
    def network(hp: Any) -> nn.Module:
        assert hp.units == hp["units"] == dict(hp)["units"]
        assert hp.inputs == 4
        assert hp.outputs == 3
        return nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.outputs))

    study = tune(network=network, space={**RATE, "units": ikura.integer(3, 9)})
    assert study.model.network[0].out_features == study.best.hyperparameters["units"]


def test_parameters_without_a_gradient_stay_as_they_were(tune: Tune) -> None:
    class Spare(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(hp.inputs, hp.outputs), nn.Linear(3, 3)
            nn.init.constant_(self.unused.weight, 0.25)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    study = tune(network=Spare, space=RATE)
    assert (study.model.network.unused.weight == 0.25).all()
    assert_replays(study)


def test_frozen_parameters_stay_as_they_were(tune: Tune) -> None:
    def network(hp: Any) -> nn.Module:
        module = nn.Sequential(nn.Linear(hp.inputs, 6), nn.Tanh(), nn.Linear(6, hp.outputs))
        nn.init.constant_(module[0].weight, 0.125)
        module[0].weight.requires_grad_(False)
        return module

    study = tune(network=network, space={**RATE, "l2": 0.01})
    assert (study.model.network[0].weight == 0.125).all()
    assert (study.model.network[0].bias != network(Like(inputs=4, outputs=3))[0].bias).all()
    assert_replays(study, 0)


class Like(dict[str, Any]):
    __getattr__ = dict.__getitem__


def test_tied_parameters_stay_tied(tune: Tune) -> None:
    class Tied(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(hp.inputs, hp.inputs), nn.Linear(hp.inputs, hp.inputs)
            self.second.weight = self.first.weight
            self.out = nn.Linear(hp.inputs, hp.outputs)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(torch.tanh(self.second(torch.tanh(self.first(x)))))

    study = tune(network=Tied, space=RATE)
    module = study.model.network
    assert module.first.weight is module.second.weight
    dev = np.mean(study.trials.query("purpose == 'finalist' and parent == @study.best.number")["dev_score"])
    assert study.best.dev == pytest.approx(dev, abs=1e-15)
    assert_replays(study)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_network_without_a_gradient_is_one_line(jobs: int, tune: Tune) -> None:
    class Detached(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.layer = nn.Linear(hp.inputs, hp.outputs)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x).detach()

    with pytest.raises(UsageError, match=r"^trial 0: in training, no gradient leads from the network's outputs"):
        tune(network=Detached, space=RATE, trials=4, finalists=0, jobs=jobs)


def test_a_hook_that_writes_to_its_network_is_loaded(tune: Tune) -> None:
    class Looking(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(hp.inputs, 4), nn.Linear(4, hp.outputs)
            self.seen: Any = None
            self.first.register_forward_hook(lambda part, given, out: setattr(self, "seen", out))

        def forward(self, x: Tensor) -> Tensor:
            self.first(x)
            return self.last(torch.tanh(self.seen))

    study = tune(network=Looking, space=RATE, trials=1, finalists=0)
    loaded = ikura.load(study.run, network=Looking)
    data = load_bundled("iris")[0]
    np.testing.assert_array_equal(loaded.predict_proba(data), study.model.predict_proba(data))


def test_predictions_of_a_network_that_always_draws_are_repeated(tune: Tune) -> None:
    class Dropping(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.layer = nn.Linear(hp.inputs, hp.outputs)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(nn.functional.dropout(x, 0.5))

    model = tune(network=Dropping, space=RATE, trials=1, finalists=0).model
    data, before = load_bundled("iris")[0], torch.get_rng_state()
    np.testing.assert_array_equal(model.predict_proba(data), model.predict_proba(data))
    assert torch.equal(torch.get_rng_state(), before)


def test_batch_statistics_are_kept_with_the_best_weights(tune: Tune) -> None:
    def network(hp: Any) -> nn.Module:
        return nn.Sequential(nn.BatchNorm1d(hp.inputs), nn.Linear(hp.inputs, hp.outputs))

    study = tune(network=network, space=RATE, trials=4, epochs=6, finalists=1)
    norm = study.model.network[0]
    assert (norm.running_mean != 0).any()
    row = study.trials.loc[study.trials.query("purpose == 'finalist'")["dev_score"].idxmax()]
    # 90 training rows in mini-batches of 32 are three steps an epoch; kept are the statistics of the best epoch.
    assert norm.num_batches_tracked.item() % 3 == 0
    assert 0 < norm.num_batches_tracked.item() <= 3 * row["epochs"]


class Coded(nn.Module):
    """Takes the codes of embedded categories too."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.layer, self.table = nn.Linear(hp.inputs, hp.outputs), nn.Embedding(32, hp.outputs)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        out = self.layer(x)
        return out + self.table(codes.long()).sum(1) if codes.shape[1] else out


@pytest.mark.parametrize(
    ("network", "embedded"),
    [(linear, False), pytest.param(Coded, False, marks=pytest.mark.sweep), (Coded, True)],
)
def test_codes_are_given_to_networks_that_take_them(
    network: Any, embedded: bool, tune: Tune, mixed: pd.DataFrame
) -> None:
    frame = mixed if embedded else mixed.drop(columns="town")
    study = tune(frame, "kept", network=network, space=RATE)
    assert study.model.predict(frame).shape == (160,)
    assert ikura.load(study.run, network).predict_proba(frame).equals(study.model.predict_proba(frame))
    assert_replays(study, 0, 4)


def test_codes_that_a_network_does_not_take_are_one_line(tune: Tune, mixed: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="forward take \\(x, codes\\)") as caught:
        tune(mixed, "kept", network=linear, space=RATE)
    assert "\n" not in str(caught.value)


class Told(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize(("jobs", "where"), one_in(3, list(product([1, 2], ["the factory", "the forward"]))))
def test_hyperparameters_of_which_no_network_can_be_made_are_infeasible(jobs: int, where: str, tune: Tune) -> None:
    class Narrow(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("seven\nis too many")

    def network(hp: Any) -> nn.Module:
        if hp.width != 7:
            return linear(hp)
        if where == "the forward":
            return Narrow(hp.inputs, hp.outputs)
        raise ValueError("seven\nis too many")

    told = Told()
    space = {**RATE, "width": ikura.integer(1, 9)}
    study = tune(network=network, space=space, trials=24, jobs=jobs, progress=told, search="random", finalists=0)
    trials = study.trials
    assert trials.loc[trials["width"] == 7, "state"].unique().tolist() == ["infeasible"]
    assert "infeasible" not in trials.loc[trials["width"] != 7, "state"].tolist()
    assert study.infeasible == int((trials["width"] == 7).sum()) > 0
    [line] = [line for line in told.lines if "infeasible" in line][:1]
    assert "\n" not in line
    assert "ValueError: seven is too many" in line
    assert "'width': 7" in line
    assert line.startswith(f"trial {trials.loc[trials['width'] == 7, 'number'].min()}: ")


def test_a_factory_that_always_fails_is_one_line(tune: Tune) -> None:
    def network(hp: Any) -> nn.Module:
        raise ValueError("no\nnetwork")

    with pytest.raises(UsageError, match=r"the network factory failed with ValueError: no network.*'learning_rate'"):
        tune(network=network, space=RATE)


def test_a_factory_that_wants_what_the_space_lacks_is_told_what_there_is(tune: Tune) -> None:
    with pytest.raises(UsageError, match="no hyperparameter 'units'; there are learning_rate, inputs, shape, outputs"):
        tune(network=lambda hp: nn.Linear(hp.units, 3), space=RATE)


@pytest.mark.parametrize("returned", [None, 3, nn.Linear, lambda x: x])
def test_a_factory_that_returns_no_module(returned: Any, tune: Tune) -> None:
    with pytest.raises(UsageError, match=r"the network factory must return an nn\.Module, but returned") as caught:
        tune(network=lambda hp: returned)
    assert "\n" not in str(caught.value)


class Squeezed(nn.Module):
    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(hp.inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[:, 0]


class Pair(nn.Module):
    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.layer = linear(hp)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return self.layer(x), 1


@pytest.mark.parametrize("jobs", swept([1, 2], core=["1"]))
@pytest.mark.parametrize(
    ("data", "network", "line"),
    [
        ("iris", lambda hp: nn.Linear(hp.inputs, 1), r"must map \(2, 4\) to \(2, 3\).*but gives \(2, 1\)"),
        ("iris", lambda hp: nn.Linear(hp.inputs, 5), r"must map \(2, 4\) to \(2, 3\).*but gives \(2, 5\)"),
        ("breast_cancer", lambda hp: nn.Linear(hp.inputs, 3), r"must map \(2, 30\) to \(2, 1\).*but gives \(2, 3\)"),
        ("iris", Squeezed, r"must map \(2, 4\) to \(2, 3\).*but gives \(2,\)"),
        ("iris", lambda hp: nn.Linear(hp.inputs + 1, hp.outputs), r"fails on inputs of shape \(2, 4\)"),
        ("iris", Pair, r"returns a tuple; return a tensor of shape \(2, 3\), the outputs alone"),
    ],
)
def test_a_network_of_another_shape_is_one_line(data: str, network: Any, line: str, jobs: int, tune: Tune) -> None:
    with pytest.raises(UsageError, match=line) as caught:
        tune(data, network=network, space=RATE, jobs=jobs)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("trial 0: ")


def test_a_later_trial_of_another_shape_is_named(tune: Tune) -> None:
    space = {**RATE, "width": ikura.integer(3, 4)}
    with pytest.raises(UsageError) as caught:
        tune(network=lambda hp: nn.Linear(hp.inputs, hp.width), space=space, trials=12)
    assert "but gives (2, 4)" in str(caught.value)
    assert str(caught.value).startswith("trial ")


def test_a_network_without_parameters_is_one_line(tune: Tune) -> None:
    class Still(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :3]

    with pytest.raises(UsageError) as caught:
        tune(network=lambda hp: Still(), space=RATE)
    assert "\n" not in str(caught.value)
    assert "parameter" in str(caught.value)


def test_a_network_that_fails_in_training_only_is_one_line(tune: Tune) -> None:
    class Late(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.layer = linear(hp)

        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                raise RuntimeError("not\nin training")
            return self.layer(x)

    for jobs in (1, 2):
        with pytest.raises(UsageError, match=r"trial 0.*not in training") as caught:
            tune(network=Late, space=RATE, jobs=jobs)
        assert "\n" not in str(caught.value)


def test_a_network_that_vmap_cannot_run_is_trained_member_by_member(tune: Tune) -> None:
    class Recurrent(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.steps, self.out = nn.GRU(3, hp.units, batch_first=True), nn.Linear(hp.units, hp.outputs)

        def forward(self, x: Tensor) -> Tensor:
            # Turned and turned back, which the compiled kernel does not know.
            return self.out(self.steps(x)[0][:, -1]).flip(1).flip(1)

    x = np.random.default_rng(0).normal(size=(400, 5, 3))
    space = {"learning_rate": ikura.log(1e-2, 1e-1), "units": ikura.choice(4, 8), "optimizer": "adam"}
    told = Told()
    study = tune((x, x.sum((1, 2)) > 0), network=Recurrent, space=space, epochs=10, progress=told)
    assert study.test.value > 0.8
    assert "The trials train one after another: gru is faster so." in told.lines
    assert_replays(study, 0)


def test_lazy_modules_are_trained(tune: Tune) -> None:
    study = tune(network=lambda hp: nn.Sequential(nn.LazyLinear(hp.outputs)), space=RATE)
    assert study.model.predict(load_bundled("iris")[0]).shape == (150,)
    assert_replays(study, 0)


def test_buffers_are_saved_with_the_model(tune: Tune) -> None:
    class Picky(nn.Module):
        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.layer = nn.Linear(hp.inputs, hp.outputs)
            self.register_buffer("order", torch.arange(hp.inputs).flip(0))
            self.register_buffer("weight", torch.full((hp.outputs,), 2.0), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x[:, self.order]) * self.weight

    study = tune(network=Picky, space=RATE)
    frame = load_bundled("iris")[0]
    expected = study.model.predict_proba(frame)
    pd.testing.assert_frame_equal(ikura.load(study.run, Picky).predict_proba(frame), expected, check_exact=True)
    assert_replays(study, 0)


@pytest.mark.parametrize("name", ["epochs", "state", "number", "seconds", "dev_score"])
def test_a_hyperparameter_named_like_a_column_of_trials_is_refused(name: str, tune: Tune) -> None:
    with pytest.raises(UsageError) as caught:
        tune(network=linear, space={**RATE, name: ikura.choice(1, 2)})
    assert f"{name}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_seed_gives_the_same_study(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    def network(hp: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(hp.inputs, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, hp.outputs))

    # The size of tiles is measured on the machine; equal sizes must give equal bits, whatever trains at once.
    monkeypatch.setattr("ikura.api.run.measure_tile_size", lambda *_: 4)
    first = tune(network=network, space=RATE, jobs=1, trials=9)
    for jobs in (1, 2):
        assert_same(tune(network=network, space=RATE, jobs=jobs, trials=9), first)


def test_wide_networks_do_not_depend_on_the_number_of_jobs(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide enough for torch to share a product among threads, if it were let."""

    def network(hp: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(hp.inputs, 512), nn.ReLU(), nn.Linear(512, hp.outputs))

    monkeypatch.setattr("ikura.api.run.measure_tile_size", lambda *_: 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        options = {"network": network, "space": RATE, "trials": 4, "epochs": 1, "finalists": 0}
        alone = tune("digits", jobs=1, **options)
        assert_same(tune("digits", jobs=2, **options), alone)
        assert_replays(alone, 3)
    finally:
        torch.set_num_threads(threads)
