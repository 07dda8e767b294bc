"""The operations of a caller's own network, kept with its weights: it is loaded again without its class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikura.errors import RunError
from ikura.files import write_atomically
from ikura.lazy_torch import Tensor, nn, torch
from ikura.population.examples import Examples
from ikura.population.inputs import TensorInputs, tensors_of
from ikura.schema import read_file
from ikura.study.record.model_form import CONSTANT, digest

if TYPE_CHECKING:
    from ikura.export.operations import OperationsForm, RecordedNetwork

__all__ = ["Recorded", "is_own", "read_recorded", "recorded_of"]

FILE = "graph.json"
SEEN = 16


@dataclass(frozen=True)
class Recorded:
    """What a network does, as operations.

    Attributes:
        form: the operations.
        constants: tensors among them that are neither parameters nor buffers.
    """

    form: OperationsForm
    constants: Mapping[str, Tensor]

    def module(self) -> RecordedNetwork:
        """A network of them, its weights still to be loaded."""
        from ikura.export.operations import RecordedNetwork

        network = RecordedNetwork(self.form)
        network.give_constants(self.constants)
        return network

    def write(self, folder: Path) -> str:
        """Write graph.json; return its digest."""
        content = json.dumps(self.form, allow_nan=False).encode()
        write_atomically(folder / FILE, content)
        return digest(content)


def is_own(form: Any) -> bool:
    """Whether the form of a network in model.json is that of a caller's own, which no arguments make again."""
    return form is None or (isinstance(form, Mapping) and form.get("form") == "null")


def recorded_of(module: nn.Module, examples: Examples) -> Recorded | str:
    """Record a trained network with a few training examples; the reason in words where it cannot be."""
    from ikura.export.recording import NotRecordedError, record

    few = examples.head(SEEN)
    x = tensors_of(few)
    if isinstance(x, TensorInputs):
        return "it takes several inputs"
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    x = x.to(dtype) if x.is_floating_point() else x
    try:
        return Recorded(*record(module, x, torch.from_numpy(few.codes)))
    except NotRecordedError as error:
        return str(error)


def read_recorded(folder: Path, known: str, tensors: Mapping[str, Tensor]) -> Recorded:
    """Read graph.json of a model.

    Args:
        folder: of the model.
        known: its digest when it was written.
        tensors: all of weights.safetensors.

    Raises:
        RunError: it is gone, changed or not whole.
    """
    from ikura.export.operations import read_operations

    path = folder / FILE
    content = read_file(path)
    if digest(content) != known:
        raise RunError(f"{path}: not what was saved with the model; bring the run's own file back")
    form = read_operations(content, str(path))
    missing = [name for name in form["constants"] if name not in tensors]
    if missing or not all(name.startswith(CONSTANT) for name in form["constants"]):
        raise RunError(f"{path}: a tensor of the network is missing from the weights")
    return Recorded(form, {name: tensors[name] for name in form["constants"]})
