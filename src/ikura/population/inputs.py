"""What a network's forward is given: features, and codes of embedded categories where it asks for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from ikura.data.network_inputs import NetworkInputs
from ikura.lazy_torch import Module, Tensor, nn, torch
from ikura.population.examples import Examples

__all__ = [
    "Features",
    "ForwardArguments",
    "TakesCodes",
    "TensorInputs",
    "as_features",
    "asks_for_codes",
    "call_forward",
    "over_floats",
    "table_of_inputs",
    "takes_codes",
    "tensors_of",
]


@dataclass(frozen=True)
class TensorInputs:
    """Several inputs of some examples as tensors; what is done with one tensor of features is done with them.

    Args:
        tensors: shape (rows, ...) each.
        names: of the arguments of forward; None where they are given by place.
        sequences: whether the first are padded sequences and the second their lengths.

    Example:
        >>> x = TensorInputs((torch.ones(3, 2), torch.arange(3)))
        >>> len(x), x[1:].tensors[1].tolist(), x.to(torch.float64).tensors[0].dtype
        (3, [1, 2], torch.float64)
    """

    tensors: tuple[Tensor, ...]
    names: tuple[str, ...] | None = None
    sequences: bool = False

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, rows: Any) -> TensorInputs:
        return replace(self, tensors=tuple(one[rows] for one in self.tensors))

    def clone(self) -> TensorInputs:
        """Return copies, which a network may change."""
        return replace(self, tensors=tuple(one.clone() for one in self.tensors))

    def to(self, *where: torch.device | torch.dtype | str) -> TensorInputs:
        """Return them on another device, or floats in another precision; whole numbers and booleans stay such."""

        def moved(one: Tensor) -> Tensor:
            for place in where:
                if not isinstance(place, torch.dtype) or one.is_floating_point():
                    one = one.to(place)
            return one

        return replace(self, tensors=tuple(map(moved, self.tensors)))

    @property
    def as_given(self) -> tuple[Tensor, ...] | dict[str, Tensor]:
        """A tuple, or a dictionary by their names."""
        return self.tensors if self.names is None else dict(zip(self.names, self.tensors, strict=True))

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shapes of all, for a message."""
        return tuple(tuple(one.shape) for one in self.tensors)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.tensors[0].device


Features = Tensor | TensorInputs
"""What a network takes besides codes: a tensor of shape (rows, ...), or several."""


def tensors_of(examples: Examples, rows: slice = slice(None)) -> Features:
    """Read some examples as a network takes them in evaluation.

    Example:
        >>> tensors_of(Examples(np.ones((2, 1)), np.zeros((2, 0), np.int32), np.zeros(2)), slice(1))
        tensor([[1.]], dtype=torch.float64)
    """
    if not isinstance(examples.x, NetworkInputs):
        return torch.from_numpy(examples.inputs(rows))
    return as_features(examples.arrays(rows), examples.x)


def as_features(arrays: Sequence[np.ndarray], inputs: NetworkInputs) -> Features:
    """What `NetworkInputs.read` returned, as tensors; of a single input one tensor."""
    tensors = tuple(map(torch.from_numpy, arrays))
    if len(tensors) == 1 and inputs.names is None:
        return tensors[0]
    return TensorInputs(tensors, inputs.names, inputs.sequences)


def over_floats(x: Features, change: Callable[[Tensor], Tensor]) -> Features:
    """Change features where they are floats, and leave whole numbers and booleans as they are.

    Example:
        >>> over_floats(torch.ones(2), lambda t: 2 * t)
        tensor([2., 2.])
    """
    if isinstance(x, Tensor):
        return change(x) if x.is_floating_point() else x
    return replace(x, tensors=tuple(change(one) if one.is_floating_point() else one for one in x.tensors))


def table_of_inputs(x: Features) -> Tensor:
    """All numbers of each example side by side, as floats of shape (rows, numbers).

    Example:
        >>> table_of_inputs(TensorInputs((torch.ones(1, 2, 1), torch.arange(1))))
        tensor([[1., 1., 0.]])
    """
    tensors = x.tensors if isinstance(x, TensorInputs) else (x,)
    return torch.cat([one.reshape(len(one), -1).float() for one in tensors], 1)


class TakesCodes(Enum):
    """When a forward is given codes."""

    NEVER = "never"
    IF_ANY = "where there are some"
    ALWAYS = "always"


class FromLengths(Enum):
    """What may be made of the lengths of padded sequences."""

    LENGTHS = "lengths, int64 of shape (rows,)"
    MASK = "true at steps, of shape (rows, steps)"
    PADDING_MASK = "true at padding, of shape (rows, steps)"


@dataclass(frozen=True)
class ForwardArguments:
    """How a module's forward is called; read from its signature once.

    Args:
        codes: when it is given codes.
        from_lengths: which parameters are given what is made of the lengths of padded sequences.
    """

    codes: TakesCodes
    from_lengths: tuple[tuple[str, FromLengths], ...]

    @classmethod
    def of(cls, module: nn.Module) -> ForwardArguments:
        """Read them from a module."""
        parameters = _parameters(module)
        return cls(_codes(parameters), _from_lengths(parameters))

    def __call__(self, x: Features, codes: Tensor | None) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """Return what forward is given by place and by name, as copies: a network may change its inputs in place.

        Args:
            x: features, shape (rows, ...), or several inputs.
            codes: shape (rows, embedded columns); None where there are none.
        """
        if isinstance(x, TensorInputs):
            x = x.clone()
            if x.names is not None:
                return (), dict(zip(x.names, x.tensors, strict=True))
            if not x.sequences:
                return x.tensors, {}
            padded, lengths = x.tensors
            return (padded,), {name: _made(kind, padded, lengths) for name, kind in self.from_lengths}
        some = codes is not None and codes.shape[-1] > 0
        if codes is not None and (self.codes is TakesCodes.ALWAYS or (self.codes is TakesCodes.IF_ANY and some)):
            return (x.clone(), codes.clone()), {}
        return (x.clone(),), {}


def call_forward(module: nn.Module, x: Features, codes: Tensor | None = None) -> Any:
    """Run a network on copies of its inputs.

    Args:
        module: the network.
        x: features, shape (rows, ...), or several inputs.
        codes: codes, shape (rows, embedded columns); None where there are none.

    Example:
        >>> call_forward(nn.Identity(), torch.ones(1, 2))
        tensor([[1., 1.]])
    """
    by_place, by_name = ForwardArguments.of(module)(x, codes)
    return module(*by_place, **by_name)


def asks_for_codes(module: nn.Module) -> TakesCodes:
    """Read from the signature of a network's forward whether it asks for codes as its second argument.

    A parameter called `codes` asks for them, always if it has no default. A second parameter of another name asks for
    them where there are some if it has no default; one that has a default (a mask, a hidden state, a flag) is something
    else, and so are `*args` and `**kwargs`.

    Example:
        >>> asks_for_codes(nn.Linear(2, 1))
        <TakesCodes.NEVER: 'never'>
        >>> asks_for_codes(nn.GRU(2, 1))
        <TakesCodes.NEVER: 'never'>
    """
    return _codes(_parameters(module))


def takes_codes(module: nn.Module, columns: int) -> bool:
    """Whether a network's forward is given codes of so many embedded columns beside the features.

    Example:
        >>> takes_codes(nn.Linear(2, 1), 3)
        False
    """
    asks = asks_for_codes(module)
    return asks is TakesCodes.ALWAYS or (asks is TakesCodes.IF_ANY and columns > 0)


def _parameters(module: nn.Module) -> list[inspect.Parameter]:
    """The parameters of a network's forward, of the one within if it is compiled; none where they are not known."""
    while isinstance(inner := getattr(module, "_orig_mod", None), Module) or (
        isinstance(module, nn.DataParallel) and isinstance(inner := module.module, Module)
    ):
        module = inner
    try:
        return list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        return []


def _codes(parameters: Sequence[inspect.Parameter]) -> TakesCodes:
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2:
        return TakesCodes.NEVER
    second = positional[1]
    needed = second.default is second.empty
    if second.name == "codes":
        return TakesCodes.ALWAYS if needed else TakesCodes.IF_ANY
    return TakesCodes.IF_ANY if needed else TakesCodes.NEVER


def _from_lengths(parameters: Sequence[inspect.Parameter]) -> tuple[tuple[str, FromLengths], ...]:
    """By name: lengths, masks of padding, masks of steps; a second parameter that is needed takes lengths."""
    found: dict[str, FromLengths] = {}
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    for place, one in enumerate(named):
        name = one.name.lower()
        if place == 0:
            continue
        if "mask" in name:
            found[one.name] = FromLengths.PADDING_MASK if "pad" in name else FromLengths.MASK
        elif "length" in name or "lens" in name or (place == 1 and one.default is one.empty):
            found[one.name] = FromLengths.LENGTHS
    return tuple(found.items())


def _made(kind: FromLengths, padded: Tensor, lengths: Tensor) -> Tensor:
    if kind is FromLengths.LENGTHS:
        return lengths
    steps = torch.arange(padded.shape[1], device=padded.device) < lengths[:, None]
    return steps if kind is FromLengths.MASK else ~steps
