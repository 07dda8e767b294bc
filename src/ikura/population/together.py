"""One network's forward pass for all members of a tile: at once with vmap, or one after another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

__all__ = ["Together"]


class Together:
    """Run a module, written for one member, with every member's parameters and buffers.

    What runs is `vmap(functional_call, randomness="same")`. A module that vmap cannot run (recurrent layers, decisions
    by the values of tensors) runs for one member after another with the same random numbers: slower, the same result.
    So does one with convolutions on the CPU, where vmap's grouped convolutions are the slower way.

    Args:
        module: the network of one member.
        vectorised: whether vmap is tried at first.

    Example:
        >>> layer = torch.nn.Linear(1, 1, bias=False)
        >>> run = Together(layer)
        >>> run({"weight": torch.tensor([[[2.0]], [[3.0]]])}, {}, [torch.ones(1, 1)]).flatten()
        tensor([2., 3.])
    """

    def __init__(self, module: nn.Module, vectorised: bool = True) -> None:
        self.module = module
        self.vectorised = vectorised
        """Whether vmap is tried; it is given up for good when it has failed once."""

    def __call__(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        inputs: Sequence[Tensor],
        apart: bool = False,
    ) -> Tensor:
        """Compute the outputs of all members.

        Args:
            parameters, buffers: tensors of shape (members, ...); buffers are changed in place as the module does.
            inputs: what `forward` takes, shared by the members.
            apart: whether the first input is not shared, but of shape (members, ...).

        Returns:
            The outputs, shape (members, ...).

        Raises:
            RuntimeError: the module fails on its own, or outputs of different shapes come out.
        """
        if self.vectorised:
            before = {name: buffer.clone() for name, buffer in buffers.items()}
            try:
                axes = (0 if apart else None, *(None for _ in inputs[1:]))
                return vmap(self._one, in_dims=(0, 0, axes), randomness="same")(parameters, buffers, tuple(inputs))
            except RuntimeError:
                self.vectorised = False
                for name, buffer in before.items():
                    buffers[name].copy_(buffer)
        return self._one_after_another(parameters, buffers, inputs, apart)

    def _one(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Sequence[Tensor]) -> Tensor:
        return functional_call(self.module, (parameters, buffers), tuple(inputs))

    def _one_after_another(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Sequence[Tensor], apart: bool
    ) -> Tensor:
        device = inputs[0].device
        generator = torch.cuda.default_generators[device.index or 0] if device.type == "cuda" else None
        states = torch.get_rng_state(), None if generator is None else generator.get_state()
        outputs = []
        for k in range(len(next(iter(parameters.values())))):
            torch.set_rng_state(states[0])
            if generator is not None and states[1] is not None:
                generator.set_state(states[1])
            own = {name: buffer[k] for name, buffer in buffers.items()}
            taken = [inputs[0][k], *inputs[1:]] if apart else inputs
            # Copies: where a tensor begins in memory may decide the order of a sum.
            mine = {name: parameter[k].clone() for name, parameter in parameters.items()}
            outputs.append(self._one(mine, own, taken))
        return torch.stack(outputs)
