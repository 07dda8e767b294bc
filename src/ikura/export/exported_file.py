"""Writing a trained network to a file that others run: .onnx and .pt2."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ikura.data.encoder import ArrayEncoder, Encoder, ImageEncoder, TableEncoder
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.several_inputs import InputsEncoder
from ikura.data.encoder.vector import VectorEncoder
from ikura.data.input_arrays import plain_inputs
from ikura.errors import UsageError, nearest
from ikura.export.deployed_network import DeployedNetwork
from ikura.export.input_encoding import encoding_of, input_names
from ikura.export.raw_columns import (
    MISSING,
    ArrayRecord,
    ColumnRecord,
    RawTable,
    ShapedColumn,
    column_records,
    raw_table,
)
from ikura.files import check_target
from ikura.nn.copying import copy_of
from ikura.nn.noise import key, normal
from ikura.version import __version__

__all__ = ["CLOSE", "FORMATS", "Deployment", "Example", "check_close", "example_of", "exported", "exported_path"]

FORMATS = (".onnx", ".pt2")
CLOSE = 1e-5
"""By how much an exported network may differ: of a probability, and of a value as a share of the largest one, or of the
target's standard deviation if that is more. Single precision keeps seven digits."""
ROWS = 64


@dataclass(frozen=True)
class Example:
    """Some rows to try an exported network on.

    Attributes:
        raw: as the deployed network takes them.
        named: as the file takes them, by the names of its inputs.
        expected: what the model predicts for them: probabilities, or values.
        real: whether they are rows of data, not made up.
    """

    raw: tuple[Tensor, ...]
    named: dict[str, np.ndarray]
    expected: np.ndarray
    real: bool


@dataclass(frozen=True)
class Deployment:
    """What is to be exported.

    Attributes:
        network: the trained network.
        encoder: its preprocessing.
        description: task, target, classes, target_mean, target_std, as in model.json.
    """

    network: nn.Module
    encoder: Encoder
    description: Mapping[str, Any]

    @property
    def classes(self) -> list[Any] | None:
        """The classes in the order of the probabilities; None for regression."""
        found: list[Any] | None = self.description["classes"]
        return found

    @property
    def values(self) -> list[int]:
        """Shape of what is predicted of one row: empty for one value or class."""
        return list(self.description.get("target_shape") or [])

    def module(self, dtype: torch.dtype | None = None) -> DeployedNetwork:
        """The network behind its preprocessing, a copy, in a precision if one is named."""
        network = copy_of(self.network).eval()
        network = network if dtype is None else network.to(dtype)
        return DeployedNetwork(network, encoding_of(self.encoder), self.description)

    def raw_of(self, data: Any) -> tuple[tuple[Tensor, ...], dict[str, np.ndarray]]:
        """Rows as the deployed network and as a file takes them."""
        if isinstance(self.encoder, TableEncoder):
            table = raw_table(self.encoder, data)
            return table.tensors(), self._columns(table)
        if isinstance(self.encoder, InputsEncoder):
            raw = plain_inputs(data, self.encoder.example)
            arrays = [
                _raw_array(one, part.given(slice(None)))
                for one, part in zip(self.encoder.encoders, raw.inputs, strict=True)
            ]
        else:
            arrays = [_raw_array(self.encoder, data)]
        return tuple(map(torch.from_numpy, arrays)), dict(zip(self.input_names, arrays, strict=True))

    def _columns(self, table: RawTable) -> dict[str, np.ndarray]:
        numbers = iter(table.numbers.T)
        return {
            record["name"]: np.array(table.words[record["name"]], dtype=object)[:, None]
            if record["kind"] == "category"
            else next(numbers)[:, None]
            for record in column_records_of(self.encoder)
        }

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, where examples are no rows of a table."""
        return input_names(self.encoder)

    def made_up(self) -> Any:
        """Examples drawn by the statistics of training; what `raw_of` takes, or gives."""
        encoder, drawn = self.encoder, normal(key(0, "export"), ROWS, 1 << 12)
        if isinstance(encoder, ImageEncoder):
            shape = (ROWS, *encoder.shape)
            return (np.resize(drawn, shape) * 64 + 128).clip(0, 255).astype(np.uint8)
        if isinstance(encoder, GivenEncoder):
            given = (*encoder.shape[1:], encoder.shape[0]) if encoder.channels_last else encoder.shape
            return np.zeros((ROWS, *given), np.int64) if encoder.integers else np.resize(drawn, (ROWS, *given))
        if isinstance(encoder, VectorEncoder):
            standards = enumerate(encoder.standards)
            return np.stack([np.resize(drawn[:, i % 4096], ROWS) * one.std + one.mean for i, one in standards], 1)
        if isinstance(encoder, InputsEncoder):
            return encoder.probe(lambda count: np.resize(drawn, (ROWS, count)).astype(np.float64), ROWS)
        assert isinstance(encoder, ArrayEncoder)
        given = (*encoder.shape[1:], encoder.shape[0]) if encoder.channels_last else encoder.shape
        return np.resize(drawn, (ROWS, *given)) * encoder.standard.std + encoder.standard.mean

    def metadata(self, inputs: Sequence[ArrayRecord | ShapedColumn], outputs: Sequence[ArrayRecord]) -> dict[str, str]:
        """What a file says of itself: JSON under "ikura"."""
        about = {
            "version": __version__,
            "task": self.description["task"],
            "target": self.description["target"],
            "classes": self.classes,
            **{name: self.description[name] for name in ("targets", "levels") if name in self.description},
            "inputs": inputs,
            "outputs": outputs,
        }
        return {"ikura": json.dumps(about, allow_nan=False)}


def _raw_array(encoder: Encoder, data: Any) -> npt.NDArray[Any]:
    """An array as it is given to an exported network."""
    if isinstance(encoder, ImageEncoder):
        array = np.asarray(encoder.transform(data)[0])
    elif isinstance(encoder, GivenEncoder):
        kind = np.bool_ if encoder.booleans else np.int64 if encoder.integers else np.float32
        array = np.asarray(data).astype(kind)
    else:
        array = np.asarray(data).astype(np.float64)
    return np.ascontiguousarray(array)


def column_records_of(encoder: Encoder) -> list[ColumnRecord]:
    """What each column is given as, of a table."""
    assert isinstance(encoder, TableEncoder)
    return column_records(encoder)


def exported_path(path: str | Path, *inputs: Path) -> Path:
    """Check where a network is to be exported to.

    Raises:
        UsageError: the file's name ends neither in .onnx nor in .pt2, or it cannot be written there.
    """
    found = check_target(path, *inputs)
    if found.suffix.lower() not in FORMATS:
        raise UsageError(
            f"a network is exported to a .onnx or .pt2 file, but got {str(path)!r}{nearest(found.suffix, FORMATS)}"
        )
    if not found.absolute().parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {found.absolute().parent}")
    return found


def check_close(found: np.ndarray, expected: np.ndarray, deployment: Deployment, what: str) -> None:
    """Refuse a file that gives something else than the model.

    Raises:
        UsageError: naming the row that differs most.
    """
    scale: Any = 1.0
    if deployment.classes is None:
        largest = np.abs(expected).max(0, initial=0.0) if expected.ndim > 1 else np.abs(expected).max(initial=0.0)
        scale = np.maximum(largest, deployment.description["target_std"])
    if found.shape != expected.shape:
        raise UsageError(f"{what} gives outputs of shape {found.shape}, not {expected.shape}; it was not written")
    away = np.abs(found.astype(np.float64) - expected) / scale
    away = np.where(np.isnan(away), np.inf, away)
    if away.size and away.max() > CLOSE:
        row = int(np.unravel_index(away.argmax(), away.shape)[0])
        raise UsageError(
            f"{what} differs from the model by {away.max():.2g} (row {row + 1} of those it was tried on), more than "
            f"{CLOSE:g}; it was not written. A network that draws random numbers in evaluation cannot be exported"
        )


def exported(
    deployments: Sequence[Deployment], example: Example, write: Callable[[Deployment, Example], bytes]
) -> bytes:
    """Write the first of several forms of one network that can be written.

    Raises:
        UsageError: of the last, if none can.
    """
    *others, last = deployments
    for deployment in others:
        with suppress(UsageError):
            return write(deployment, example)
    return write(last, example)


def example_of(deployment: Deployment, data: Any, predicted: Any) -> Example:
    """Try rows: real ones, or made-up ones where there are none.

    Args:
        deployment: what is exported.
        data: rows as the model takes them; None for made-up ones.
        predicted: the model's own answer to rows, a function of them.
    """
    real = data is not None
    if isinstance(deployment.encoder, TableEncoder) and not real:
        table = _made_up_table(deployment.encoder)
        raw, named = table.tensors(), deployment._columns(table)
        with torch.no_grad():
            return Example(raw, named, deployment.module()(*raw).double().numpy(), False)
    rows = data if real else deployment.made_up()
    raw, named = deployment.raw_of(rows)
    return Example(raw, named, predicted(rows), real)


def _made_up_table(encoder: TableEncoder) -> RawTable:
    records = column_records(encoder)
    drawn = normal(key(0, "export"), ROWS, max(len(records), 1)).astype(np.float64)
    numbers, codes, words = [], [], {}
    place = np.arange(ROWS)
    for column, (record, encoding) in enumerate(zip(records, encoder.encodings, strict=True)):
        if record["kind"] == "category":
            levels = record["levels"]
            found = (place + column) % (len(levels) + 2) - 1
            codes.append(found.astype(np.int64))
            words[record["name"]] = [
                levels[code - 1] if code > 0 else MISSING if code < 0 else "none of these" for code in found
            ]
            continue
        standard = getattr(encoding, "standard", None)
        values = drawn[:, column] * (3e7 if standard is None else standard.std)
        values += 1.6e9 if standard is None else standard.mean
        numbers.append(np.where((place + column) % 16 == 0, np.nan, values))
    return RawTable(
        np.stack(numbers, 1) if numbers else np.zeros((ROWS, 0)),
        np.stack(codes, 1) if codes else np.zeros((ROWS, 0), np.int64),
        words,
    )
