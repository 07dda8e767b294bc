"""Recording what a network does with examples as a list of operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ikura.export.operations import INPUTS, OperationsForm, RecordedNetwork, Rows, Value, encoded, tensor_records
from ikura.nn.copying import copy_of
from ikura.nn.generators import seeded
from ikura.population.inputs import ForwardArguments, call_forward
from ikura.population.torch_settings import default_torch_settings

__all__ = ["NotRecordedError", "record"]

ROWS = (3, 5, 2)
"""Examples that a network is recorded with: what depends on their number follows from two, the third checks it."""
CLOSE = 1e-5
OUTSIDE = {
    one: name
    for name, ones in {
        "NumPy": (Tensor.numpy, Tensor.__array__, Tensor.__dlpack__),
        "Python numbers": (Tensor.item, Tensor.tolist, Tensor.__bool__, Tensor.__int__, Tensor.__float__),
    }.items()
    for one in ones
}
"""By which functions the values of tensors leave torch, and to where."""


class NotRecordedError(Exception):
    """A network is not a list of operations; the message says why."""


class _Inside(TorchFunctionMode):
    """Refuses what takes the values of tensors out of torch, where nothing of them can be recorded.

    While it is there torch also keeps from its fused attention, which other versions and ONNX lack.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in OUTSIDE:
            raise NotRecordedError(f"its forward takes values of tensors to {OUTSIDE[func]}")
        return func(*args, **(kwargs or {}))


class _Recorder(TorchDispatchMode):
    """Writes down every operation, tensors by name.

    Args:
        names: names of the network's tensors and inputs, by identity.
    """

    def __init__(self, names: dict[int, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names, self.steps = dict(names), list[tuple[Any, ...]]()
        self.constants: dict[str, Tensor] = {}
        self.alive: list[Tensor] = []
        self.count = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether torch wraps the recorder for its compiler, which would import it: seconds for nothing."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [self._named(one) for one in args]
        options = {name: self._named(one) for name, one in (kwargs or {}).items()}
        out = func(*args, **(kwargs or {}))
        if func.namespace != "aten":
            raise NotRecordedError(f"it uses the operation {func}, which is not one of PyTorch's own")
        name = f"{func._schema.name.partition('::')[2]}.{func._overloadname}"
        self.steps.append((name, given, options, self._bound(out)))
        return out

    def _named(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if id(value) not in self.names:
                name = f"constant:{len(self.constants)}"
                self.names[id(value)] = name
                self.constants[name] = value.detach().clone()
                self.alive.append(value)
            return Value(self.names[id(value)])
        if isinstance(value, list | tuple):
            return [self._named(one) for one in value]
        return value

    def _bound(self, out: Any) -> Any:
        if isinstance(out, Tensor):
            if id(out) not in self.names:
                self.names[id(out)] = str(self.count)
                self.count += 1
                self.alive.append(out)
            return self.names[id(out)]
        if isinstance(out, list | tuple):
            return [self._bound(one) for one in out]
        if out is None:
            return None
        raise NotRecordedError("what it does depends on the values of tensors")


def record(network: nn.Module, x: Tensor, codes: Tensor) -> tuple[OperationsForm, dict[str, Tensor]]:
    """Record what a network does in evaluation mode, whatever the number of examples.

    It runs on three mini-batches of different sizes and different examples: the operations must be the same ones, and
    whole numbers must follow from the size. What was recorded is run beside the network and must give the same.

    Args:
        network: the network, on the CPU.
        x: features of some examples, shape (rows, ...).
        codes: their codes, shape (rows, embedded columns).

    Returns:
        The operations, and the tensors among them that are neither parameters nor buffers, by name.

    Raises:
        NotRecordedError: the network cannot be recorded; the message says why.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
        >>> form, _ = record(network, torch.ones(8, 2, 2), torch.zeros(8, 0))
        >>> [step["op"] for step in form["steps"]]
        ['view.default', 't.default', 'addmm.default']
        >>> form["steps"][0]["args"]
        [{'value': 'x'}, [{'rows': [1, 0]}, 4]]
    """
    most = sum(ROWS)
    places = torch.arange(most) % max(len(x), 1)
    x, codes = x[places], codes[places]
    try:
        with seeded(0), default_torch_settings(), torch.no_grad():
            own = copy_of(network).eval()
            parts = x.split(list(ROWS)), codes.split(list(ROWS))
            first, second, third = (_run(own, *one) for one in zip(*parts, strict=True))
            form = _merged(own, (first, second, third))
            _check(network, form, first[0].constants, x, codes)
    except NotRecordedError:
        raise
    except Exception as error:
        raise NotRecordedError(" ".join(f"{type(error).__name__}: {error}".split())[:300]) from error
    return form, first[0].constants


def _run(network: nn.Module, x: Tensor, codes: Tensor) -> tuple[_Recorder, str]:
    inputs, _ = ForwardArguments.of(network)(x, codes)
    names = dict(zip(map(id, inputs), INPUTS, strict=False))
    for name, tensor in (*network.named_buffers(), *network.named_parameters()):
        names[id(tensor)] = name
    recorder = _Recorder(names)
    with recorder, _Inside():
        out = network(*inputs)
    if not isinstance(out, Tensor) or id(out) not in recorder.names:
        raise NotRecordedError("its output is not one tensor that torch computed")
    return recorder, recorder.names[id(out)]


def _merged(network: nn.Module, runs: Sequence[tuple[_Recorder, str]]) -> OperationsForm:
    first = runs[0][0]
    for other, output in runs[1:]:
        same = [step[0] for step in other.steps] == [step[0] for step in first.steps]
        if not same or output != runs[0][1] or other.constants.keys() != first.constants.keys():
            raise NotRecordedError("what it does depends on the examples or on their number")
        for name, tensor in first.constants.items():
            there = other.constants[name]
            if tensor.shape != there.shape or not torch.equal(tensor.nan_to_num(), there.nan_to_num()):
                raise NotRecordedError("a tensor in it depends on the examples in a way that torch does not see")
    steps: list[Any] = []
    for place, (op, _, _, out) in enumerate(first.steps):
        args, kwargs = ([recorder.steps[place][part] for recorder, _ in runs] for part in (1, 2))
        if any(recorder.steps[place][3] != out for recorder, _ in runs):
            raise NotRecordedError("what it does depends on the number of examples")
        try:
            step: dict[str, Any] = {"op": op, "args": encoded(_united(args)), "out": out}
            if kwargs[0]:
                step["kwargs"] = {name: encoded(_united([one[name] for one in kwargs])) for name in kwargs[0]}
        except TypeError as error:
            raise NotRecordedError(f"the operation {op} is given a {error}") from error
        steps.append(step)
    return {
        "format": 1,
        "tensors": tensor_records(network),
        "constants": list(first.constants),
        "steps": steps,
        "output": runs[0][1],
    }


def _united(values: list[Any]) -> Any:
    """What an operation is given whatever the number of examples, from what it was given for several."""
    one = values[0]
    if isinstance(one, list):
        if any(not isinstance(other, list) or len(other) != len(one) for other in values):
            raise NotRecordedError("a length in it depends on the number of examples")
        return [_united(list(items)) for items in zip(*values, strict=True)]
    if all(type(other) is type(one) and (other == one or other != other) for other in values):
        return one
    if all(type(other) is int for other in values):
        slope, left = divmod(values[1] - one, ROWS[1] - ROWS[0])
        found = Rows(slope, one - slope * ROWS[0])
        if not left and all(found.slope * n + found.offset == other for n, other in zip(ROWS, values, strict=True)):
            return found
    raise NotRecordedError("a number in it depends on the examples, or not in proportion on how many they are")


def _check(network: nn.Module, form: OperationsForm, constants: dict[str, Tensor], x: Tensor, codes: Tensor) -> None:
    """Run what was recorded beside the network, for all examples and for one."""
    again = RecordedNetwork(form)
    own = copy_of(network).eval()
    again.load_state_dict(own.state_dict())
    buffers = dict(own.named_buffers())
    for name, buffer in again.named_buffers():
        buffer.copy_(buffers[name])
    again.give_constants(constants)
    for rows in (slice(None), slice(1)):
        found = _seeded_outputs(again, x[rows], codes[rows])
        try:
            wanted = _seeded_outputs(own, x[rows], codes[rows])
        except Exception:
            continue
        if found.shape != wanted.shape or not torch.allclose(found, wanted, CLOSE, CLOSE, equal_nan=True):
            raise NotRecordedError("what was recorded gives something else than the network")


def _seeded_outputs(network: Callable[..., Tensor], x: Tensor, codes: Tensor) -> Tensor:
    assert isinstance(network, nn.Module)
    with seeded(0):
        found: Tensor = call_forward(network, x, codes)
    return found
