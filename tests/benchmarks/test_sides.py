"""The two sides of the race do the same work: networks, update rules, configurations, and how it is counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.cost import flops_of_epoch, flops_of_step, sample, steps, widths
from benchmarks.workload import WORKLOADS
from ikura.population.layout import Layout
from ikura.population.member import Member
from ikura.population.update_rules import RULES, coefficients

peer = pytest.importorskip("benchmarks.peer")


def configuration(**changed: object) -> dict[str, object]:
    return {
        "learning_rate": 0.03, "optimizer": "momentum", "momentum": 0.9, "activation": "tanh", "layers": 2, "units": 7,
        "batch_size": 16, "dropout": 0.0,
    } | changed  # fmt: skip


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("layers", [1, 3])
def test_peer_network_computes_what_ikuras_does(activation: str, layers: int) -> None:
    hp = configuration(activation=activation, layers=layers)
    ours = Layout(5, 3, (7,) * layers).module(Member(0, hp, 0)).float()
    theirs = peer.network(5, 3, hp)
    vector = torch.nn.utils.parameters_to_vector(ours.parameters())
    torch.nn.utils.vector_to_parameters(vector, theirs.parameters())
    x = torch.randn(11, 5)
    # The same operations in the same order on the same library: equal to the last bit.
    assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", ["momentum", "rmsprop", "adam"])
def test_peer_update_is_ikuras(name: str, fast: bool) -> None:
    hp = configuration(optimizer=name)
    net = peer.network(5, 3, hp).double()
    update = peer.optimiser(net, hp, fast)
    w = torch.nn.utils.parameters_to_vector(net.parameters()).detach().clone()
    rule = RULES[name]
    moments = [torch.zeros_like(w) for _ in range(rule.moments)]
    random = torch.Generator().manual_seed(0)
    for step in range(1, 6):
        g = torch.randn(w.shape, generator=random, dtype=torch.float64)
        place = 0
        for parameter in net.parameters():
            parameter.grad = g[place : place + parameter.numel()].reshape(parameter.shape).clone()
            place += parameter.numel()
        update.step()
        w, *moments = rule.update(w, g, *moments, coefficients(0.03, 0.9, 0.9, 0.999, 1e-8, step))
    got = torch.nn.utils.parameters_to_vector(net.parameters())
    # Five updates of a few operations each, every one within half a unit in the last place (1.1e-16) of values that
    # the division by a small root may magnify some hundredfold: well below 1e-12.
    torch.testing.assert_close(got, w, rtol=1e-12, atol=1e-12)


def test_products_are_counted_as_torch_counts_them() -> None:
    layers, rows, dev_rows = [6, 5, 4, 3], 8, 9
    net = peer.network(6, 3, configuration(units=5, layers=2))
    net[2] = torch.nn.Linear(5, 4)
    net[4] = torch.nn.Linear(4, 3)
    with FlopCounterMode(display=False) as counter:
        net(torch.randn(rows, 6)).sum().backward()
    assert flops_of_step(layers, rows) == counter.get_total_flops()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.randn(dev_rows, 6))
    assert flops_of_epoch(layers, rows, dev_rows) - flops_of_step(layers, rows) == counter.get_total_flops()


def test_sample_spans_the_costs() -> None:
    draws = WORKLOADS["small"].draws(40, 0)
    costs = [flops_of_step(widths(one, 61, 10), 1) for one in sample(draws, 4, 61, 10)]
    every = sorted(flops_of_step(widths(one, 61, 10), 1) for one in draws)
    assert costs == [every[5], every[15], every[25], every[35]]
    assert steps({"batch_size": 32}, 65) == 3


@pytest.mark.parametrize("name", ["tiny", "small", "medium"])
def test_peer_trains_what_ikura_draws(name: str) -> None:
    optuna = pytest.importorskip("optuna")
    workload = WORKLOADS[name]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for draw in workload.draws(20, 3):
        study.enqueue_trial(draw)
        assert workload.suggest(study.ask()) == draw


def test_peer_learns() -> None:
    random = np.random.default_rng(0)
    x = torch.from_numpy(random.standard_normal((200, 4)).astype(np.float32))
    y = (x[:, 0] > 0).long()
    parts = {"train_x": x[:150], "train_y": y[:150], "dev_x": x[150:], "dev_y": y[150:], "outputs": torch.tensor(2)}
    hp = configuration(activation="relu", optimizer="adam", learning_rate=0.01)
    found = peer.train(parts, hp, 30, 0, True)
    assert len(found["scores"]) == 30
    assert found["scores"][-1] > 0.9
    exploding = peer.train(parts, hp | {"optimizer": "momentum", "learning_rate": 1e9}, 30, 0, True)
    assert exploding["diverged"]
    assert len(exploding["scores"]) < 30
