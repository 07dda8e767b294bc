"""Building the caller's own network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Module, Tensor, nn, torch
from ikura.nn.generators import seeded
from ikura.population.inputs import Features, call_forward
from ikura.population.member import Hyperparameters
from ikura.population.torch_settings import default_torch_settings

__all__ = ["COMPILED", "Factory", "NetworkError", "build", "unwrapped"]


class NetworkError(UsageError):
    """A network cannot be made, or fails; with other hyperparameters it may not."""


COMPILED = "_orig_mod"
"""Under which name `torch.compile` keeps a module."""

Factory = Callable[[Hyperparameters], Module]


def unwrapped(module: Any) -> Any:
    """Take a network out of `torch.compile` and `nn.DataParallel`, which are for running one network alone.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> unwrapped(torch.compile(nn.DataParallel(layer), backend="eager")) is layer
        True
    """
    while isinstance(module, Module):
        inner = module.module if isinstance(module, nn.DataParallel) else getattr(module, COMPILED, None)
        if not isinstance(inner, Module):
            break
        module = inner
    return module


def build(
    factory: Factory, hyperparameters: Mapping[str, Any], key: int, who: str, inputs: Sequence[Features] = ()
) -> nn.Module:
    """Call a factory under keyed random numbers, as in a fresh interpreter; the caller's own are left as they were.

    Factories are called one at a time, because the generators that they draw from, and the default precision, belong to
    the whole process.

    Args:
        factory: makes a network from hyperparameters.
        hyperparameters: what it reads.
        key: seeds the generators of torch, NumPy and Python, so that the initial weights depend on it alone.
        who: begins an error message, such as "trial 3".
        inputs: a few examples, x and codes; lazy modules (`nn.LazyLinear`) take their shapes from them.

    Returns:
        The network.

    Raises:
        NetworkError: the factory fails.
        UsageError: what it returns is not an `nn.Module`.
    """
    with seeded(key, dtype="float32"), default_torch_settings():
        try:
            module = factory(Hyperparameters(hyperparameters))
            if inputs and isinstance(module, Module) and any(map(nn.parameter.is_lazy, module.parameters())):
                with torch.no_grad():
                    codes = inputs[1] if len(inputs) > 1 else None
                    call_forward(module.eval(), inputs[0], codes if isinstance(codes, Tensor) else None)
        except UsageError as error:
            raise UsageError(f"{who}: {error}") from None
        except Exception as error:
            reason = " ".join(str(error).split())
            raise NetworkError(
                f"{who}: the network factory failed with {type(error).__name__}: {reason} "
                f"(hyperparameters {dict(hyperparameters)})"
            ) from error
    if isinstance(module, Module) and any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise UsageError(f"{who}: the network is scripted, so that its weights cannot be exchanged; give it unscripted")
    module = unwrapped(module)
    if not isinstance(module, Module):
        kind = type(module).__name__
        raise UsageError(f"{who}: the network factory must return an nn.Module, but returned {kind}")
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_meta:
            raise UsageError(f"{who}: the network's {name} is on the meta device, without values; make it on the CPU")
    return module
