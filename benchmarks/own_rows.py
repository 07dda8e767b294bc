"""Networks of a user's own, their data and spaces, stated once for ikura and for a plain loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.workload import Range

__all__ = ["ROWS", "Row"]

CLASSES = 10
LEVELS = 17
"""Whole numbers that a pixel of the digits may be: 0 to 16."""


@dataclass(frozen=True)
class Row:
    """One kind of network.

    Attributes:
        what: it is, in words.
        network: makes it from hyperparameters, which are read as attributes.
        inputs: makes its inputs from the pixels of the digits, shape (rows, 64).
        ranges: what is searched besides the learning rate and the size of mini-batches.
        share: of the trials that are asked for, how many are trained.
    """

    what: str
    network: Callable[[Any], nn.Module]
    inputs: Callable[[np.ndarray], Any]
    ranges: Mapping[str, Range]
    share: float = 1.0

    def data(self) -> tuple[Any, np.ndarray]:
        """Inputs and classes."""
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        return self.inputs(x), y

    @property
    def space(self) -> dict[str, Any]:
        """What is searched, as ikura takes it."""
        return {name: one.parameter() for name, one in (TRAINING | dict(self.ranges)).items()}

    def draws(self, trials: int, seed: int) -> list[dict[str, Any]]:
        """The configurations that ikura's random search draws."""
        from ikura.search import proposer
        from ikura.space import Space

        search = proposer("random", Space(**self.space), seed)
        [stage] = search.stages(trials, 1)
        return [proposal.configuration for proposal in search.ask(stage, trials, [])]

    def trials(self, wanted: int) -> int:
        """How many trials are trained of so many that were asked for."""
        return max(2, round(self.share * wanted))


TRAINING = {
    "learning_rate": Range(1e-3, 3e-2, log=True),
    "batch_size": Range(64, 64, whole=True),
    "optimizer": Range(options=("adam",)),
}


def _flat(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32)


def _images(pixels: np.ndarray) -> np.ndarray:
    return _flat(pixels).reshape(-1, 1, 8, 8)


def _lines(pixels: np.ndarray) -> np.ndarray:
    return _flat(pixels).reshape(-1, 8, 8)


def _tokens(pixels: np.ndarray) -> np.ndarray:
    """A token for each pixel: which one it is, and how bright."""
    return pixels.astype(np.int64) + LEVELS * np.arange(pixels.shape[1])


def _halves(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _flat(pixels[:, :32]), _flat(pixels[:, 32:])


def _mlp(units: int, rate: float = 0.0, batch_norm: bool = False, hidden: int = 2) -> nn.Sequential:
    parts: list[nn.Module] = []
    for inputs in [64, *[units] * (hidden - 1)]:
        parts += [nn.Linear(inputs, units), *[nn.BatchNorm1d(units)] * batch_norm, nn.ReLU()]
        parts += [nn.Dropout(rate)] * (rate > 0)
    return nn.Sequential(*parts, nn.Linear(units, CLASSES))


def _cnn(hp: Any) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, CLASSES),
    )  # fmt: skip


def _cnn_1d(hp: Any) -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(8, 32, 3, padding=1), nn.ReLU(), nn.Conv1d(32, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, CLASSES),
    )  # fmt: skip


class _Recurrent(nn.Module):
    def __init__(self, layer: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.layer, self.head = layer(8, 32, batch_first=True), nn.Linear(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.layer(x)[0][:, -1])
        return out


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.places = nn.Linear(8, 32), nn.Parameter(torch.zeros(8, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, 0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.encoder(self.embed(x) + self.places).mean(1))
        return out


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(64, 64), nn.Linear(64, CLASSES)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        out: Tensor = self.head(x)
        return out


class _Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate, self.value, self.down = nn.Linear(64, 96), nn.Linear(64, 96), nn.Linear(96, 64)
        self.head = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x + self.down(functional.silu(self.gate(x)) * self.value(x)))
        return out


class _Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag, self.hidden = nn.EmbeddingBag(64 * LEVELS, 32), nn.Linear(32, 64)
        self.head = nn.Linear(64, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.head(self.hidden(self.bag(tokens)).relu())
        return out


class _Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(32, 48), nn.Linear(32, 48), nn.Linear(96, CLASSES)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        out: Tensor = self.head(torch.cat([self.left(left).relu(), self.right(right).relu()], 1))
        return out


class _Deep(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(64, 64) for _ in range(hidden))
        self.head = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = layer(x).relu()
        out: Tensor = self.head(x)
        return out


WIDTH = {"units": Range(16, 128, whole=True), "batch_size": Range(options=(32, 64, 128))}

ROWS: dict[str, Row] = {
    "mlp_width": Row("MLP, width and mini-batch size by trial", lambda hp: _mlp(hp.units), _flat, WIDTH),
    "mlp_dropout": Row("MLP, nn.Dropout(p) by trial", lambda hp: _mlp(64, hp.p), _flat, {"p": Range(0.05, 0.5)}),
    "mlp_batch_norm": Row("MLP with batch norm", lambda hp: _mlp(64, batch_norm=True), _flat, {}),
    "mlp": Row("MLP of one structure", lambda hp: _mlp(64), _flat, {}),
    "mlp_few": Row("MLP of one structure, a quarter of the trials", lambda hp: _mlp(64), _flat, {}, 0.25),
    "mlp_depth": Row(
        "MLP, depth by trial (nn.ModuleList)", lambda hp: _Deep(hp.hidden), _flat, {"hidden": Range(1, 4, whole=True)}
    ),
    "residual": Row("residual MLP", lambda hp: _Residual(), _flat, {}),
    "swiglu": Row("gated MLP (SwiGLU)", lambda hp: _Gated(), _flat, {}),
    "cnn": Row("small CNN", _cnn, _images, {}),
    "cnn_1d": Row("1-D CNN", _cnn_1d, _lines, {}),
    "lstm": Row("LSTM", lambda hp: _Recurrent(nn.LSTM), _lines, {}),
    "gru": Row("GRU", lambda hp: _Recurrent(nn.GRU), _lines, {}),
    "transformer": Row("small transformer", lambda hp: _Transformer(), _lines, {}),
    "bag": Row("embedding bag on token ids", lambda hp: _Bag(), _tokens, {}),
    "two_inputs": Row("two inputs", lambda hp: _Two(), _halves, {}),
}
"""Name to row."""
