"""What stands before an exported network, as modules: arrays and pixels encoded as in training, several inputs too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ikura.data.encoder import ArrayEncoder, Encoder, ImageEncoder, TableEncoder
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.number import LARGEST
from ikura.data.encoder.several_inputs import InputsEncoder
from ikura.data.encoder.vector import VectorEncoder
from ikura.errors import UsageError
from ikura.export.table_encoding import TableEncoding
from ikura.population.inputs import Features, TensorInputs

__all__ = ["encoding_of", "input_names"]


def encoding_of(encoder: Encoder) -> nn.Module:
    """Make the module that encodes as an encoder does: from raw tensors to features and codes.

    Raises:
        UsageError: there is none for this kind of encoder.
    """
    if isinstance(encoder, TableEncoder):
        return TableEncoding(encoder)
    if isinstance(encoder, VectorEncoder):
        return _Standardise([one.mean for one in encoder.standards], [one.std for one in encoder.standards])
    if isinstance(encoder, ArrayEncoder):
        return _Standardise(encoder.standard.mean, encoder.standard.std, encoder.channels_last)
    if isinstance(encoder, GivenEncoder):
        return _AsGiven(encoder.channels_last)
    if isinstance(encoder, ImageEncoder):
        return _Pixels(encoder.standard.mean, encoder.standard.std)
    if isinstance(encoder, InputsEncoder):
        parts = [encoding_of(one) for one in encoder.encoders]
        return _Sequences(parts[0]) if encoder.sequences else _Several(parts, encoder.argument_names)
    raise UsageError(f"a model of inputs of this kind ({type(encoder).__name__}) is not exported yet")


def input_names(encoder: Encoder) -> list[str]:
    """What the inputs of an exported network are called, where examples are no rows of a table.

    Those of several are the names of forward's arguments, or x0, x1 … where these are given by place; sequences are x
    and lengths.
    """
    if isinstance(encoder, InputsEncoder):
        if encoder.sequences:
            return ["x", "lengths"]
        return list(encoder.argument_names or (f"x{place}" for place in range(len(encoder.encoders))))
    return ["images" if isinstance(encoder, ImageEncoder) else "x"]


def _no_codes(x: Tensor) -> Tensor:
    return torch.zeros((x.shape[0], 0), dtype=torch.int32, device=x.device)


class _Standardise(nn.Module):
    """Numbers v as (v - μ) / σ, computed in double precision; a missing one becomes 0."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Any, std: Any, channels_last: bool = False) -> None:
        super().__init__()
        self.channels_last = channels_last
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.movedim(-1, 1) if self.channels_last else x
        values = ((x.double() - self.mean) / self.std).clamp(-LARGEST, LARGEST)
        return torch.where(x.isnan(), 0.0, values).float(), _no_codes(x)


class _AsGiven(nn.Module):
    """Arrays as they are."""

    def __init__(self, channels_last: bool) -> None:
        super().__init__()
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.movedim(-1, 1) if self.channels_last else x, _no_codes(x)


class _Pixels(nn.Module):
    """Bytes b as (b / 255 - μ) / σ by channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32).reshape(-1, 1, 1)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x.float() / 255.0 - self.mean) / self.std, _no_codes(x)


class _Several(nn.Module):
    """Several inputs, each by an encoding of its own."""

    def __init__(self, parts: Sequence[nn.Module], names: tuple[str, ...] | None) -> None:
        super().__init__()
        self.parts, self.names = nn.ModuleList(parts), names

    def forward(self, *raw: Tensor) -> tuple[Features, Tensor]:
        tensors = tuple(part(one)[0] for part, one in zip(self.parts, raw, strict=True))
        return TensorInputs(tensors, self.names), _no_codes(raw[0])


class _Sequences(nn.Module):
    """Padded sequences and their lengths: each step encoded by itself, 0 behind the last."""

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.step = step

    def forward(self, padded: Tensor, lengths: Tensor) -> tuple[Features, Tensor]:
        encoded = self.step(padded.flatten(0, 1))[0].unflatten(0, padded.shape[:2])
        real = torch.arange(padded.shape[1], device=padded.device) < lengths[:, None]
        real = real.reshape(*real.shape, *[1] * (encoded.dim() - 2))
        return TensorInputs((torch.where(real, encoded, 0), lengths), sequences=True), _no_codes(lengths)
