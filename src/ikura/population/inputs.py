"""What a network's forward is given: features, and codes of embedded categories where it asks for them."""

from __future__ import annotations

import inspect
from enum import Enum

from torch import Tensor, nn

__all__ = ["TakesCodes", "asks_for_codes", "inputs_of", "takes_codes"]


class TakesCodes(Enum):
    """When a forward is given codes."""

    NEVER = "never"
    IF_ANY = "where there are some"
    ALWAYS = "always"


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
    while isinstance(inner := getattr(module, "_orig_mod", None), nn.Module) or (
        isinstance(module, nn.DataParallel) and isinstance(inner := module.module, nn.Module)
    ):
        module = inner
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        return TakesCodes.NEVER
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2:
        return TakesCodes.NEVER
    second = positional[1]
    needed = second.default is second.empty
    if second.name == "codes":
        return TakesCodes.ALWAYS if needed else TakesCodes.IF_ANY
    return TakesCodes.IF_ANY if needed else TakesCodes.NEVER


def takes_codes(module: nn.Module, columns: int) -> bool:
    """Whether a network's forward is given codes of so many embedded columns beside the features.

    Example:
        >>> takes_codes(nn.Linear(2, 1), 3)
        False
    """
    asks = asks_for_codes(module)
    return asks is TakesCodes.ALWAYS or (asks is TakesCodes.IF_ANY and columns > 0)


def inputs_of(module: nn.Module, x: Tensor, codes: Tensor | None) -> tuple[Tensor, ...]:
    """Return what a network's forward is given, as copies: a network may change its inputs in place.

    Args:
        module: the network.
        x: features, shape (rows, ...).
        codes: codes, shape (rows, embedded columns); None where there are none.

    Example:
        >>> import torch
        >>> x = torch.ones(1, 2)
        >>> [given] = inputs_of(nn.Linear(2, 1), x, None)
        >>> given.data_ptr() == x.data_ptr()
        False
    """
    if codes is not None and takes_codes(module, codes.shape[1]):
        return x.clone(), codes.clone()
    return (x.clone(),)
