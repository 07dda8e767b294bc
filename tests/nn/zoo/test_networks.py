"""One table for all networks: a new row inherits every test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ikura.data.encoder.make import fit_encoder
from ikura.errors import UsageError
from ikura.nn.zoo import NETWORKS, READS, network
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.study.record.load_model import load_model
from ikura.study.record.model import Model

from ...sweep import swept

torch.set_num_threads(1)


def norm(*channels: int) -> int:
    """Parameters of normalisers: a scale and a shift for each channel."""
    return sum(2 * c for c in channels)


def residual(blocks: int, first: int, widths: tuple[int, int, int], outputs: int) -> int:
    """3 × 3 convolutions, two a block, all normalised; a normalised 1 × 1 convolution where the width changes."""
    a, b, c = widths
    total = 9 * 3 * first + norm(first)
    total += 2 * blocks * (9 * a * a + norm(a))
    total += 9 * a * b + (2 * blocks - 1) * 9 * b * b + 2 * blocks * norm(b) + a * b + norm(b)
    total += 9 * b * c + (2 * blocks - 1) * 9 * c * c + 2 * blocks * norm(c) + b * c + norm(c)
    return total + c * outputs + outputs


@dataclass(frozen=True)
class Row:
    """A network: the shape of its examples, its outputs and parameters; a shape small enough for the other tests."""

    shape: tuple[int, int, int]
    outputs: int
    parameters: int
    small: tuple[int, int, int]
    rows: int = 24
    hyperparameters: dict[str, Any] = field(default_factory=dict)


TABLE: dict[str, Row] = {
    "cnn": Row(
        (1, 28, 28), 10,
        (1 * 16 * 9 + 16) + (16 * 32 * 9 + 32) + (32 * 7 * 7 * 64 + 64) + (64 * 10 + 10),
        (2, 9, 8), hyperparameters={"channels": 3, "units": 5},
    ),
    "f1": Row(
        (1, 28, 28), 10, (784 * 512 + 512) + 4 * (512 * 512 + 512) + 5 * norm(512) + (512 * 10 + 10), (1, 3, 3)
    ),
    "c1": Row(
        (3, 32, 32), 10,
        3 * 64 * 25 + 64 * 64 * 25 + norm(64, 64) + 64 * 7 * 7 * 384 + 384 * 192 + norm(384, 192) + 192 * 10 + 10,
        (1, 8, 8),
    ),
    "c3": Row(
        (3, 32, 32), 100,
        3 * 64 * 25 + 64 * 64 * 25 + norm(64, 64) + 64 * 7 * 7 * 384 + 384 * 192 + norm(384, 192) + 192 * 100 + 100,
        (1, 8, 8),
    ),
    "vgg16": Row(
        (3, 32, 32), 10,
        9 * (3 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 2 * 256 * 256 + 256 * 512 + 5 * 512 * 512)
        + norm(64, 64, 128, 128, 256, 256, 256, *[512] * 6) + 512 * 10 + 10,
        (1, 4, 4), rows=8,
    ),
    "resnet20": Row((3, 32, 32), 10, residual(3, 16, (16, 32, 64), 10), (1, 8, 8)),
    "resnet32": Row((3, 32, 32), 10, residual(5, 16, (16, 32, 64), 10), (1, 4, 4), rows=8),
    "resnet44": Row((3, 32, 32), 10, residual(7, 16, (16, 32, 64), 10), (1, 4, 4), rows=8),
    "resnet56": Row((3, 32, 32), 10, residual(9, 16, (16, 32, 64), 10), (1, 4, 4), rows=8),
    "wrn16-4": Row((3, 32, 32), 100, residual(2, 64, (64, 128, 256), 100), (1, 4, 4), rows=8),
    "alexnet": Row(
        (3, 224, 224), 1000,
        3 * 64 * 121 + 64 * 192 * 25 + 9 * (192 * 384 + 384 * 256 + 256 * 256) + norm(64, 192, 384, 256, 256)
        + 256 * 6 * 6 * 4096 + 4096 * 4096 + norm(4096, 4096) + 4096 * 1000 + 1000,
        (1, 63, 63), rows=8,
    ),
}  # fmt: skip
HEAVY = ("vgg16", "resnet56", "alexnet")
LIGHT = [name for name in TABLE if name not in HEAVY]
EPOCHS = 2


def make(name: str, row: Row, shape: tuple[int, int, int] | None = None, outputs: int = 3, **more: Any) -> nn.Module:
    """The network, keyed."""
    torch.manual_seed(3)
    shape = shape or row.small
    return network(name)(
        {"shape": shape, "inputs": int(np.prod(shape)), "outputs": outputs, **row.hyperparameters, **more}
    )


def examples(shape: tuple[int, ...], rows: int, seed: int, dtype: str = "float64") -> Examples:
    """Noise, brighter for some classes than for others."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, rows)
    x = rng.normal(size=(rows, *shape)) + 0.5 * y[:, None, None, None]
    return Examples(x.astype(dtype), np.zeros((rows, 0), np.int32), y.astype(dtype))


def likelihood(p: Tensor, y: Tensor) -> Tensor:
    """Mean probability of the right class: smooth, unlike accuracy."""
    return p.gather(-1, y[:, None]).mean()


@pytest.fixture
def setup() -> Callable[..., TrainingSetup]:
    """Factory of workshops for a row of the table."""

    def build(name: str, **more: Any) -> TrainingSetup:
        row = TABLE[name]
        train, dev = examples(row.small, row.rows, 1), examples(row.small, 8, 2)
        return TrainingSetup(
            train, dev, Scorer("multiclass", likelihood), 3, network=network(name), dtype="float64", **more
        )

    return build


def company(name: str, count: int = 3) -> list[Member]:
    """Members that differ in learning rate and update rule."""
    rates, rules = (0.01, 0.001, 0.02), ("momentum", "sgd", "momentum")
    size = TABLE[name].rows // 2
    return [
        Member(
            k, {**TABLE[name].hyperparameters, "learning_rate": rates[k], "optimizer": rules[k], "batch_size": size}, 5
        )
        for k in range(count)
    ]


def test_every_network_has_a_row() -> None:
    assert list(TABLE) == list(NETWORKS) == list(READS)


class Read(dict[str, Any]):
    """Hyperparameters that note which of them were asked for."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else self.names.add(name) or default


@pytest.mark.parametrize("name", [name for name in TABLE if name != "cnn"])
def test_it_reads_what_is_searched_with_it_and_nothing_else(name: str) -> None:
    row = TABLE[name]
    hp = Read(shape=row.small, inputs=int(np.prod(row.small)), outputs=2)
    network(name)(hp)
    assert hp.names - {"shape", "inputs", "outputs"} == set(READS[name])


@pytest.mark.parametrize("name", TABLE)
def test_parameters_are_those_of_the_arithmetic(name: str) -> None:
    row = TABLE[name]
    with torch.device("meta") if name.startswith(("f1", "vgg", "res", "wrn")) else torch.device("cpu"):
        net = network(name)({"shape": row.shape, "inputs": int(np.prod(row.shape)), "outputs": row.outputs})
    assert sum(p.numel() for p in net.parameters()) == row.parameters


@pytest.mark.parametrize("name", TABLE)
def test_one_output_for_each_class(name: str) -> None:
    row = TABLE[name]
    net = make(name, row, outputs=7).eval()
    out = net(torch.zeros(2, *row.small))
    assert out.shape == (2, 7)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("name", TABLE)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    row = TABLE[name]
    net = make(name, row, dropout=0.0).double().train()
    data = examples(row.small, 6, 0)
    x, y = torch.from_numpy(data.x), torch.from_numpy(data.y).long()
    parameters = list(net.parameters())

    def cost() -> Tensor:
        return functional.cross_entropy(net(x), y)

    gradients = torch.autograd.grad(cost(), parameters)
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(parameters), generator=generator)[:4].tolist()
    step = 1e-6
    for place in {0, len(parameters) - 1, *chosen}:
        direction = torch.randn(parameters[place].shape, generator=generator, dtype=torch.float64)
        direction /= direction.norm()
        slopes = []
        with torch.no_grad():
            for sign in (1, -1):
                parameters[place].add_(direction, alpha=sign * step)
                slopes.append(cost())
                parameters[place].sub_(direction, alpha=sign * step)
        found = ((slopes[0] - slopes[1]) / (2 * step)).item()
        # Rounding 1e-16 · cost / step = 1e-10; curvature and the odd kink of a ReLU within 1e-6: some 1e-6 of the
        # slope, more where statistics of 6 examples are normalised, layer behind layer.
        assert found == pytest.approx((gradients[place] * direction).sum().item(), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize("name", swept(LIGHT, core=["cnn", "f1"]))
def test_a_member_alone_is_the_same_in_a_population(
    name: str, device: str, setup: Callable[..., TrainingSetup]
) -> None:
    made = setup(name, device=device)
    members = company(name)
    together = made.training(members)
    together.run(EPOCHS)
    for place, member in enumerate(members):
        alone = made.training([member])
        alone.run(EPOCHS)
        # One member after another: the same operations on the same numbers.
        np.testing.assert_array_equal(together.curve(place), alone.curve(0))


@pytest.mark.parametrize("name", LIGHT)
def test_a_population_trains_as_an_ordinary_loop(name: str, setup: Callable[..., TrainingSetup]) -> None:
    made = setup(name)
    if name in ("c1", "c3"):
        made = replace(made, network=lambda hp: network(name)({**hp, "dropout": 0.0}))
    member = company(name)[0]
    training = made.training([replace(member, hyperparameters={**member.hyperparameters, "dropout": 0.0})])
    training.run(1)
    net = made.module(replace(member, hyperparameters={**member.hyperparameters, "dropout": 0.0})).double().train()
    rule = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    data, size, total = made.train.ordered(5, 0), member.values.batch_size, 0.0
    for begin in range(0, len(data), size):
        x, y = torch.from_numpy(data.x[begin : begin + size]), torch.from_numpy(data.y[begin : begin + size]).long()
        cost = functional.cross_entropy(net(x), y)
        rule.zero_grad()
        cost.backward()
        rule.step()
        total += cost.item() * len(y)
    with torch.no_grad():
        z, y = net.eval()(torch.from_numpy(made.dev.x)), torch.from_numpy(made.dev.y).long()
        dev = functional.cross_entropy(z, y, label_smoothing=1 / (len(y) + 1))
    # float64: 1e-16 an operation, over two steps. The networks are deep and normalise few examples; moving averages of
    # two steps magnify what comes out of them in evaluation.
    np.testing.assert_allclose(training.curve(0)[0, 0], total / len(data), rtol=1e-9)
    np.testing.assert_allclose(training.curve(0)[0, 1], dev.item(), rtol=1e-6)


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize("name", swept(["cnn", "f1", "resnet20"], core=["cnn"]))
def test_a_member_that_diverges_changes_nobody(name: str, device: str, setup: Callable[..., TrainingSetup]) -> None:
    made = setup(name, device=device)
    members = company(name)
    calm = made.training(members)
    calm.run(EPOCHS)
    wild = Member(1, {**members[1].hyperparameters, "learning_rate": 1e30}, 5)
    training = made.training([members[0], wild, members[2]])
    training.run(EPOCHS)
    assert training.diverged.tolist() == [False, True, False]
    for place in (0, 2):
        np.testing.assert_array_equal(training.curve(place), calm.curve(place))


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize("name", swept(["cnn", "f1", "resnet20"], core=["f1"]))
def test_a_state_goes_on_where_it_was_taken(name: str, device: str, setup: Callable[..., TrainingSetup]) -> None:
    made = setup(name, device=device)
    members = company(name)
    whole = made.training(members)
    whole.run(2 * EPOCHS)
    begun = made.training(members)
    begun.run(EPOCHS)
    other = made.training([members[1]])
    other.insert(0, begun.extract(1))
    other.run(2 * EPOCHS)
    np.testing.assert_array_equal(other.curve(0), whole.curve(1))
    np.testing.assert_array_equal(other.tile.best(0)[0], whole.tile.best(1)[0])


@pytest.mark.parametrize("name", swept(LIGHT, core=["cnn", "f1"]))
def test_the_best_network_can_be_rebuilt(name: str, setup: Callable[..., TrainingSetup]) -> None:
    made = setup(name)
    training = made.training(company(name))
    training.run(EPOCHS)
    training.tile.recall()
    outputs = training.tile.outputs(made.dev)
    for place, member in enumerate(company(name)):
        with torch.no_grad():
            rebuilt = made.trained(member, *training.tile.best(place))(torch.from_numpy(made.dev.x))
        # Another order of summing some thousand products in float64.
        np.testing.assert_allclose(outputs[place], rebuilt.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", swept(LIGHT, core=["cnn", "f1"]))
def test_a_saved_model_predicts_the_same(name: str, tmp_path: Any) -> None:

    row = TABLE[name]
    x = examples(row.small, 9, 0, "float32").x
    hyperparameters = {**row.hyperparameters, "shape": list(row.small), "inputs": int(np.prod(row.small)), "outputs": 3}
    description = {
        "task": "multiclass", "target": "y", "classes": ["a", "b", "c"], "target_mean": 0.0, "target_std": 1.0,
        "network": name, "hyperparameters": hyperparameters,
    }  # fmt: skip
    model = Model(network(name)(hyperparameters), fit_encoder(x), description)
    loaded = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict_proba(x), model.predict_proba(x))


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UsageError, match="unknown network 'vgg-16', did you mean 'vgg16'"):
        network("vgg-16")


@pytest.mark.parametrize("name", [name for name in TABLE if name != "f1"])
def test_a_network_of_images_refuses_rows_of_a_table(name: str) -> None:
    with pytest.raises(UsageError, match=r"takes images of shape \(channels, height, width\)"):
        network(name)({"shape": (4,), "inputs": 4, "outputs": 3})


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 63 × 63 pixels"):
        network("alexnet")({"shape": (3, 32, 32), "inputs": 3072, "outputs": 3})


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"kernel_size": 4}, "kernel_size must be odd"),
        ({"normalisation": "bach"}, "unknown normalisation 'bach' of the network 'cnn', did you mean 'batch'"),
        ({"activation": "rely"}, "did you mean 'relu'"),
        ({"initialisation": "hee"}, "did you mean 'he'"),
    ],
)
def test_the_small_network_refuses_what_it_cannot_be(hyperparameters: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        network("cnn")({"shape": (1, 8, 8), "outputs": 3, **hyperparameters})
