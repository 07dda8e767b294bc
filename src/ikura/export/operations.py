"""A network as a list of operations of PyTorch, from which it is made again without its class and without pickle."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NotRequired

import torch
from torch import Tensor, nn
from typing_extensions import TypedDict

from ikura.errors import RunError
from ikura.schema import Name, Whole, parsed

__all__ = [
    "INPUTS",
    "OperationsForm",
    "RecordedNetwork",
    "Rows",
    "Value",
    "encoded",
    "read_operations",
    "tensor_records",
]

INPUTS = ("x", "codes")
"""Names of the values that a network is given."""

OPERATION = re.compile(r"\w+\.\w+")
REFUSED = ("from_file", "_local_scalar_dense")
"""Operations that a file may not name: they reach outside of the tensors."""

Kind = Literal["parameter", "buffer", "passing buffer"]


class TensorRecord(TypedDict):
    """A parameter or buffer; `same` names another one that it is tied to."""

    kind: Kind
    shape: list[Whole]
    dtype: Name
    same: NotRequired[Name]


class StepRecord(TypedDict):
    """One operation: its name among `torch.ops.aten`, what it is given, and the names of what it gives."""

    op: Name
    args: list[Any]
    kwargs: NotRequired[dict[Name, Any]]
    out: Any


class OperationsForm(TypedDict):
    """The content of graph.json."""

    format: Literal[1]
    tensors: dict[Name, TensorRecord]
    constants: list[Name]
    steps: list[StepRecord]
    output: Name


@dataclass(frozen=True)
class Value:
    """A tensor that an operation is given, by its name."""

    name: str


@dataclass(frozen=True)
class Rows:
    """A whole number that follows from the number n of examples: slope · n + offset."""

    slope: int
    offset: int


def encoded(value: Any) -> Any:
    """Write what an operation is given as JSON values.

    Raises:
        TypeError: it is of a kind that cannot be written.

    Example:
        >>> encoded([Value("x"), 2, math.inf, torch.float32, Rows(1, 0)])
        [{'value': 'x'}, 2, {'float': 'inf'}, {'dtype': 'float32'}, {'rows': [1, 0]}]
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, Value):
        return {"value": value.name}
    if isinstance(value, Rows):
        return {"rows": [value.slope, value.offset]}
    if isinstance(value, list | tuple):
        return [encoded(one) for one in value]
    if isinstance(value, torch.device):
        return {"device": value.type}
    for kind in ("dtype", "layout", "memory_format"):
        if isinstance(value, getattr(torch, kind)):
            return {kind: str(value).removeprefix("torch.")}
    raise TypeError(type(value).__name__)


def _decoded(form: Any) -> Any:
    """What `encoded` wrote; ValueError for anything else."""
    if form is None or isinstance(form, bool | int | float | str):
        return form
    if isinstance(form, list):
        return [_decoded(one) for one in form]
    if not isinstance(form, dict) or len(form) != 1:
        raise ValueError(f"{form!r} is none that an operation can be given")
    [(kind, value)] = form.items()
    if kind == "rows" and isinstance(value, list) and [type(one) for one in value] == [int, int]:
        return Rows(*value)
    if kind == "value" and isinstance(value, str):
        return Value(value)
    if kind == "float" and value in ("inf", "-inf", "nan"):
        return float(value)
    if kind == "device" and value == "cpu":
        return torch.device("cpu")
    if kind in ("dtype", "layout", "memory_format") and isinstance(value, str):
        found = getattr(torch, value, None)
        if isinstance(found, getattr(torch, kind)):
            return found
    raise ValueError(f"{form!r} is none that an operation can be given")


@lru_cache(maxsize=1024)
def _operation(name: str) -> Any:
    """Find an operation of PyTorch; ValueError where there is none of the name, or it may not be used."""
    packet, _, overload = name.partition(".")
    if not OPERATION.fullmatch(name) or packet in REFUSED or packet.startswith("__"):
        raise ValueError(f"{name!r} is no operation that a network may be made of")
    found = getattr(getattr(torch.ops.aten, packet, None), overload, None)
    if not isinstance(found, torch._ops.OpOverload):
        raise ValueError(f"{name!r} is no operation of this PyTorch, {torch.__version__}")
    return found


def read_operations(text: bytes, place: str) -> OperationsForm:
    """Read graph.json.

    Raises:
        RunError: naming the field that is wrong.
    """
    form: OperationsForm = parsed(OperationsForm, text, place)
    try:
        RecordedNetwork(form)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise RunError(f"{place}: {' '.join(str(error).split())}") from error
    return form


class RecordedNetwork(nn.Module):
    """A network that carries out recorded operations in evaluation mode, with parameters under their author's names.

    Args:
        form: the operations.

    Example:
        >>> shape = {"kind": "parameter", "shape": [1, 2], "dtype": "float32"}
        >>> steps = [
        ...     {"op": "t.default", "args": [{"value": "weight"}], "out": "1"},
        ...     {"op": "mm.default", "args": [{"value": "x"}, {"value": "1"}], "out": "2"},
        ... ]
        >>> form = {"format": 1, "tensors": {"weight": shape}, "constants": [], "steps": steps, "output": "2"}
        >>> network = RecordedNetwork(form)
        >>> network.load_state_dict({"weight": torch.tensor([[1.0, 10.0]])})
        <All keys matched successfully>
        >>> network(torch.tensor([[1.0, 2.0]])).tolist()
        [[21.0]]
    """

    def __init__(self, form: OperationsForm) -> None:
        super().__init__()
        self.form = form
        self._steps = [_step(record) for record in form["steps"]]
        for op, *_ in self._steps:
            _operation(op)
        self._last = _last_uses(self._steps, form["output"])
        self._constants: dict[str, Tensor] = {}
        for name, record in form["tensors"].items():
            self._register(name, record)
        self.eval()

    def _register(self, path: str, record: TensorRecord) -> None:
        *above, name = path.split(".")
        here: nn.Module = self
        for step in above:
            if step not in here._modules:
                here.add_module(step, nn.Module())
            here = here.get_submodule(step)
        if "same" in record:
            where, _, other = record["same"].rpartition(".")
            tensor = getattr(self.get_submodule(where), other)
        else:
            dtype = getattr(torch, record["dtype"])
            if not isinstance(dtype, torch.dtype):
                raise ValueError(f"{record['dtype']!r} is no kind of number")
            tensor = torch.zeros(record["shape"], dtype=dtype)
        if record["kind"] == "parameter":
            learns = tensor.is_floating_point()
            parameter = tensor if isinstance(tensor, nn.Parameter) else nn.Parameter(tensor, requires_grad=learns)
            here.register_parameter(name, parameter)
        else:
            here.register_buffer(name, tensor, persistent=record["kind"] == "buffer")

    def give_constants(self, constants: Mapping[str, Tensor]) -> None:
        """Set the tensors that are neither parameters nor buffers.

        Raises:
            KeyError: one is missing.
        """
        self._constants = {name: constants[name] for name in self.form["constants"]}

    def train(self, mode: bool = True) -> RecordedNetwork:
        """Stay in evaluation mode: what the network does in training was not recorded."""
        super().train(False)
        return self

    def forward(self, x: Tensor, codes: Tensor | None = None) -> Tensor:
        """Carry out the operations.

        Args:
            x: features, shape (rows, ...).
            codes: codes of embedded categories, shape (rows, columns).
        """
        rows = x.shape[0]
        values: dict[str, Tensor] = dict(self.named_parameters(remove_duplicate=False))
        values |= dict(self.named_buffers(remove_duplicate=False))
        values |= {name: tensor.to(x.device) for name, tensor in self._constants.items()}
        values["x"] = x
        values["codes"] = torch.zeros((rows, 0), dtype=torch.int32, device=x.device) if codes is None else codes
        for (op, args, kwargs, out), last in zip(self._steps, self._last, strict=True):
            found = _operation(op)(*_filled(args, values, rows), **_filled(kwargs, values, rows))
            _bind(out, found, values)
            for name in last:
                values.pop(name, None)
        return values[self.form["output"]]


def _step(record: StepRecord) -> tuple[str, Any, dict[str, Any], Any]:
    options = {name: _decoded(value) for name, value in record.get("kwargs", {}).items()}
    return record["op"], _decoded(record["args"]), options, record["out"]


def _filled(given: Any, values: Mapping[str, Tensor], rows: int) -> Any:
    if isinstance(given, Value):
        return values[given.name]
    if isinstance(given, Rows):
        return given.slope * rows + given.offset
    if isinstance(given, list):
        return [_filled(one, values, rows) for one in given]
    if isinstance(given, dict):
        return {name: _filled(one, values, rows) for name, one in given.items()}
    return given


def _bind(names: Any, found: Any, values: dict[str, Tensor]) -> None:
    if isinstance(names, str):
        values[names] = found
    elif isinstance(names, list):
        for name, one in zip(names, found, strict=True):
            _bind(name, one, values)


def _names(given: Any) -> list[str]:
    """Names of the tensors in what an operation is given."""
    if isinstance(given, Value):
        return [given.name]
    inner = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return [name for one in inner for name in _names(one)]


def _last_uses(steps: Sequence[tuple[str, Any, Any, Any]], output: str) -> list[list[str]]:
    """Of each step the values that no later one needs, so that memory is freed as it goes."""
    seen = {output}
    found: list[list[str]] = []
    for _, args, kwargs, _ in reversed(steps):
        mine = set(_names(args) + _names(kwargs)) - seen
        found.append([name for name in mine if name.isdigit()])
        seen |= mine
    return found[::-1]


def tensor_records(network: nn.Module) -> dict[str, TensorRecord]:
    """Describe a network's parameters and buffers."""
    kept, first = network.state_dict(keep_vars=True), dict[int, str]()
    found: dict[str, TensorRecord] = {}
    named = [("parameter", network.named_parameters(remove_duplicate=False))]
    named += [("buffer", network.named_buffers(remove_duplicate=False))]  # type: ignore[list-item]
    for kind, tensors in named:
        for name, tensor in tensors:
            what = kind if kind == "parameter" or name in kept else "passing buffer"
            record = {"kind": what, "shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
            if id(tensor) in first:
                record["same"] = first[id(tensor)]
            first.setdefault(id(tensor), name)
            found[name] = record  # type: ignore[assignment]
    return found
