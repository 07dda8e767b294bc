"""One network's forward pass for all members of a tile: at once with vmap, or one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Tensor, nn, pytree, torch
from ikura.nn.generators import GeneratorStates
from ikura.nn.loss import OutputShape
from ikura.population.inputs import Features, ForwardArguments

__all__ = ["MemberError", "StackedModule", "check_buffer", "stacked_state"]

_ABSENT = object()


class MemberError(Exception):
    """A member's network failed.

    Attributes:
        place: the member's place.
        cause: what it raised.
    """

    def __init__(self, place: int, cause: Exception) -> None:
        super().__init__(place, cause)
        self.place, self.cause = place, cause


class StackedModule:
    """Run a module, written for one member, with every member's parameters and buffers.

    What runs is `vmap(functional_call, randomness="same")`. A module that vmap cannot run (recurrent layers, decisions
    by the values of tensors) runs for one member after another with the same random numbers: slower, the same result.
    So does one with convolutions on the CPU, where vmap's grouped convolutions are the slower way.

    Buffers that a forward changes or assigns anew are kept, each member's own. The module is given copies of its
    inputs, which it may change.

    Args:
        modules: the network, or one for each member where they keep values in attributes.
        vectorised: whether vmap is tried at first.
        outputs: the outputs that the network must return; None where that is not known.
        passing: attributes that each forward sets anew; they are put back, so that none outlives its forward.

    Example:
        >>> layer = torch.nn.Linear(1, 1, bias=False)
        >>> run = StackedModule([layer])
        >>> run({"weight": torch.tensor([[[2.0]], [[3.0]]])}, {}, [torch.ones(1, 1)]).flatten()
        tensor([2., 3.])
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        vectorised: bool = True,
        outputs: OutputShape | None = None,
        passing: Iterable[str] = (),
    ) -> None:
        self.modules = list(modules)
        self.vectorised = vectorised
        """Whether vmap is tried; it is given up for good when it has failed once."""
        self.reason = ""
        """Why vmap was given up; empty while it was not."""
        self.outputs = outputs
        self.arguments = ForwardArguments.of(self.modules[0])
        self.passing = [path.rpartition(".")[::2] for path in passing]

    def __call__(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        inputs: Sequence[Features],
        apart: bool = False,
    ) -> Any:
        """Compute the outputs of all members.

        Args:
            parameters, buffers: tensors of shape (members, ...); buffers are changed in place as the module does.
            inputs: features, and codes where there are some, shared by the members.
            apart: whether the first input is not shared, but of shape (members, ...).

        Returns:
            The outputs, shape (members, ...), or a tuple or dictionary of such where the network returns one.

        Raises:
            MemberError: the module of a member fails on its own.
            UsageError: it does not return outputs.
        """
        if self.vectorised:
            before = {name: buffer.clone() for name, buffer in buffers.items()}
            try:
                return self.at_once(parameters, buffers, inputs, apart)
            except UsageError:
                raise
            except Exception as error:
                self.give_up(buffers, before, error)
        return self._one_after_another(parameters, buffers, inputs, apart)

    def give_up(self, buffers: dict[str, Tensor], before: dict[str, Tensor], error: Exception) -> None:
        """Run one member after another from now on, from the buffers that there were before."""
        self.vectorised, self.reason = False, " ".join(f"{type(error).__name__}: {error}".split())
        for name, buffer in before.items():
            buffers[name].copy_(buffer)

    def at_once(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Sequence[Features], apart: bool = False
    ) -> Any:
        """Compute the outputs of all members with vmap; the arguments are those of a call."""
        assigned: list[str] = []

        def one(
            parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: tuple[Features, ...]
        ) -> tuple[Any, dict[str, Tensor]]:
            outputs, new = self._run(self.modules[0], parameters, buffers, inputs)
            assigned.extend(new)
            return outputs, new

        axes = (0 if apart else None, *(None for _ in inputs[1:]))
        outputs, new = torch.func.vmap(one, in_dims=(0, 0, axes), randomness="same")(parameters, buffers, tuple(inputs))
        for name in assigned:
            _assign(name, buffers[name], new[name])
        return outputs

    def member(
        self, place: int, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Sequence[Features]
    ) -> Any:
        """Compute the outputs of one member.

        Args:
            place: of the member.
            parameters: its own.
            buffers: tensors of shape (members, ...); its own are changed in place.
            inputs: its own, or those that members share.
        """
        own = {name: buffer[place] for name, buffer in buffers.items()}
        outputs, new = self._run(self.modules[place % len(self.modules)], parameters, own, inputs)
        for name, value in new.items():
            _assign(name, own[name], value)
        return outputs

    def _run(
        self, module: nn.Module, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Sequence[Features]
    ) -> tuple[Any, dict[str, Tensor]]:
        """Outputs, and the buffers that the forward assigned anew."""
        state = {**parameters, **buffers}
        kept = [(module.get_submodule(where), name) for where, name in self.passing]
        values = [vars(part).get(name, _ABSENT) for part, name in kept]
        x, *codes = inputs
        one = codes[0] if codes else None
        by_place, by_name = self.arguments(x, one if isinstance(one, Tensor) else None)
        try:
            outputs = torch.func.functional_call(module, state, by_place, by_name)
        finally:
            for (part, name), value in zip(kept, values, strict=True):
                if value is not _ABSENT:
                    setattr(part, name, value)
                elif name in vars(part):
                    delattr(part, name)
        new = {name: state[name] for name, buffer in buffers.items() if state.get(name) is not buffer}
        if self.outputs is not None:
            self.outputs.check(outputs, len(x))
        return outputs, new

    def _one_after_another(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Sequence[Features], apart: bool
    ) -> Any:
        begin, outputs = GeneratorStates.now(inputs[0].device), []
        for k in range(len(next(iter(parameters.values())))):
            begin.go()
            taken = [inputs[0][k], *inputs[1:]] if apart else inputs
            # Copies: where a tensor begins in memory may decide the order of a sum.
            mine = {name: parameter[k].clone() for name, parameter in parameters.items()}
            try:
                outputs.append(self.member(k, mine, buffers, taken))
            except Exception as error:
                raise MemberError(k, error) from error
        return pytree.tree_map(lambda *each: torch.stack(each) if isinstance(each[0], Tensor) else each[0], *outputs)


def check_buffer(name: str, buffer: Tensor, value: object) -> Tensor:
    """Refuse what a forward assigns to a buffer if it is of another shape or kind; return it.

    Example:
        >>> check_buffer("queue", torch.zeros(0, 2), torch.zeros(8, 2))
        Traceback (most recent call last):
        ikura.errors.UsageError: forward makes the buffer 'queue', float32 (0, 2), into float32 (8, 2); keep its shape
    """
    if not isinstance(value, Tensor):
        raise UsageError(f"forward sets the buffer {name!r} to {value!r}; give it a tensor of the same shape")
    if value.shape != buffer.shape or value.is_floating_point() != buffer.is_floating_point():
        was, now = (f"{str(one.dtype).removeprefix('torch.')} {tuple(one.shape)}" for one in (buffer, value))
        what = "shape" if value.shape != buffer.shape else "kind of number"
        raise UsageError(f"forward makes the buffer {name!r}, {was}, into {now}; keep its {what}")
    return value


def _assign(name: str, buffer: Tensor, value: object) -> None:
    """Keep what a forward assigned to a buffer."""
    buffer.copy_(check_buffer(name, buffer, value).detach())


def stacked_state(modules: Sequence[nn.Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters and buffers of several networks by name, each stacked along a first axis.

    Args:
        modules: with parameters and buffers of the same names and shapes. Their classes may be others, as where a
            factory defines one in each call, which `torch.func.stack_module_state` refuses.

    Example:
        >>> parameters, _ = stacked_state([nn.Linear(2, 1), nn.Linear(2, 1)])
        >>> {name: tuple(one.shape) for name, one in parameters.items()}
        {'weight': (2, 1, 2), 'bias': (2, 1)}
    """
    found = torch.func.stack_module_state([nn.ModuleList([module]) for module in modules])
    parameters, buffers = ({name.removeprefix("0."): one for name, one in each.items()} for each in found)
    return parameters, buffers
