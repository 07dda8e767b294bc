"""What tells networks apart that cannot share a population."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any

from ikura.lazy_torch import Tensor, nn, torch
from ikura.population.attribute_reads import names_read, of_libraries

__all__ = ["channels_last", "convolves", "hooks_gradients", "structure", "structures", "weights_of"]

STATE = ("_parameters", "_buffers", "_modules")


@lru_cache(maxsize=1)
def _plain() -> tuple[type, ...]:
    return int, float, bool, str, bytes, type(None), torch.dtype, torch.device, torch.Size


@lru_cache(maxsize=1)
def _dropouts() -> tuple[type, ...]:
    return nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout


@lru_cache(maxsize=1)
def _internal() -> frozenset[str]:
    """Attributes that every module has."""
    return frozenset(vars(nn.Module()))


def structure(module: nn.Module, rates: bool = True) -> Hashable:
    """Describe everything of a network but the values of its parameters and buffers, and attributes that nothing reads.

    Two networks with the same structure compute the same function of (parameters, buffers, inputs), so one program can
    run both. Attributes that cannot be compared count as different, which only costs speed.

    Args:
        module: the network of one member.
        rates: whether the rates of torch's dropout layers belong to it, as they do where one program runs all networks.

    Returns:
        A value that is equal for networks that can be stacked.

    Example:
        >>> from torch.nn import Dropout, Linear
        >>> structure(Linear(2, 3)) == structure(Linear(2, 3))
        True
        >>> structure(Dropout(0.1)) == structure(Dropout(0.2))
        False
    """
    full, unrated, _ = structures(module)
    return full if rates else unrated


def structures(module: nn.Module) -> tuple[Hashable, Hashable, Hashable]:
    """Describe a network three times: whole, without rates of dropout, and without the sizes of its layers as well.

    Networks that are equal but for rates and sizes are of one kin: their code is the same, and all attributes of the
    caller's own classes that anything reads; what differs are numbers in layers of libraries, and shapes of tensors.

    Example:
        >>> one, other = structures(nn.Linear(2, 3)), structures(nn.Linear(5, 4))
        >>> [a == b for a, b in zip(one, other)]
        [False, False, True]
    """
    full: list[Hashable] = []
    unrated: list[Hashable] = []
    kin: list[Hashable] = []
    first: dict[int, str] = {}
    tied = tuple((n, first.setdefault(id(p), n)) for n, p in module.named_parameters(remove_duplicate=False))
    registered = {id(t): name for name, t in (*module.named_parameters(), *module.named_buffers())}
    read = names_read(module)
    for name, part in module.named_modules():
        library = of_libraries(type(part))
        every = read is None or library
        own = {
            k: v for k, v in vars(part).items() if k not in STATE and (every or k in _internal() or k in (read or ()))
        }
        tensors = tuple((k, _shape(t)) for k, t in (*part._parameters.items(), *part._buffers.items()))
        attributes = [(k, _comparable(v, registered)) for k, v in sorted(own.items())]
        full.append((name, type(part), tensors, tuple(attributes)))
        if type(part) in _dropouts():
            attributes = [one for one in attributes if one[0] != "p"]
        unrated.append((name, type(part), tensors, tuple(attributes)))
        tensors = tuple((k, shape and (len(shape[0]), *shape[1:])) for k, shape in tensors)
        if library:
            attributes = [one for one in attributes if not _is_size(own[one[0]])]
        kin.append((name, type(part), tensors, tuple(attributes)))
    return (tuple(full), tied), (tuple(unrated), tied), (tuple(kin), tied)


def _is_size(value: Any) -> bool:
    """Whether an attribute of a layer is a number, or several: a width, a kernel's size, a rate."""
    if isinstance(value, tuple):
        return all(map(_is_size, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shape(tensor: torch.Tensor | None) -> Any:
    if tensor is None:
        return None
    return tuple(tensor.shape), tensor.dtype, tensor.requires_grad, _comparable(tensor._backward_hooks, {})


def hooks_gradients(module: nn.Module) -> bool:
    """Whether a network has hooks that see or change gradients, of its parameters or of its parts.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> before = hooks_gradients(layer)
        >>> handle = layer.weight.register_hook(lambda gradient: 2 * gradient)
        >>> before, hooks_gradients(layer)
        (False, True)
    """
    return any(p._backward_hooks for p in module.parameters()) or any(
        part._backward_hooks or part._backward_pre_hooks for part in module.modules()
    )


def weights_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of a network that are floats, by name: its weights. Whole numbers among them are never trained.

    Example:
        >>> order = nn.Parameter(torch.arange(2), requires_grad=False)
        >>> layer = nn.Linear(2, 1)
        >>> layer.register_parameter("order", order)
        >>> list(weights_of(layer))
        ['weight', 'bias']
    """
    return {name: p for name, p in module.named_parameters() if p.is_floating_point()}


def convolves(module: nn.Module) -> bool:
    """Whether a network has convolutions."""
    return any(isinstance(part, nn.modules.conv._ConvNd) for part in module.modules())


def channels_last(module: nn.Module) -> bool:
    """Whether a network's factory laid it out with the channels of a pixel side by side."""
    weights = [p for p in module.parameters() if p.dim() == 4]
    return any(not p.is_contiguous() and p.is_contiguous(memory_format=torch.channels_last) for p in weights)


class _Same:
    """Equal to nothing but itself; keeps what it stands for alive, so that its identity stays its own."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _comparable(value: Any, registered: Mapping[int, str]) -> Hashable:
    """What is equal for equal values; parameters and buffers of the network, by their ids, go by their names."""
    if isinstance(value, _plain()):
        return type(value), value
    if isinstance(value, weakref.ref):
        return type(value), _comparable(value(), registered)
    if isinstance(value, Tensor) and id(value) in registered:
        return type(value), registered[id(value)]
    if isinstance(value, list | tuple):
        return type(value), tuple(_comparable(v, registered) for v in value)
    if isinstance(value, set | frozenset):
        return type(value), frozenset(_comparable(v, registered) for v in value)
    if isinstance(value, dict):
        return type(value), tuple((_comparable(k, registered), _comparable(v, registered)) for k, v in value.items())
    return _Same(value)
