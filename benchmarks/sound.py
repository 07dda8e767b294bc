"""Sound cases: data, networks and settings in which no check should find anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits, make_classification, make_friedman1, make_moons
from torch import Tensor, nn

from benchmarks.faults import Wired, plain

__all__ = ["SOUND", "Sound"]


@dataclass(frozen=True)
class Sound:
    """A sound case.

    Attributes:
        name: data, network and seed.
        make: arguments of `ikura.check`.
    """

    name: str
    make: Callable[[], dict[str, Any]]


def classes() -> tuple[np.ndarray, np.ndarray]:
    return make_classification(400, 12, n_informative=6, n_classes=3, class_sep=1.0, random_state=3)


def moons() -> tuple[np.ndarray, np.ndarray]:
    return make_moons(400, noise=0.2, random_state=4)


def curve() -> tuple[np.ndarray, np.ndarray]:
    return make_friedman1(400, 8, noise=1.0, random_state=5)


def images() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_digits(return_X_y=True)
    return x.reshape(-1, 1, 8, 8).astype(np.float32)[:900], y[:900]


def sequences() -> tuple[np.ndarray, np.ndarray]:
    """Which half of a noisy sequence is higher."""
    random = np.random.default_rng(6)
    x = random.normal(size=(500, 8, 3)).astype(np.float32)
    return x, (x[:, 4:].mean((1, 2)) > x[:, :4].mean((1, 2))).astype(np.int64)


def sums() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    x = random.normal(size=(500, 6, 2)).astype(np.float32)
    return x, (x[:, :, 0].sum(1) + 0.2 * random.normal(size=500)).astype(np.float32)


DATA: dict[str, Any] = {name: name for name in ("digits", "iris", "wine", "breast_cancer", "diabetes")} | {
    "classes": classes,
    "moons": moons,
    "curve": curve,
}

BUILT_IN: dict[str, dict[str, Any]] = {
    "default": {},
    "sgd": {"optimizer": "sgd", "learning_rate": 0.05, "layers": 1},
    "momentum, l2": {"optimizer": "momentum", "learning_rate": 0.01, "l2": 1e-3, "batch_size": 16},
    "tanh, dropout": {"activation": "tanh", "dropout": 0.3, "initialisation": "xavier", "learning_rate": 0.003},
    "batch norm": {"normalisation": "batch", "layers": 3, "units": 48},
    "layer norm, gelu": {"normalisation": "layer", "activation": "gelu", "weight_decay": 0.01, "optimizer": "adamw"},
    "ghost norm, clipped": {"normalisation": "ghost", "ghost_size": 16, "batch_size": 64, "clip_norm": 5.0},
    "sigmoid": {"activation": "sigmoid", "layers": 1, "units": 32, "initialisation": "xavier", "learning_rate": 0.02},
}


def torch_mlp(hp: Any) -> nn.Module:
    return plain(hp.inputs, 32, 32, hp.outputs)


def torch_batch_norm(hp: Any) -> nn.Module:
    return nn.Sequential(
        nn.Linear(hp.inputs, 32, bias=False),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(32, 32, bias=False),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, hp.outputs),
    )


def residual(hp: Any) -> nn.Module:
    def forward(net: Any, x: Tensor) -> Tensor:
        h = net.into(x).relu()
        h = h + net.first(h).relu()
        h = h + net.second(h).relu()
        return net.out(h)

    layers = {"into": (hp.inputs, 24), "first": (24, 24), "second": (24, 24), "out": (24, hp.outputs)}
    return Wired(forward, **{name: nn.Linear(*sizes) for name, sizes in layers.items()})


def convolutional(hp: Any) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, hp.outputs),
    )


def convolutional_batch_norm(hp: Any) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(64, hp.outputs),
    )


def flat(hp: Any) -> nn.Module:
    return nn.Sequential(nn.Flatten(), plain(hp.inputs, 48, hp.outputs))


def recurrent(kind: type[nn.RNNBase], dropout: float = 0.0) -> Callable[[Any], nn.Module]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.out(net.body(x)[0][:, -1])

    def make(hp: Any) -> nn.Module:
        layers = 2 if dropout else 1
        body = kind(hp.shape[1], 16, num_layers=layers, dropout=dropout, batch_first=True)  # type: ignore[call-arg]
        return Wired(forward, body=body, out=nn.Linear(16, hp.outputs))

    return make


def attention(hp: Any) -> nn.Module:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.out(net.body(net.into(x) + net.places(torch.arange(x.shape[1]))).mean(1))

    body = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
    layers = {"into": nn.Linear(hp.shape[1], 16), "places": nn.Embedding(hp.shape[0], 16)}
    return Wired(forward, body=body, out=nn.Linear(16, hp.outputs), **layers)


OWN: dict[str, Callable[[Any], nn.Module]] = {
    "torch mlp": torch_mlp,
    "torch batch norm": torch_batch_norm,
    "residual": residual,
}
PICTURES = {"cnn": convolutional, "cnn, batch norm": convolutional_batch_norm, "flat": flat}
SERIES = {
    "lstm": recurrent(nn.LSTM),
    "gru, dropout": recurrent(nn.GRU, 0.2),
    "rnn": recurrent(nn.RNN),
    "attention": attention,
}
OWN_SETTING = {"learning_rate": 0.005}


def _arguments(data: Any, **more: Any) -> dict[str, Any]:
    return {"what": data() if callable(data) else data, **more}


def _cases() -> Iterator[Sound]:
    for seed, (name, data) in enumerate(DATA.items()):
        for which, given in BUILT_IN.items():
            yield Sound(f"{name}, {which}", partial(_arguments, data, hyperparameters=given, seed=seed))
        for which, network in OWN.items():
            make = partial(_arguments, data, network=network, hyperparameters=OWN_SETTING, seed=10 + seed)
            yield Sound(f"{name}, {which}", make)
    for more, networks in ((images, PICTURES), (sequences, SERIES), (sums, SERIES)):
        for which, network in networks.items():
            for seed in (20, 21):
                make = partial(_arguments, more, network=network, hyperparameters=OWN_SETTING, seed=seed)
                yield Sound(f"{more.__name__}, {which}, seed {seed}", make)


SOUND: dict[str, Sound] = {one.name: one for one in _cases()}
