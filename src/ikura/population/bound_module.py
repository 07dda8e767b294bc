"""A network whose parameters, gradients and buffers lie where a tile keeps those of its members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ikura.errors import UsageError
from ikura.population.inputs import Features, ForwardArguments
from ikura.population.stacked_module import check_buffer

__all__ = ["BoundModule"]

_ABSENT = object()


class _Held(NamedTuple):
    """A parameter or buffer, and where it belongs.

    Attributes:
        path: its name in the network.
        owner: of the part that has it, its parameters or buffers by name.
        name: its name there.
        tensor: itself.
        place: the memory in which it lies.
        address: of that memory.
    """

    path: str
    owner: dict[str, Any]
    name: str
    tensor: Tensor
    place: Tensor
    address: int


class BoundModule:
    """Run a member's network as it is, on numbers that are kept in a tile.

    Parameters and buffers stay the objects that they were, so that hooks, tied weights and lists of parameters keep
    their meaning; only their memory is another.

    Args:
        module: the network.
        numbers: memory of each parameter and buffer, by name, with their values; of the same shapes.
        gradients: memory of the gradient of each parameter that is trained, by name.
        passing: attributes that each forward sets anew; they are put back, so that none outlives its forward.

    Example:
        >>> layer, flat, slope = nn.Linear(1, 1, bias=False), torch.tensor([[3.0]]), torch.zeros(1, 1)
        >>> bound = BoundModule(layer, {"weight": flat}, {"weight": slope})
        >>> bound(torch.ones(2, 1), torch.ones(2, 0)).sum().backward()
        >>> slope
        tensor([[2.]])
    """

    def __init__(
        self,
        module: nn.Module,
        numbers: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        passing: Iterable[str] = (),
    ) -> None:
        self.module, self.arguments = module, ForwardArguments.of(module)
        self.passing = [(module.get_submodule(w), n) for w, _, n in (path.rpartition(".") for path in passing)]
        self.before = [vars(part).get(name, _ABSENT) for part, name in self.passing]
        self.held: list[_Held] = []
        self.slopes: list[tuple[str, Tensor, int]] = []
        for path, tensor in (*module.named_parameters(), *module.named_buffers()):
            where, _, name = path.rpartition(".")
            part, place = module.get_submodule(where), numbers[path]
            owner: Any = part._parameters if name in part._parameters else part._buffers
            tensor.data = place
            self.held.append(_Held(path, owner, name, tensor, place, place.data_ptr()))
            if path in gradients and tensor.requires_grad:
                tensor.grad = gradients[path]
                self.slopes.append((path, tensor, gradients[path].data_ptr()))

    def __call__(self, x: Features, codes: Tensor) -> Any:
        """Compute what the network returns; it is given copies of its inputs, which it may change."""
        by_place, by_name = self.arguments(x, codes)
        return self.module(*by_place, **by_name)

    def settle(self) -> None:
        """Bring to their places what a forward has assigned anew, after the backward pass that may need it.

        Raises:
            UsageError: a buffer has become another kind of thing.
        """
        for path, owner, name, tensor, place, address in self.held:
            now = owner.get(name)
            if now is tensor and tensor.data_ptr() == address:
                continue
            with torch.no_grad():
                place.copy_(check_buffer(path, place, now).detach())
            tensor.data = place
            owner[name] = tensor
        for (part, name), value in zip(self.passing, self.before, strict=True):
            if value is not _ABSENT:
                setattr(part, name, value)
            elif name in vars(part):
                delattr(part, name)

    def check_gradients(self) -> None:
        """Refuse a network that puts other gradients in the place of its own.

        Raises:
            UsageError: it does.
        """
        for path, parameter, address in self.slopes:
            if parameter.grad is None or parameter.grad.data_ptr() != address:
                raise UsageError(f"forward replaces the gradient of {path}; leave parameters' .grad as it is")
