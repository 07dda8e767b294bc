"""A member whose values change between two epochs goes on as an ordinary loop does; its neighbours go on as before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ikura.nn import Dropout
from ikura.nn.noise import Draws, drawing, key, permutation
from ikura.population.changes import Change
from ikura.population.compiled import CompiledTile
from ikura.population.in_turn import InTurnTile
from ikura.population.job import Job, StoppedError, TileProgress, train
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.packing import fault_of_change
from ikura.population.program.tile import ProgramTile
from ikura.population.setup import TrainingSetup
from ikura.population.stacked import StackedTile

from .plain_schedule import Following, by_time
from .reference import Net, bound, mean_loss, tensors

Make = Callable[..., TrainingSetup]
EPOCHS, AT = 4, 2

# Sums of 120 products and 20 updates, each within 1e-16 of its value, which small roots may magnify a thousandfold.
RELATIVE = 1e-9

BASE = {"learning_rate": 0.02, "optimizer": "momentum", "units": 7, "batch_size": 32, "schedule_shape": "constant"}
ADAM = BASE | {"optimizer": "adam"}
CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (BASE, {"learning_rate": 0.005}),
    (BASE, {"momentum": 0.5}),
    (BASE, {"l2": 0.05}),
    (BASE, {"weight_decay": 0.5}),
    (BASE, {"clip_norm": 0.05}),
    (BASE, {"clip_value": 0.01}),
    (BASE, {"max_norm": 0.5}),
    (BASE, {"label_smoothing": 0.2}),
    (BASE | {"dropout": 0.1}, {"dropout": 0.4}),
    (BASE, {"batch_size": 20}),
    (BASE | {"schedule_shape": "inverse_time", "learning_rate_decay": 0.1}, {"learning_rate_decay": 0.5}),
    (BASE | {"l2": 0.05, "clip_norm": 0.05}, {"l2": 0.0, "clip_norm": 0.0, "learning_rate": 0.05}),
    (ADAM, {"learning_rate": 0.005}),
    (ADAM, {"beta1": 0.5, "beta2": 0.9}),
    (ADAM, {"epsilon": 1e-3}),
    (BASE, {"ema_decay": 0.9}),
    (ADAM | {"ema_decay": 0.8}, {"ema_decay": 0.5, "learning_rate": 0.005}),
    (BASE | {"ema_decay": 0.8}, {"ema_decay": 0.0}),
]


def network(hp: Any) -> nn.Module:
    """A network of the caller's own."""
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


class WithCodes(nn.Module):
    """A network that is called as the loop calls networks."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Raw outputs; the codes are not used."""
        out: Tensor = self.net(x)
        return out


def loop(
    made: TrainingSetup,
    began: dict[str, Any],
    changed: dict[str, Any],
    net: nn.Module,
    epochs: int = EPOCHS,
    at: int = AT,
) -> np.ndarray:
    """The weights that an ordinary loop ends with, in which values change after some epochs; averaged ones behind."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    every, rule, rows, following = list(net.parameters()), None, len(made.train), Following()
    start, dev, averaged = flat(every), tensors(made.dev), None
    for epoch in range(epochs):
        v = Member(0, began | (changed if epoch >= at else {}), 7).values
        if v.ema_decay == 0:
            averaged = None
        elif averaged is None:
            averaged = AveragedModel(net)
            if epoch > 0:
                averaged.update_parameters(net)
        if averaged is not None:
            averaged.multi_avg_fn = get_ema_multi_avg_fn(v.ema_decay)
        left, steps = following.before_epoch(v), -(-rows // v.batch_size)
        if rule is None:
            adam = v.optimizer == "adam"
            rule = torch.optim.Adam(every) if adam else torch.optim.SGD(every, momentum=0.5)
        settings = {"betas": (v.beta1, v.beta2), "eps": v.epsilon} if adam else {"momentum": v.momentum}
        for module in net.modules():
            if isinstance(module, Dropout):
                module.rate.fill_(v.dropout)
        x, codes, y = tensors(made.train, permutation(7, epoch, rows))
        for step, begin in enumerate(range(0, rows, v.batch_size)):
            rate = v.learning_rate * left * by_time(v, epoch, step, steps, epochs)
            rule.param_groups[0].update({"lr": rate} | settings)
            part = slice(begin, begin + v.batch_size)
            with drawing(Draws(key(7, "noise", epoch), begin)):
                z = net(x[part], codes[part])
            cost = mean_loss(made.task, z, y[part], v.label_smoothing)
            rule.zero_grad()
            (cost + v.l2 / 2 * sum((p**2).sum() for p in weights)).backward()
            if v.clip_value:
                nn.utils.clip_grad_value_(every, v.clip_value)
            if v.clip_norm:
                nn.utils.clip_grad_norm_(every, v.clip_norm)
            with torch.no_grad():
                for p in weights:
                    p *= 1 - rate * v.weight_decay
            rule.step()
            if v.max_norm:
                bound(weights, v.max_norm)
            if averaged is not None:
                averaged.update_parameters(net)
        shown = (net if averaged is None else averaged).eval()
        with torch.no_grad():
            # A dev loss counts one example more, which might be of any class.
            loss = float(mean_loss(made.task, shown(dev[0], dev[1]), dev[2], 1 / (len(made.dev) + 1)))
        net.train()
        following.after_epoch(v, loss, float(np.linalg.norm(flat(every) - start)))
    return flat(every) if averaged is None else np.concatenate([flat(every), flat(list(averaged.parameters()))])


def flat(parameters: list[nn.Parameter]) -> np.ndarray:
    """All numbers of some parameters, one after another."""
    found: np.ndarray = nn.utils.parameters_to_vector(parameters).detach().numpy().copy()
    return found


def trained(made: TrainingSetup, members: Sequence[Member], changes: Sequence[Change], **more: Any) -> list[Outcome]:
    return train(made, Job(0, tuple(members), EPOCHS, changes=tuple(changes), keep_states=True, **more))


def company(began: dict[str, Any], count: int = 3) -> list[Member]:
    """Members of which the second is changed."""
    return [Member(n, began | {"learning_rate": 0.01 * (n + 1)}, 7) for n in range(count)]


def check(
    made: TrainingSetup, kind: type, count: int, began: dict[str, Any], changed: dict[str, Any], net: Any
) -> None:
    members = company(began, count)
    assert type(made.tile(members)) is kind
    calm = trained(made, members, [])
    found = trained(made, members, [Change(1, AT, changed)])
    expected = loop(made, dict(members[1].hyperparameters), changed, net(members[1]))
    state = found[1].going_on
    assert state is not None
    ended_with = np.concatenate([state["tile.weights"], state.get("tile.average", np.empty(0))])
    np.testing.assert_allclose(ended_with, expected, rtol=RELATIVE, atol=1e-12)
    assert (found[1].curve[:AT] == calm[1].curve[:AT]).all()
    assert (found[1].curve[AT:] != calm[1].curve[AT:]).any()
    for place in [0, *range(2, count)]:
        np.testing.assert_array_equal(found[place].curve, calm[place].curve)
        for name, array in (calm[place].going_on or {}).items():
            if name != "seconds":
                np.testing.assert_array_equal((found[place].going_on or {})[name], array)


@pytest.mark.parametrize(("began", "changed"), CASES, ids=str)
def test_the_compiled_tile(setup: Make, began: dict[str, Any], changed: dict[str, Any]) -> None:
    made = setup("multiclass")
    check(made, CompiledTile, 3, began, changed, lambda member: Net(member, 6, 3, ()))


IN_COMPANY = [(began, changed) for began, changed in CASES if not {"batch_size", "label_smoothing"} & {*changed}]
"""What stacked members can be given one by one."""
OWN = [(began, changed) for began, changed in CASES if "dropout" not in changed]


@pytest.mark.parametrize(("began", "changed"), IN_COMPANY, ids=str)
def test_the_stacked_tile_of_built_in_networks(setup: Make, began: dict[str, Any], changed: dict[str, Any]) -> None:
    made = setup("multiclass", stacked=True)
    check(made, StackedTile, 3, began, changed, lambda member: Net(member, 6, 3, ()))


@pytest.mark.parametrize("kind", [InTurnTile, StackedTile])
@pytest.mark.parametrize(("began", "changed"), [one for one in OWN if one in IN_COMPANY], ids=str)
def test_the_tiles_of_ones_own_networks(
    setup: Make, began: dict[str, Any], changed: dict[str, Any], kind: type
) -> None:
    made = setup("multiclass", network=network)
    count = 8 if kind is StackedTile else 3
    check(made, kind, count, began, changed, lambda member: WithCodes(made.module(member).double()))


@pytest.mark.parametrize(("began", "changed"), OWN, ids=str)
def test_the_tile_of_programs(setup: Make, began: dict[str, Any], changed: dict[str, Any]) -> None:
    made = setup("multiclass", network=network, programs=True)
    check(made, ProgramTile, 3, began, changed, lambda member: WithCodes(made.module(member).double()))


NOISES = [{"gradient_noise": 0.5}, {"label_noise": 0.3}, {"dropconnect": 0.3}, {"l1": 0.01}, {"dropout_input": 0.2}]


@pytest.mark.parametrize("changed", NOISES, ids=str)
def test_compiled_and_stacked_agree_on_what_is_changed(setup: Make, changed: dict[str, Any]) -> None:
    found = [
        trained(setup("multiclass", stacked=way), company(BASE, 2)[1:], [Change(1, AT, changed)])
        for way in (False, True)
    ]
    np.testing.assert_allclose(found[0][0].curve, found[1][0].curve, rtol=RELATIVE)
    calm = trained(setup("multiclass"), company(BASE, 2)[1:], [])
    assert (calm[0].curve[AT:] != found[0][0].curve[AT:]).all()


def test_what_a_stacked_tile_shares_is_refused(setup: Make) -> None:
    made, members = setup("multiclass", network=network), company(BASE, 3)

    def fault(**values: Any) -> str:
        after = [Member(one.number, {**one.hyperparameters, **values}, 7) if one.number else one for one in members]
        return fault_of_change(made, members, after)

    assert "its tile shares mini-batches" in fault(batch_size=20)
    assert "label_smoothing begins for all trials of a tile at once" in fault(label_smoothing=0.1)
    assert fault(l2=0.1) == ""
    assert fault_of_change(made, members[:1], [Member(0, BASE | {"batch_size": 20, "dropconnect": 0.5}, 7)]) == ""


def test_a_change_that_makes_another_network_is_refused(setup: Make) -> None:
    def deep(hp: Any) -> nn.Module:
        return nn.Sequential(*[nn.Linear(6, 6) for _ in range(int(hp.warm_up))], nn.Linear(6, 3))

    made = setup("multiclass", network=deep)
    before, after = ([Member(0, BASE | {"warm_up": depth}, 7)] for depth in (1.0, 2.0))
    assert "is another one" in fault_of_change(made, before, after)


class Asked:
    """A listener to whom one thing is asked at a certain epoch."""

    def __init__(self, change: Change) -> None:
        self.change, self.heard = change, list[int]()

    def __call__(self, trials: Any, epoch: int, fault: Any) -> list[Change]:
        self.heard.append(epoch)
        return [self.change] if epoch == self.change.epoch and not fault(self.change) else []

    due = False

    def show(self, curves: Any, values: Any, since: int) -> None:
        raise AssertionError

    def over(self) -> bool:
        """The training goes on."""
        return False

    def held(self) -> bool:
        """Nobody waits."""
        return False

    def pending(self, trials: Any) -> bool:
        raise AssertionError

    def next_epoch_of(self, trials: Any, epoch: int) -> None:
        raise AssertionError


@pytest.mark.parametrize("stacked", [False, True])
def test_what_is_asked_on_the_way_is_what_is_on_record_from_the_beginning(setup: Make, stacked: bool) -> None:
    made, change = setup("multiclass", stacked=stacked), Change(1, AT, {"learning_rate": 0.1, "l2": 0.01})
    recorded = trained(made, company(BASE), [change])
    asked = Asked(change)
    heard = trained(made, company(BASE), [], listener=asked)
    assert asked.heard == [0, 1, 2, 3]
    for one, other in zip(recorded, heard, strict=True):
        np.testing.assert_array_equal(one.curve, other.curve)


@pytest.mark.parametrize("stacked", [False, True])
def test_a_stop_ends_a_member_alone(setup: Make, stacked: bool) -> None:
    made = setup("multiclass", stacked=stacked)
    calm, found = (trained(made, company(BASE), changes) for changes in ([], [Change(1, AT, stops=True)]))
    assert [len(one.curve) for one in found] == [EPOCHS, AT, EPOCHS]
    assert found[1].state == "complete"
    np.testing.assert_array_equal(found[1].curve, calm[1].curve[:AT])
    for place in (0, 2):
        np.testing.assert_array_equal(found[place].curve, calm[place].curve)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("left", range(1, EPOCHS))
@pytest.mark.parametrize("more", [{}, {"ema_decay": 0.9}])
def test_a_tile_goes_on_from_a_snapshot_before_and_after_a_change(
    setup: Make, tmp_path: Path, stacked: bool, left: int, more: dict[str, Any]
) -> None:
    made = setup("multiclass", stacked=stacked)
    changes = [Change(1, AT, {"learning_rate": 0.1, "dropout": 0.2} | more)]
    whole = trained(made, company(BASE), changes)
    asked = iter([False] * (left - 1))

    def stopping() -> bool:
        return next(asked, True)

    job = Job(0, tuple(company(BASE)), EPOCHS, snapshot=tmp_path / "tile", changes=tuple(changes), keep_states=True)
    with pytest.raises(StoppedError):
        train(made, job, _nobody, stopping)
    heard: list[TileProgress] = []
    again = train(made, job, heard.append)
    assert heard[0].epochs == left * len(whole)
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one.curve, other.curve)
        for name, array in (one.going_on or {}).items():
            if name != "seconds":
                np.testing.assert_array_equal((other.going_on or {})[name], array)


def _nobody(told: TileProgress) -> None:
    """Nobody is told."""
