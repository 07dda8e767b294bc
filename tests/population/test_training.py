"""The course of a tile: early stopping, the best epoch, the explosion limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikura.best_epoch import best_epochs
from ikura.nn import ACTIVATIONS
from ikura.population import training
from ikura.population._tile import Tile
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.population.training import EXPLODED, TrainingRun

ROWS = 4


class ScriptedTile(Tile):
    """A tile whose dev losses are written down beforehand, and whose weights are the number of the epoch.

    Args:
        script: dev loss of each member after each epoch, shape (epochs + 1, members), that of the start first.
        penalty: what the members' penalties are.
    """

    def __init__(self, script: np.ndarray, penalty: float = 0.0) -> None:
        count = script.shape[1]
        self.members, self.active = [Member(k, {}, 0) for k in range(count)], np.ones(count, bool)
        self.script, self.penalty, self.epoch = script, penalty, 0
        self.limits = np.full(count, np.nan)
        self.kept = np.full(count, -1)

    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        self.epoch = epoch + 1
        self.asked = epochs, None if shares is None else shares.tolist()
        return np.where(self.active, 100.0 + epoch, np.nan)

    def outputs(self, examples: Examples) -> np.ndarray:
        """Outputs whose squared error on targets of zero is the scripted loss."""
        out = np.sqrt(self.script[self.epoch])[:, None, None] * np.ones((1, ROWS, 1))
        out[~self.active] = np.nan
        return out

    def keep(self, places: Sequence[int]) -> None:
        self.kept[list(places)] = self.epoch

    def recall(self) -> None:
        self.epoch = int(self.kept[0])
        self.active[:] = True

    def best(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return self.kept[place : place + 1], {}

    def extract(self, place: int) -> dict[str, np.ndarray]:
        return {}

    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        pass

    def set_limits(self, limits: np.ndarray) -> None:
        self.limits = limits

    def penalties(self) -> np.ndarray:
        return np.full(len(self.members), self.penalty)

    def flat(self, place: int) -> np.ndarray:
        return np.array([float(self.epoch)])

    def distances(self, places: Sequence[int]) -> np.ndarray:
        return np.full(len(places), float(self.epoch))


def scripted(
    losses: Any, patience: int | None = None, start: float = 1.0, penalty: float = 0.0, epochs: int | None = None
) -> TrainingRun:
    """A course over members with these dev losses, shape (epochs, members) or (epochs,)."""
    table = np.asarray(losses, np.float64).reshape(len(losses), -1)
    tile = ScriptedTile(np.concatenate([np.full((1, table.shape[1]), start), table]), penalty)
    examples = Examples(np.zeros((ROWS, 1)), np.zeros((ROWS, 0), np.int32), np.zeros(ROWS))
    scorer = Scorer("regression", lambda p, y: -((p - y) ** 2).mean())
    training = TrainingRun(tile, examples, examples, scorer, patience)
    training.run(len(table) if epochs is None else epochs)
    return training


def stops_after(losses: Sequence[float], patience: int | None) -> int:
    """Epochs that a member trains: until none of the last `patience` epochs was better than all before."""
    for done in range(1, len(losses) + 1):
        best = losses[:done].index(min(losses[:done]))
        if patience is not None and done - 1 - best >= patience:
            return done
    return len(losses)


@given(
    st.lists(st.lists(st.integers(1, 9).map(float), min_size=3, max_size=3), min_size=1, max_size=20),
    st.none() | st.integers(1, 5),
)
def test_early_stopping(rows: list[list[float]], patience: int | None) -> None:
    training = scripted(rows, patience)
    for place in range(3):
        losses = [row[place] for row in rows]
        epochs = stops_after(losses, patience)
        best = losses[:epochs].index(min(losses[:epochs]))
        assert training.epochs[place] == epochs
        assert training.best_epoch[place] == best
        curve = training.curve(place)
        np.testing.assert_array_equal(curve[:, 0], 100.0 + np.arange(epochs))
        # √ and square: two roundings.
        np.testing.assert_allclose(curve[:, 1], losses[:epochs], rtol=2.0**-50)
        np.testing.assert_array_equal(curve[:, 2], -curve[:, 1])
        assert training.best_loss[place] == curve[best, 1]
        assert training.tile.best(place)[0] == best + 1
    assert not training.diverged.any()
    assert training.epoch == max(stops_after([row[place] for row in rows], patience) for place in range(3))


def test_windows_say_which_epochs_may_be_kept_and_when_a_member_ends() -> None:
    losses = [[1.0, 1.0, 1.0], [3, 3, 3], [2, 9, 2], [4, 9, 2], [0.5, 0.5, 0.5]]
    training = scripted(losses, patience=1, epochs=0)
    training.windows = [(2, 4), (3, 3), (5, 5)]
    training.run(5)
    assert training.epochs.tolist() == [4, 3, 5]
    assert training.best_epoch.tolist() == [2, 2, 4]
    assert training.best_loss.tolist() == pytest.approx([2, 9, 0.5])


def test_of_equal_losses_the_first_is_the_best() -> None:
    assert scripted([3, 2, 2, 2, 5], patience=3).best_epoch.tolist() == [1]


def test_a_loss_that_is_not_finite_is_a_divergence() -> None:
    training = scripted([[1, 1, 1], [2, np.nan, np.inf], [0.5, 1, 1]])
    assert training.diverged.tolist() == [False, True, True]
    assert training.epochs.tolist() == [3, 2, 2]
    assert training.best_epoch.tolist() == [2, 0, 0]
    assert np.isnan(training.curve(1)[-1, :2]).all()


def test_stopping_early_is_not_diverging() -> None:
    training = scripted([[1, 3], [2, 2], [2, 1], [2, 1]], patience=2)
    assert training.epochs.tolist() == [3, 4]
    assert not training.diverged.any()


@pytest.mark.parametrize(
    ("start", "penalty", "limit"),
    [(0.5, 0.0, 1.0), (2.0, 0.0, 2.0), (2.0, 5.0, 7.0), (1e300, 0.0, 1e300), (np.nan, 0.0, np.inf)],
)
def test_the_limit_is_a_multiple_of_the_cost_at_the_start(start: float, penalty: float, limit: float) -> None:
    tile = scripted([1.0], start=start, penalty=penalty).tile
    assert isinstance(tile, ScriptedTile)
    assert tile.limits[0] == pytest.approx(min(EXPLODED * limit, np.finfo(np.float64).max), rel=1e-12)


def test_a_course_goes_on_to_more_epochs() -> None:
    losses = np.array([3, 2, 1, 4, 0.5])
    whole, parts = scripted(losses), scripted(losses, epochs=0)
    for epochs in (2, 2, 1, 5):
        parts.run(epochs)
        assert parts.epoch == max(epochs, 2)
    np.testing.assert_array_equal(parts.curve(0), whole.curve(0))


@pytest.mark.parametrize("way", ["compiled", "stacked"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_recalled_weights_are_those_of_the_best_loss(setup: Callable[..., TrainingSetup], task: str, way: str) -> None:
    made = setup(task, (20,), rows=100, stacked=way == "stacked")
    members = [Member(n, {"learning_rate": r, "units": 20, "batch_size": 10}, 0) for n, r in enumerate((0.05, 0.2))]
    training = made.training(members)
    training.run(8)
    assert (training.best_epoch < 7).any()
    for place in range(2):
        assert training.best_loss[place] == training.curve(place)[:, 1].min()
        assert training.best_epoch[place] == training.curve(place)[:, 1].argmin()
        assert training.best_epoch[place] == best_epochs(training.curve(place)[:, 1])[-1]
    train_losses, _ = training.train_scores()
    losses, scores = made.scorer(training.tile.outputs(made.dev), made.dev.y, training.more)
    np.testing.assert_array_equal(losses, training.best_loss)
    np.testing.assert_array_equal(scores, [training.curve(k)[training.best_epoch[k], 2] for k in range(2)])
    again, _ = made.scorer(training.tile.outputs(made.train), made.train.y)
    np.testing.assert_array_equal(train_losses, again)


def test_patience_changes_nothing_before_it_stops(setup: Callable[..., TrainingSetup]) -> None:
    members = [Member(n, {"learning_rate": r, "units": 20, "batch_size": 10}, 0) for n, r in enumerate((0.01, 0.2))]
    patient, hasty = setup().training(members), setup().training(members, patience=2)
    patient.run(12)
    hasty.run(12)
    assert hasty.epochs.min() < 12
    for place in range(2):
        losses = patient.curve(place)[:, 1].tolist()
        assert hasty.epochs[place] == stops_after(losses, 2)
        np.testing.assert_array_equal(hasty.curve(place), patient.curve(place)[: hasty.epochs[place]])


@pytest.mark.parametrize("way", ["compiled", "stacked"])
def test_a_member_stops_in_the_epoch_in_which_its_cost_passes_the_limit(
    setup: Callable[..., TrainingSetup], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One update an epoch, so that the mean cost of an epoch is the cost that the limit looks at.
    steep = {"optimizer": "sgd", "layers": 0, "batch_size": 1000, "learning_rate": 1.0, "initialisation": "zeros"}
    made = setup("regression", stacked=way == "stacked")
    limited = made.training([Member(0, steep, 0)])
    limited.run(60)
    monkeypatch.setattr(training, "EXPLODED", 1e30)
    free = made.training([Member(0, steep, 0)])
    free.run(60)
    costs = free.curve(0)[:, 0]
    start = max(float(np.mean(made.dev.y**2)), 1.0)
    first = int(np.argmax(costs > EXPLODED * start))
    assert 0 < first < 59
    assert limited.diverged.all()
    assert limited.epochs.tolist() == [first + 1]
    np.testing.assert_array_equal(limited.curve(0)[:first], free.curve(0)[:first])


def test_train_scores_look_at_a_sample_that_does_not_depend_on_company(setup: Callable[..., TrainingSetup]) -> None:
    made = setup()
    members = [Member(n, {"units": 5, "learning_rate": rate}, 3) for n, rate in enumerate((0.01, 0.1))]
    together, alone = made.training(members), made.training(members[1:])
    for run in (together, alone):
        run.run(2)
    losses, scores = together.train_scores(rows=30)
    sample = made.train.sample(30, 3, "train scores")
    np.testing.assert_array_equal(losses, made.scorer(together.tile.outputs(sample), sample.y)[0])
    assert [one[1] for one in (losses, scores)] == [one[0] for one in alone.train_scores(rows=30)]


def test_a_judge_measures_regression_in_the_targets_own_units() -> None:
    seen: list[torch.Tensor] = []

    def metric(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.append(y)
        return (p - y).abs().mean()

    losses, scores = Scorer("regression", metric, 10.0, 2.0)(np.array([[[1.0], [2.0]]]), np.array([0.0, 0.5]))
    assert losses[0] == (1 + 1.5**2) / 2
    assert scores[0] == (2 + 3) / 2
    assert seen[0].tolist() == [10.0, 11.0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_weights_that_begin_at_zero_stay_symmetric(setup: Callable[..., TrainingSetup], name: str) -> None:
    made = setup("multiclass")
    member = Member(0, {"initialisation": "zeros", "units": 5, "layers": 1, "activation": name}, 0)
    training = made.training([member])
    training.run(3)
    net = made.trained(member, training.tile.extract(0)["weights"], {})
    hidden, last = net.get_parameter("layers.0.weight"), net.get_parameter("layers.1.weight")
    assert not torch.equal(net.get_parameter("layers.1.bias"), torch.zeros(3, dtype=torch.float64))
    # Every unit computes the same; a product may sum the last units of a row in another order, 1e-16 each.
    torch.testing.assert_close(hidden, hidden[:1].expand_as(hidden), rtol=1e-12, atol=0)
    torch.testing.assert_close(last, last[:, :1].expand_as(last), rtol=1e-12, atol=0)
    # Hidden units whose activation at zero is zero never let anything through.
    assert bool(last.any()) == bool(ACTIVATIONS[name](torch.zeros(1)))


def test_zero_weights_leave_a_bias_that_learns_the_share_of_the_classes(setup: Callable[..., TrainingSetup]) -> None:
    made = setup("binary")
    hyperparameters = {"initialisation": "zeros", "optimizer": "sgd", "learning_rate": 0.7, "batch_size": 1000}
    member = Member(0, hyperparameters | {"units": 5, "layers": 2, "activation": "relu"}, 0)
    training = made.training([member])
    training.run(6)
    bias, losses = 0.0, []
    share, dev_share = made.train.y.mean(), made.dev.y.mean()
    for _ in range(6):
        bias -= 0.7 * (1 / (1 + np.exp(-bias)) - share)
        losses.append(np.log1p(np.exp(bias)) - dev_share * bias)
    weights = training.tile.extract(0)["weights"]
    assert not weights[:-1].any()
    # Sums of 120 errors: 120 roundings of 2**-53, some of them cancelled, six times over.
    assert weights[-1] == pytest.approx(bias, rel=1e-12)
    np.testing.assert_allclose(training.curve(0)[:, 1], losses, rtol=1e-12)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations([0, 1, 2, 3]))
def test_places_do_not_matter(setup: Callable[..., TrainingSetup], order: list[int]) -> None:
    rows = [
        Member(n, {"units": 3 + n, "optimizer": o}, 0) for n, o in enumerate(("sgd", "momentum", "rmsprop", "adam"))
    ]
    made = setup()
    straight, mixed = made.training(rows), made.training([rows[n] for n in order])
    straight.run(2)
    mixed.run(2)
    for place, n in enumerate(order):
        np.testing.assert_array_equal(mixed.curve(place), straight.curve(n))
